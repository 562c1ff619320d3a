import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/azure.ts";
import { LIMITS, requestToken } from "../../lib/auth/azure_client.ts";
import { redact } from "../../lib/redact.ts";
import {
  azureError,
  CLIENT,
  FakeAzure,
  type FakeAzureOptions,
  fakeToken,
  makeRsaCertificate,
  type Place,
  TENANT,
  TOKEN_USER,
} from "../support/azure.ts";
import { testContext } from "./context.ts";

const APP = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT };
const WORKLOAD = { ...APP, AZURE_FEDERATED_TOKEN_FILE: "/var/run/token" };
const assertion = fakeToken({ sub: "system:serviceaccount:default:models" });
const secret = crypto.randomUUID();
const certificate = await makeRsaCertificate();
const FILES = { "/var/run/token": `${assertion}\n`, "/cert.pem": certificate.pem };
const PLACES: Place[] = ["entra", "exchange"];

interface Row {
  name: string;
  environment: Record<string, string>;
  azure?: FakeAzureOptions;
  host?: string;
  source: string;
  places?: Place[];
}

const rows: Row[] = [
  {
    name: "workload identity, as the webhook gives it",
    environment: { ...WORKLOAD, AZURE_AUTHORITY_HOST: "https://login.microsoftonline.com/" },
    azure: { proof: { assertion } },
    source: `the workload identity "${CLIENT}"`,
  },
  {
    name: "a service principal with a secret",
    environment: { ...APP, AZURE_CLIENT_SECRET: secret },
    azure: { proof: { secret } },
    source: `the service principal "${CLIENT}" with AZURE_CLIENT_SECRET`,
  },
  {
    name: "a service principal under KServe's older names",
    environment: { AZ_CLIENT_ID: CLIENT, AZ_TENANT_ID: TENANT, AZ_CLIENT_SECRET: secret },
    azure: { proof: { secret } },
    source: `the service principal "${CLIENT}" with AZ_CLIENT_SECRET`,
  },
  {
    name: "a service principal with a certificate",
    environment: { ...APP, AZURE_CLIENT_CERTIFICATE_PATH: "/cert.pem" },
    azure: { proof: { certificate } },
    source: `the service principal "${CLIENT}" with AZURE_CLIENT_CERTIFICATE_PATH`,
  },
  {
    name: "a managed identity with its client id",
    environment: { AZURE_CLIENT_ID: CLIENT },
    azure: { managed: CLIENT, knowsTenant: false },
    source: `the managed identity "${CLIENT}"`,
    places: ["metadata", "exchange"],
  },
  {
    name: "a managed identity with client id and tenant",
    environment: APP,
    azure: { managed: CLIENT },
    source: `the managed identity "${CLIENT}"`,
    places: ["metadata", "exchange"],
  },
  {
    name: "the node's own identity, after a look whether there is a metadata service",
    environment: {},
    azure: { knowsTenant: false },
    source: "the managed identity of the node",
    places: ["metadata", "metadata", "exchange"],
  },
  {
    name: "the node's own identity, asked for by name",
    environment: { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
    azure: { knowsTenant: false },
    source: "the managed identity of the node",
    places: ["metadata", "exchange"],
  },
  {
    name: "China's cloud",
    environment: WORKLOAD,
    host: "myregistry.azurecr.cn",
    azure: {
      registry: "myregistry.azurecr.cn",
      authority: "https://login.chinacloudapi.cn",
      proof: { assertion },
    },
    source: `the workload identity "${CLIENT}"`,
  },
  {
    name: "the cloud of the US government",
    environment: WORKLOAD,
    host: "myregistry.azurecr.us",
    azure: {
      registry: "myregistry.azurecr.us",
      authority: "https://login.microsoftonline.us",
      proof: { assertion },
    },
    source: `the workload identity "${CLIENT}"`,
  },
  {
    name: "another cloud by AZURE_AUTHORITY_HOST, with a path",
    environment: { ...WORKLOAD, AZURE_AUTHORITY_HOST: "https://login.example.org/adfs/" },
    azure: { authority: "https://login.example.org/adfs", proof: { assertion } },
    source: `the workload identity "${CLIENT}"`,
  },
  {
    name: "a geo-replica, in capital letters and with a port",
    environment: WORKLOAD,
    host: "MyRegistry.eastus.geo.azurecr.io:443",
    azure: { registry: "myregistry.eastus.geo.azurecr.io", proof: { assertion } },
    source: `the workload identity "${CLIENT}"`,
  },
];

for (const { name, environment, azure: options, host, source, places = PLACES } of rows) {
  Deno.test(`ACR gives a refresh token to ${name}`, async () => {
    const azure = new FakeAzure(options);
    const context = testContext({ environment, files: FILES, fetch: azure.fetch });
    const scope = { host: host ?? azure.registry, repository: "org/model" };
    const credentials = await credentialsFor(scope, context);
    assert.deepEqual(azure.mistakes, []);
    assert.deepEqual(azure.visits.map(({ place }) => place), places);
    assert.equal(credentials?.username, TOKEN_USER);
    assert.equal(credentials?.password.reveal(), azure.refreshToken);
    assert.equal(credentials?.source, `Azure ACR (${source})`);
    const life = (credentials?.expiresAt ?? 0) - Date.now();
    assert.ok(life > 178 * 60_000 && life <= 179 * 60_000, `it lives ${life} ms`);
    for (const value of [secret, ...azure.secrets]) {
      assert.ok(!context.lines.join().includes(value));
    }
  });
}

const now = () => Math.floor(Date.now() / 1000);
const lives: [name: string, claims: () => Record<string, unknown>, seconds: number][] = [
  ["for a minute counts as it says", () => ({ exp: now() + 60 }), 60],
  ["for a year counts for three hours", () => ({ exp: now() + 365 * 86_400 }), 3 * 3600],
  ["without an end counts for three hours", () => ({ exp: undefined }), 3 * 3600],
  ["with a text as its end counts for three hours", () => ({ exp: "2100" }), 3 * 3600],
];

for (const [name, claims, seconds] of lives) {
  Deno.test(`a refresh token ${name}`, async () => {
    const azure = new FakeAzure({ proof: { assertion }, claims: claims() });
    const context = testContext({ environment: WORKLOAD, files: FILES, fetch: azure.fetch });
    const scope = { host: azure.registry, repository: "org/model" };
    const { expiresAt = 0 } = await credentialsFor(scope, context) ?? {};
    assert.ok(Math.abs(expiresAt - Date.now() - seconds * 1000) < 2000);
  });
}

Deno.test("a refresh token that is no JWT counts for three hours", async () => {
  const answer = () => Response.json({ refresh_token: "opaque" });
  const azure = new FakeAzure({ proof: { assertion }, answers: { exchange: answer } });
  const context = testContext({ environment: WORKLOAD, files: FILES, fetch: azure.fetch });
  const scope = { host: azure.registry, repository: "org/model" };
  const { expiresAt = 0 } = await credentialsFor(scope, context) ?? {};
  assert.ok(Math.abs(expiresAt - Date.now() - 3 * 3600_000) < 2000);
});

const absent: [name: string, azure: FakeAzureOptions, requests: number][] = [
  [
    "the address answers as another cloud's does",
    { answers: { metadata: () => new Response("<html>Not Found</html>", { status: 404 }) } },
    1,
  ],
  [
    "nobody answers at the address",
    { answers: { metadata: () => Promise.reject(new TypeError("connection refused")) } },
    1,
  ],
  [
    "the node has no identity",
    {
      answers: {
        metadata: (_, call) =>
          call === 1 ? undefined : azureError(400, "invalid_request", "Identity not found"),
      },
    },
    2,
  ],
];

for (const [name, options, requests] of absent) {
  Deno.test(`without settings it is anonymous when ${name}`, async () => {
    const azure = new FakeAzure(options);
    const context = testContext({ fetch: azure.fetch });
    const scope = { host: azure.registry, repository: "org/model" };
    assert.equal(await credentialsFor(scope, context), undefined);
    assert.equal(azure.visits.length, requests);
    assert.match(context.lines.join("\n"), /DEBUG No managed identity: /i);
  });
}

Deno.test("without settings a silent address is given up after a second, and it is anonymous", async () => {
  assert.equal(LIMITS.probe, 1000);
  const request = {
    host: "myregistry.azurecr.io",
    service: "myregistry.azurecr.io",
    authority: "https://login.example",
    identity: { kind: "managed", isAsked: false } as const,
  };
  const context = testContext({ fetch: silence });
  const started = performance.now();
  assert.equal(await requestToken(request, context, { ...LIMITS, probe: 50 }), undefined);
  assert.ok(performance.now() - started < 1000);
});

Deno.test("a host that is not ACR is none of ours, whatever is set", async () => {
  const context = testContext({ environment: WORKLOAD, files: FILES });
  const scope = { host: "myregistry.azurecr.io.evil.example", repository: "org/model" };
  assert.equal(await credentialsFor(scope, context), undefined);
});

Deno.test("the token file is read for each sign-in, since kubelet renews it", async () => {
  const files: Record<string, string> = { "/var/run/token": assertion };
  const azure = new FakeAzure({ answers: { entra: () => Response.json({ access_token: "one" }) } });
  const context = testContext({ environment: WORKLOAD, files, fetch: azure.fetch });
  const scope = { host: azure.registry, repository: "org/model" };
  await credentialsFor(scope, context).catch(() => {});
  files["/var/run/token"] = "renewed.by.kubelet";
  await credentialsFor(scope, context).catch(() => {});
  const asked = azure.visits.filter(({ place }) => place === "entra");
  assert.deepEqual(asked.map(({ form }) => form.client_assertion), [
    assertion,
    "renewed.by.kubelet",
  ]);
});

Deno.test("all tokens of a sign-in are hidden wherever they are printed", async () => {
  const own = fakeToken({}).replaceAll(".", "-");
  const azure = new FakeAzure({
    proof: { assertion: own },
    answers: { exchange: () => Response.json({ refresh_token: `refresh-${own}` }) },
  });
  const context = testContext({
    environment: WORKLOAD,
    files: { "/var/run/token": own },
    fetch: azure.fetch,
  });
  await credentialsFor({ host: azure.registry, repository: "org/model" }, context);
  for (const value of [own, azure.accessToken, `refresh-${own}`]) {
    assert.equal(redact(`it is ${value} here`), "it is *** here");
  }
});

/** Never answers. */
function silence(_: string | URL | Request, init?: RequestInit): Promise<Response> {
  return new Promise((_, reject) =>
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true })
  );
}
