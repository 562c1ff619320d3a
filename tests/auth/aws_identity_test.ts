import assert from "node:assert/strict";
import { awsEndpoint, findAwsIdentity } from "../../lib/auth/aws_identity.ts";
import { testContext } from "./context.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret-key" };
const WEB = { AWS_ROLE_ARN: "arn:aws:iam::1:role/r", AWS_WEB_IDENTITY_TOKEN_FILE: "/token" };
const POD = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials" };
const ECS = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/1" };
const PROFILE = { AWS_PROFILE: "dev" };
const S3 = { S3_ENDPOINT: "minio.example:9000" };
const HOME = { HOME: "/home/me" };

const rows: [name: string, environment: Record<string, string>, expected: string | undefined][] = [
  ["nothing", {}, undefined],
  ["a region alone", { AWS_REGION: "eu-west-1" }, undefined],
  ["keys", KEYS, "keys"],
  ["half of the keys", { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE" }, undefined],
  ["web identity", WEB, "web identity"],
  ["half of a web identity", { AWS_ROLE_ARN: "arn:aws:iam::1:role/r" }, undefined],
  ["Pod Identity", POD, "container"],
  ["ECS", ECS, "container"],
  ["keys and web identity, in AWS's order", { ...KEYS, ...WEB }, "keys"],
  ["keys and Pod Identity, in AWS's order", { ...KEYS, ...POD }, "keys"],
  ["web identity and Pod Identity", { ...WEB, ...POD }, "web identity"],
  ["a profile and keys", { ...PROFILE, ...KEYS }, "profile"],
  ["an S3 secret and web identity", { ...KEYS, ...WEB, ...S3 }, "web identity"],
  ["an S3 secret and Pod Identity", { ...KEYS, ...POD, ...S3 }, "container"],
  ["an S3 secret alone", { ...KEYS, ...S3 }, "keys"],
  ["a credentials file at home", HOME, "profile"],
  ["a credentials file and keys", { ...HOME, ...KEYS }, "keys"],
  ["a credentials file and web identity", { ...HOME, ...WEB }, "web identity"],
];

for (const [name, environment, expected] of rows) {
  Deno.test(`AWS identity: ${name}: ${expected ?? "none"}`, async () => {
    const context = testContext({ environment, files: { "/home/me/.aws/credentials": "" } });
    assert.equal((await findAwsIdentity(context))?.kind, expected);
    const isSaid = context.lines.some((line) => line.includes("S3_ENDPOINT is set"));
    assert.equal(
      isSaid,
      name.startsWith("an S3 secret and"),
      "the log says when S3 keys are passed over",
    );
  });
}

const ALL = { AWS_ENDPOINT_URL: "http://all" };
const OWN = { AWS_ENDPOINT_URL_ECR: "http://ecr", AWS_ENDPOINT_URL_STS: "http://sts" };

const endpoints: [name: string, environment: Record<string, string>, ecr?: string, sts?: string][] =
  [
    ["none", {}, undefined, undefined],
    ["one for all", ALL, "http://all", "http://all"],
    ["each its own", { ...ALL, ...OWN }, "http://ecr", "http://sts"],
    ["the S3 store's is not theirs", { ...ALL, ...S3 }, undefined, undefined],
    ["their own count beside an S3 store", { ...ALL, ...OWN, ...S3 }, "http://ecr", "http://sts"],
    ["ignored", { ...ALL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" }, undefined, undefined],
  ];

for (const [name, environment, ecr, sts] of endpoints) {
  Deno.test(`AWS endpoints: ${name}`, () => {
    assert.deepEqual([awsEndpoint("ECR", environment), awsEndpoint("STS", environment)], [
      ecr,
      sts,
    ]);
  });
}
