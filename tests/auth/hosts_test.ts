// Which family a registry's host belongs to, by the patterns of the sources. A family's look-alikes stand below it.
import assert from "node:assert/strict";
import { SOURCES } from "../../lib/auth/mod.ts";
import { canonicalHost } from "../../lib/auth/registry_host.ts";

/** The families of hosts, and how each is told: the clouds' by their sources, Docker Hub by its one name. */
const FAMILIES: [name: string, matches: (host: string) => boolean][] = [
  ...SOURCES.flatMap(({ name, matches }) =>
    matches === undefined ? [] : [[name, matches] as [string, typeof matches]]
  ),
  ["Docker Hub", (host) => canonicalHost(host) === "docker.io"],
];

const ACCOUNT = "123456789012";

/** Of no family: only credentials which name the host are for it. */
const rows: Record<string, string[]> = {
  "AWS ECR": [
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com:443`,
    `${ACCOUNT}.DKR.ecr.Eu-West-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.ap-southeast-5.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.us-gov-east-1.amazonaws.com`,
    `${ACCOUNT}.dkr-ecr.us-west-2.on.aws`,
    `${ACCOUNT}.dkr-ecr-fips.us-west-2.on.aws`,
    `${ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn`,
    `${ACCOUNT}.dkr.ecr.cn-northwest-1.amazonaws.com.cn`,
    `${ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn`,
    `${ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu`,
    `${ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov`,
    `${ACCOUNT}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov`,
    `${ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk`,
    `${ACCOUNT}.dkr.ecr.us-isof-south-1.csp.hci.ic.gov`,
    "public.ecr.aws",
    "public.ecr.aws:443",
    "ecr-public.aws.com",
  ],
  "not AWS ECR": [
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com.fake.example.com`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com.cn.fake.example.com.cn`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.community`,
    `${ACCOUNT}.dkr.ecr-fips.us-gov-west-1.amazonaws.com.example.com`,
    `${ACCOUNT}.dkr-ecr.us-west-2.on.aws.example.com`,
    `${ACCOUNT}.dkr-ecr.us-west-2.on.awsx`,
    `${ACCOUNT}.dkr-ecr.cn-north-1.on.aws.com.cn`,
    `${ACCOUNT}.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn.example.com`,
    `${ACCOUNT}.dkr.ecr.eusc-de-east-1.amazonaws.eu.example.eu`,
    `${ACCOUNT}.dkr.ecr.us-iso-east-1.c2s.ic.gov.example.com`,
    `${ACCOUNT}.dkr.ecr.us-isob-east-1.sc2s.sgov.gov.example.com`,
    `${ACCOUNT}.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk.example.com`,
    `${ACCOUNT}.dkr.ecr.us-isof-south-1.csp.hci.ic.gov.example.com`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonawsxcom`,
    `${ACCOUNT}xdkr.ecr.us-east-1.amazonaws.com`,
    `example.com.${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com`,
    `x${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com`,
    `${ACCOUNT}3.dkr.ecr.us-east-1.amazonaws.com`,
    "12345678901.dkr.ecr.us-east-1.amazonaws.com",
    ".dkr.ecr.us-east-1.amazonaws.com",
    `${ACCOUNT}.dkr.ecr.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.evil.us-east-1.amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.us-east-1.evil-amazonaws.com`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com:5000`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com:443.example.com`,
    `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com\n`,
    `${ACCOUNT}.dkr.ecr.us-east-1/@.amazonaws.com`,
    "api.ecr.us-east-1.amazonaws.com",
    `${ACCOUNT}.s3.us-east-1.amazonaws.com`,
    "public.ecr.aws.example.com",
    "public.ecr.awsx",
    "xpublic.ecr.aws",
    "evil.public.ecr.aws",
    "public-ecr.aws",
    "public.ecr.aws:5000",
    "ecr-public.aws.com.example.com",
    "my-ecr-public.aws.com",
    "gallery.ecr.aws",
  ],
  "Docker Hub": [
    "docker.io",
    "Docker.io",
    "index.docker.io",
    "registry-1.docker.io",
  ],
  "not Docker Hub": [
    "docker.io.example.com",
    "evil.docker.io",
    "mydocker.io",
    "docker.iox",
    "docker.io:5000",
    "registry-2.docker.io",
    "auth.docker.io",
    "index.docker.io.example.com",
    "index-docker.io",
  ],
  "Google": [
    "us-docker.pkg.dev",
    "europe-west4-docker.pkg.dev:443",
    "docker.me-central2.rep.pkg.dev",
    "gcr.io",
    "eu.gcr.io",
    "Asia.GCR.io",
  ],
  "not Google": [
    "pkg.dev",
    "europe-west4-npm.pkg.dev",
    "europe-west4-docker.pkg.dev.example.com",
    "europe-west4-docker.pkg.dev:5000",
    "xgcr.io",
    "gcr.io.example.com",
  ],
  "Azure ACR": [
    "myregistry.azurecr.io",
    "myregistry-a1b2.azurecr.io:443",
    "myregistry.eastus.geo.azurecr.io",
    "MyRegistry.azurecr.cn",
    "myregistry.azurecr.us",
  ],
  "not Azure ACR": [
    "azurecr.io",
    "xazurecr.io",
    "a.b.azurecr.io",
    "myregistry.azurecr.io.example.com",
    "myregistry.eastus.data.azurecr.io",
    "myregistry.azurecr.de",
  ],
  "no family": [
    "ghcr.io",
    "quay.io",
    "registry.gitlab.com",
    "harbor.example.com",
    "example.jfrog.io",
    "registry.example.com:5000",
    "localhost:5000",
    "127.0.0.1:5000",
    "[::1]:5000",
    "10.0.0.1",
  ],
};

for (const [family, hosts] of Object.entries(rows)) {
  for (const host of hosts) {
    Deno.test(`hosts: ${JSON.stringify(host)} is ${family}`, () => {
      const found = FAMILIES.filter(([, matches]) => matches(host)).map(([name]) => name);
      assert.deepEqual(found, /^no/.test(family) ? [] : [family]);
    });
  }
}

Deno.test("hosts: at least 60, and every family has look-alikes that must not match", () => {
  assert.ok(Object.values(rows).flat().length >= 60);
  for (const [family] of FAMILIES) {
    assert.ok(rows[family]?.length > 0, family);
    assert.ok(rows[`not ${family}`]?.length > 0, family);
  }
});
