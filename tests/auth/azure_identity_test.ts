import assert from "node:assert/strict";
import { describeIdentity, findAzureIdentity } from "../../lib/auth/azure_identity.ts";
import { failureOf } from "../support/failure.ts";

const HOST = "myregistry.azurecr.io";
const APP = { AZURE_CLIENT_ID: "id", AZURE_TENANT_ID: "tenant" };
const SECRET = { ...APP, AZURE_CLIENT_SECRET: "value-of-test" };
const WORKLOAD = { ...APP, AZURE_FEDERATED_TOKEN_FILE: "/var/run/token" };
const OLD = { AZ_CLIENT_ID: "old", AZ_TENANT_ID: "old-tenant", AZ_CLIENT_SECRET: "old-value" };

const found: [name: string, environment: Record<string, string>, expected: string][] = [
  ["nothing", {}, "the managed identity of the node"],
  ["a client id", { AZURE_CLIENT_ID: "id" }, 'the managed identity "id"'],
  ["a client id and a tenant", APP, 'the managed identity "id"'],
  ["a secret", SECRET, 'the service principal "id" with AZURE_CLIENT_SECRET'],
  ["a token file", WORKLOAD, 'the workload identity "id"'],
  [
    "a certificate",
    { ...APP, AZURE_CLIENT_CERTIFICATE_PATH: "/cert.pem" },
    'the service principal "id" with AZURE_CLIENT_CERTIFICATE_PATH',
  ],
  [
    "a secret and a token file",
    { ...WORKLOAD, ...SECRET },
    'the service principal "id" with AZURE_CLIENT_SECRET',
  ],
  [
    "a certificate and a token file",
    { ...WORKLOAD, AZURE_CLIENT_CERTIFICATE_PATH: "/cert.pem" },
    'the service principal "id" with AZURE_CLIENT_CERTIFICATE_PATH',
  ],
  ["the older names", OLD, 'the service principal "old" with AZ_CLIENT_SECRET'],
  ["an older client id", { AZ_CLIENT_ID: "old" }, 'the managed identity "old"'],
  ["older names beside workload identity", { ...OLD, ...WORKLOAD }, 'the workload identity "id"'],
  [
    "a tenant that goes with KServe's access token for a storage account",
    { AZURE_TENANT_ID: "tenant", AZURE_ACCESS_TOKEN: "token-of-test" },
    "the managed identity of the node",
  ],
  [
    "a secret, but workload identity is wanted",
    { ...WORKLOAD, ...SECRET, AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" },
    'the workload identity "id"',
  ],
  [
    "a token file, but the node's identity is wanted",
    { ...WORKLOAD, AZURE_TOKEN_CREDENTIALS: "managedidentitycredential" },
    'the managed identity "id"',
  ],
  [
    "all of production is wanted",
    { ...WORKLOAD, AZURE_TOKEN_CREDENTIALS: "prod" },
    'the workload identity "id"',
  ],
];

for (const [name, environment, expected] of found) {
  Deno.test(`Azure identity by ${name}: ${expected}`, () => {
    const identity = findAzureIdentity(HOST, environment);
    assert.ok(identity);
    assert.equal(describeIdentity(identity), expected);
    assert.ok(!JSON.stringify(identity).includes("value"), "a secret is no text");
  });
}

const none: [name: string, environment: Record<string, string>][] = [
  ["only the environment is wanted, which has none", {
    AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
  }],
  ["only workload identity is wanted, and there is none", {
    AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential",
  }],
];

for (const [name, environment] of none) {
  Deno.test(`no Azure identity: ${name}`, () => {
    assert.equal(findAzureIdentity(HOST, environment), undefined);
  });
}

Deno.test("a managed identity is asked for by a client id or by name, and else only possible", () => {
  const isAsked = (environment: Record<string, string>) => {
    const identity = findAzureIdentity(HOST, environment);
    return identity?.kind === "managed" && identity.isAsked;
  };
  assert.equal(isAsked({}), false);
  assert.equal(isAsked({ AZURE_TOKEN_CREDENTIALS: "prod" }), false);
  assert.equal(isAsked({ AZURE_CLIENT_ID: "id" }), true);
  assert.equal(isAsked({ AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" }), true);
});

const halves: [environment: Record<string, string>, message: string, hint: RegExp][] = [
  [
    { AZURE_CLIENT_SECRET: "value-of-test" },
    "AZURE_CLIENT_SECRET is set, but AZURE_CLIENT_ID and AZURE_TENANT_ID are not",
    /^Set AZURE_CLIENT_ID and AZURE_TENANT_ID, or remove AZURE_CLIENT_SECRET$/,
  ],
  [
    { AZURE_CLIENT_ID: "id", AZURE_CLIENT_SECRET: "value-of-test" },
    "AZURE_CLIENT_SECRET is set, but AZURE_TENANT_ID is not",
    /^Set AZURE_TENANT_ID, or remove AZURE_CLIENT_SECRET$/,
  ],
  [
    { AZ_CLIENT_ID: "id", AZ_CLIENT_SECRET: "value-of-test" },
    "AZ_CLIENT_SECRET is set, but AZ_TENANT_ID is not",
    /^Set AZ_TENANT_ID, or/,
  ],
  [
    { AZURE_TENANT_ID: "tenant", AZURE_FEDERATED_TOKEN_FILE: "/var/run/token" },
    "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not",
    /annotation azure\.workload\.identity\/client-id/,
  ],
  [
    { AZURE_CLIENT_ID: "id", AZURE_CLIENT_CERTIFICATE_PATH: "/cert.pem" },
    "AZURE_CLIENT_CERTIFICATE_PATH is set, but AZURE_TENANT_ID is not",
    /^Set AZURE_TENANT_ID, or/,
  ],
  [
    { AZURE_TENANT_ID: "tenant" },
    "AZURE_TENANT_ID is set, but AZURE_CLIENT_ID is not",
    /^Set AZURE_CLIENT_ID, or/,
  ],
  [
    { ...APP, AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential" },
    "AZURE_CLIENT_ID is set, but AZURE_CLIENT_SECRET is not",
    /^Set AZURE_CLIENT_SECRET, or/,
  ],
  [
    { ...APP, AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" },
    "AZURE_CLIENT_ID is set, but AZURE_FEDERATED_TOKEN_FILE is not",
    /^Set AZURE_FEDERATED_TOKEN_FILE, or/,
  ],
];

for (const [environment, message, hint] of halves) {
  Deno.test(`half of an Azure identity: ${message}`, async () => {
    const failure = await failureOf(() => findAzureIdentity(HOST, environment));
    assert.equal(failure.outcome, "auth");
    assert.equal(failure.message, `Cannot sign in to "${HOST}": Azure ACR: ${message}`);
    assert.match(failure.hint ?? "", hint);
    assert.equal(failure.host, HOST);
  });
}

const wrong: [name: string, environment: Record<string, string>, message: RegExp][] = [
  [
    "AzureCliCredential",
    { AZURE_TOKEN_CREDENTIALS: "AzureCliCredential" },
    /^Cannot use AZURE_TOKEN_CREDENTIALS "AzureCliCredential": it can be prod, Env/,
  ],
  [
    "a tenant that is a path",
    { ...SECRET, AZURE_TENANT_ID: "../other" },
    /^Cannot use AZURE_TENANT_ID "\.\.\/other": it is not a tenant$/,
  ],
];

for (const [name, environment, message] of wrong) {
  Deno.test(`an Azure setting that cannot be understood: ${name}`, async () => {
    const failure = await failureOf(() => findAzureIdentity(HOST, environment));
    assert.equal(failure.outcome, "usage");
    assert.match(failure.message, message);
  });
}
