import assert from "node:assert/strict";
import { awsEndpoint, findAwsIdentity } from "../../lib/auth/aws_identity.ts";
import { serveAws } from "./aws_server.ts";
import { testContext } from "./context.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret-key" };
const WEB = { AWS_ROLE_ARN: "arn:aws:iam::1:role/r", AWS_WEB_IDENTITY_TOKEN_FILE: "/token" };
const POD = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials" };
const ECS = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/1" };
const PROFILE = { AWS_PROFILE: "dev" };
const S3 = { S3_ENDPOINT: "minio.example:9000" };
const HOME = { HOME: "/home/me" };
const FILES = { "/home/me/.aws/credentials": "[default]\naws_access_key_id = AKIAEXAMPLE\n" };

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
  ["a credentials file and an S3 secret", { ...HOME, ...KEYS, ...S3 }, "profile"],
];

for (const [name, environment, expected] of rows) {
  Deno.test(`AWS identity: ${name}: ${expected ?? "none"}`, async () => {
    const context = testContext({ environment, files: FILES });
    assert.equal((await findAwsIdentity(context))?.kind, expected);
    const isSaid = context.lines.some((line) => line.includes("S3_ENDPOINT is set"));
    assert.equal(
      isSaid,
      /^an S3 secret and|and an S3 secret$/.test(name),
      "the log says when S3 keys are passed over",
    );
  });
}

/** With a role of the instance in reach. */
const instances: [name: string, environment: Record<string, string>, expected?: string][] = [
  ["nothing else", {}, "instance"],
  ["a region", { AWS_REGION: "eu-west-1" }, "instance"],
  ["keys", KEYS, "keys"],
  ["web identity", WEB, "web identity"],
  ["Pod Identity", POD, "container"],
  ["a profile", PROFILE, "profile"],
  ["a credentials file", HOME, "profile"],
  ["an S3 secret", { ...KEYS, ...S3 }, "instance"],
  ["half of a web identity", { AWS_ROLE_ARN: "arn:aws:iam::1:role/r" }, undefined],
  ["half of the keys", { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE" }, undefined],
  ["its metadata turned off", { AWS_EC2_METADATA_DISABLED: "true" }, undefined],
];

for (const [name, environment, expected] of instances) {
  Deno.test(`AWS identity on EC2: ${name}: ${expected ?? "none"}`, async () => {
    await using server = serveAws();
    const world = { environment: { ...server.environment, ...environment }, files: FILES, fetch };
    const identity = await findAwsIdentity(testContext(world), { instance: true });
    assert.equal(identity?.kind, expected);
    if (expected !== "instance") assert.equal(server.instance.length, 0, "it is not looked for");
    await findAwsIdentity(testContext(world));
    const asked = server.instance.length;
    assert.equal(asked, expected === "instance" ? 2 : 0, "it is not looked for unasked");
  });
}

const ALL = { AWS_ENDPOINT_URL: "http://all" };
const OWN = {
  AWS_ENDPOINT_URL_ECR: "http://ecr",
  AWS_ENDPOINT_URL_STS: "http://sts",
  AWS_ENDPOINT_URL_ECR_PUBLIC: "http://public",
};

type Row = [
  name: string,
  environment: Record<string, string>,
  ecr?: string,
  sts?: string,
  ecrPublic?: string,
];
const endpoints: Row[] = [
  ["none", {}, undefined, undefined],
  ["one for all", ALL, "http://all", "http://all", "http://all"],
  ["each its own", { ...ALL, ...OWN }, "http://ecr", "http://sts", "http://public"],
  ["the S3 store's is not theirs", { ...ALL, ...S3 }, undefined, undefined],
  [
    "their own count beside an S3 store",
    { ...ALL, ...OWN, ...S3 },
    "http://ecr",
    "http://sts",
    "http://public",
  ],
  ["ignored", { ...ALL, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" }, undefined, undefined],
];

for (const [name, environment, ...expected] of endpoints) {
  Deno.test(`AWS endpoints: ${name}`, () => {
    const services = ["ECR", "STS", "ECR_PUBLIC"] as const;
    const found = services.map((service) => awsEndpoint(service, environment));
    assert.deepEqual(found, [...expected, undefined].slice(0, 3));
  });
}
