import assert from "node:assert/strict";
import fc from "fast-check";
import { parseEcrHost } from "../../lib/auth/ecr.ts";

const mine: [host: string, region: string, isFips: boolean][] = [
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1", false],
  ["123456789012.dkr.ecr.eu-west-1.amazonaws.com:443", "eu-west-1", false],
  ["123456789012.DKR.ecr.Eu-West-1.amazonaws.com", "eu-west-1", false],
  ["123456789012.dkr.ecr.ap-southeast-5.amazonaws.com", "ap-southeast-5", false],
  ["123456789012.dkr.ecr.mx-central-1.amazonaws.com", "mx-central-1", false],
  ["123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2", false],
  ["123456789012.dkr-ecr-fips.us-west-2.on.aws", "us-west-2", true],
  ["123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "us-east-1", true],
  ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", true],
  ["123456789012.dkr-ecr-fips.us-gov-east-1.on.aws", "us-gov-east-1", true],
  ["123456789012.dkr.ecr.us-gov-east-1.amazonaws.com", "us-gov-east-1", false],
  ["123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false],
  ["123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn", "cn-northwest-1", false],
  ["123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", false],
  ["123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false],
  ["123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false],
  ["123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false],
  ["123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", false],
  ["123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", false],
];

for (const [host, region, isFips] of mine) {
  Deno.test(`${host} is ECR in ${region}`, () => {
    assert.deepEqual(parseEcrHost(host), { account: "123456789012", region, isFips });
  });
}

const lookAlikes: [host: string, why: string][] = [
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com.fake.example.com", "goes on behind"],
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com.cn.fake.example.com.cn", "goes on behind China"],
  ["123456789012.dkr.ecr.us-east-1.amazonaws.community", "a top-level domain that goes on"],
  ["123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com.example.com", "goes on behind FIPS"],
  ["123456789012.dkr-ecr.us-west-2.on.aws.example.com", "goes on behind dual stack"],
  ["123456789012.dkr-ecr.us-west-2.on.awsx", "dual stack, a longer ending"],
  ["123456789012.dkr-ecr.cn-north-1.on.aws.com.cn", "a mixture of on.aws and China"],
  [
    "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn.example.com",
    "goes on behind China's dual stack",
  ],
  [
    "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu.example.eu",
    "goes on behind the sovereign cloud",
  ],
  ["123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov.example.com", "goes on behind iso"],
  ["123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov.example.com", "goes on behind iso-b"],
  ["123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk.example.com", "goes on behind iso-e"],
  ["123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov.example.com", "goes on behind iso-f"],
  ["123456789012.dkr.ecr.us-east-1.amazonawsxcom", "a dot that is none"],
  ["123456789012xdkr.ecr.us-east-1.amazonaws.com", "a dot that is none behind the account"],
  ["example.com.123456789012.dkr.ecr.us-east-1.amazonaws.com", "begins earlier"],
  ["x123456789012.dkr.ecr.us-east-1.amazonaws.com", "a letter before the account"],
  ["1234567890123.dkr.ecr.us-east-1.amazonaws.com", "an account of 13 digits"],
  ["12345678901.dkr.ecr.us-east-1.amazonaws.com", "an account of 11 digits"],
  [".dkr.ecr.us-east-1.amazonaws.com", "no account"],
  ["123456789012.dkr.ecr.amazonaws.com", "no region"],
  ["123456789012.dkr.ecr.evil.us-east-1.amazonaws.com", "a label too many"],
  ["123456789012.dkr.ecr.us-east-1.evil-amazonaws.com", "another domain"],
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com:5000", "another port"],
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com:443.example.com", "goes on behind the port"],
  ["123456789012.dkr.ecr.us-east-1.amazonaws.com\n", "a line break"],
  ["123456789012.dkr.ecr.us-east-1/@.amazonaws.com", "a region that would be a URL"],
  ["api.ecr.us-east-1.amazonaws.com", "the API"],
  ["123456789012.s3.us-east-1.amazonaws.com", "another service"],
  ["public.ecr.aws", "the public registry"],
  ["ecr-public.aws.com", "the public registry's dual stack"],
  ["ghcr.io", "another registry"],
];

for (const [host, why] of lookAlikes) {
  Deno.test(`${JSON.stringify(host)} is not private ECR: ${why}`, () => {
    assert.equal(parseEcrHost(host), undefined);
  });
}

Deno.test("whatever stands behind or before an ECR host, it is none any more", () => {
  const hosts = fc.constantFrom(...mine.map(([host]) => host.replace(":443", "")));
  const more = fc.stringMatching(/^[a-z0-9.@/:-]+$/).filter((text) => text !== ":443");
  fc.assert(fc.property(hosts, more, (host, text) => {
    assert.equal(
      parseEcrHost(host + text) === undefined || (host + text).endsWith(".com.cn"),
      true,
    );
    assert.equal(parseEcrHost(text + host), undefined);
  }));
});
