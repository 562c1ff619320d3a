import assert from "node:assert/strict";
import fc from "fast-check";
import { parseEcrHost } from "../../lib/auth/ecr_host.ts";

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

const PUBLIC = { region: "us-east-1", isFips: false };
for (const host of ["public.ecr.aws", "Public.ECR.aws:443", "ecr-public.aws.com"]) {
  Deno.test(`${host} is the public registry, whose tokens come from us-east-1`, () => {
    assert.deepEqual(parseEcrHost(host), PUBLIC);
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
