import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/azure.ts";
import { LIMITS, requestToken } from "../../lib/auth/azure_client.ts";
import type { FailureName } from "../../lib/errors.ts";
import {
  acrError,
  azureError,
  CLIENT,
  entraError,
  FakeAzure,
  type FakeAzureOptions,
  fakeToken,
  type Place,
  TENANT,
} from "../support/azure.ts";
import { failureOf } from "../support/failure.ts";
import { withoutJitter } from "../support/without_jitter.ts";
import { testContext } from "./context.ts";

const HOST = "myregistry.azurecr.io";
const SCOPE = { host: HOST, repository: "org/model" };
const APP = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT };
const WORKLOAD = { ...APP, AZURE_FEDERATED_TOKEN_FILE: "/var/run/token" };
const secret = crypto.randomUUID();
const PRINCIPAL = { ...APP, AZURE_CLIENT_SECRET: secret };
const CERTIFICATE = { ...APP, AZURE_CLIENT_CERTIFICATE_PATH: "/cert.pem" };
const MANAGED = { AZURE_CLIENT_ID: CLIENT };
const assertion = fakeToken({});
const FILES = { "/var/run/token": assertion, "/cert.pem": "-----BEGIN NOTHING-----" };
const html = (status: number) => () => new Response("<html>Blocked</html>", { status });

interface Row {
  name: string;
  environment: Record<string, string>;
  files?: Record<string, string | null>;
  answers?: FakeAzureOptions["answers"];
  outcome?: FailureName;
  /** What follows the host, Azure ACR and the identity. */
  message: RegExp;
  hint: RegExp;
  /** Who was asked, with repetitions. */
  places: Place[];
}

const rows: Row[] = [
  // Files.
  {
    name: "the token file is missing",
    environment: WORKLOAD,
    files: {},
    message: /^AZURE_FEDERATED_TOKEN_FILE "\/var\/run\/token" cannot be read: No such file/,
    hint: /azure\.workload\.identity\/use/,
    places: [],
  },
  {
    name: "the token file is empty",
    environment: WORKLOAD,
    files: { "/var/run/token": " \n" },
    message: /^AZURE_FEDERATED_TOKEN_FILE "\/var\/run\/token" is empty$/,
    hint: /projected volumes/,
    places: [],
  },
  {
    name: "the certificate is missing",
    environment: CERTIFICATE,
    files: {},
    message: /^AZURE_CLIENT_CERTIFICATE_PATH "\/cert\.pem" cannot be read: No such file/,
    hint: /PEM file/,
    places: [],
  },
  {
    name: "the certificate is none",
    environment: CERTIFICATE,
    message: /^AZURE_CLIENT_CERTIFICATE_PATH "\/cert\.pem" has no CERTIFICATE in PEM form$/,
    hint: /PKCS #8/,
    places: [],
  },
  // Entra.
  {
    name: "the pod's token has expired",
    environment: WORKLOAD,
    answers: {
      entra: () =>
        entraError(
          401,
          "invalid_client",
          "AADSTS700024: Client assertion is not within its valid time range. Current time: 2026-01-01, expiry time: 2025-01-01.",
        ),
    },
    message:
      /^Microsoft Entra answered 401: AADSTS700024: Client assertion is not within its valid time range$/,
    hint: /clock.*restart the pod/,
    places: ["entra"],
  },
  {
    name: "there is no federated credential for the service account",
    environment: WORKLOAD,
    answers: {
      entra: () =>
        entraError(
          401,
          "invalid_client",
          "AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:a:b'. Please check your federated identity credential.",
        ),
    },
    message:
      /^Microsoft Entra answered 401: AADSTS700213: No matching .* subject 'system:serviceaccount:a:b'$/,
    hint: /federated credential/,
    places: ["entra"],
  },
  {
    name: "there is no federated credential, in the older words",
    environment: WORKLOAD,
    answers: {
      entra: () =>
        entraError(400, "invalid_request", "AADSTS70021: No matching federated identity record."),
    },
    message: /^Microsoft Entra answered 400: AADSTS70021: No matching federated identity record$/,
    hint: /federated credential/,
    places: ["entra"],
  },
  {
    name: "the tenant is unknown",
    environment: PRINCIPAL,
    answers: {
      entra: () =>
        entraError(
          400,
          "invalid_request",
          `AADSTS90002: Tenant '${TENANT}' not found. Check to make sure you have the correct tenant ID.`,
        ),
    },
    message: /^Microsoft Entra answered 400: AADSTS90002: Tenant '2{8}-.*' not found$/,
    hint: /^Check AZURE_TENANT_ID, and AZURE_AUTHORITY_HOST where the cloud is not the public one$/,
    places: ["entra"],
  },
  {
    name: "the client is unknown",
    environment: PRINCIPAL,
    answers: {
      entra: () =>
        entraError(
          400,
          "unauthorized_client",
          `AADSTS700016: Application with identifier '${CLIENT}' was not found in the directory 'Contoso Ltd'. This can happen.`,
        ),
    },
    message: /^Microsoft Entra answered 400: AADSTS700016: Application .* 'Contoso Ltd'$/,
    hint: /^Check AZURE_CLIENT_ID, and that AZURE_TENANT_ID is its tenant$/,
    places: ["entra"],
  },
  {
    name: "the certificate is unknown",
    environment: PRINCIPAL,
    answers: {
      entra: () => entraError(401, "invalid_client", "AADSTS700027: Client assertion failed."),
    },
    message: /^Microsoft Entra answered 401: AADSTS700027: Client assertion failed$/,
    hint: /^Upload the certificate to the application of AZURE_CLIENT_ID$/,
    places: ["entra"],
  },
  {
    name: "the secret is wrong",
    environment: PRINCIPAL,
    answers: {
      entra: () =>
        entraError(401, "invalid_client", "AADSTS7000215: Invalid client secret provided. Ensure."),
    },
    message: /^Microsoft Entra answered 401: AADSTS7000215: Invalid client secret provided$/,
    hint: /Renew AZURE_CLIENT_SECRET/,
    places: ["entra"],
  },
  {
    name: "the secret under KServe's older name has expired",
    environment: { AZ_CLIENT_ID: CLIENT, AZ_TENANT_ID: TENANT, AZ_CLIENT_SECRET: secret },
    answers: {
      entra: () =>
        entraError(
          401,
          "invalid_client",
          "AADSTS7000222: The provided client secret keys expired.",
        ),
    },
    message: /^Microsoft Entra answered 401: AADSTS7000222: /,
    hint: /Renew AZ_CLIENT_SECRET/,
    places: ["entra"],
  },
  {
    name: "the registry's cloud is another one",
    environment: PRINCIPAL,
    answers: {
      entra: () =>
        entraError(400, "invalid_resource", "AADSTS500011: The resource principal was not found."),
    },
    message: /^Microsoft Entra answered 400: AADSTS500011: /,
    hint: /^Check AZURE_AUTHORITY_HOST: the registry is in another cloud/,
    places: ["entra"],
  },
  {
    name: "Entra refuses for a reason that is not in our list",
    environment: PRINCIPAL,
    answers: { entra: () => entraError(400, "invalid_grant", "AADSTS53003: Access is blocked.") },
    message: /^Microsoft Entra answered 400: AADSTS53003: Access is blocked$/,
    hint: new RegExp(`the service principal "${CLIENT}".*Microsoft's list of AADSTS errors`),
    places: ["entra"],
  },
  {
    name: "Entra's words end without a period",
    environment: PRINCIPAL,
    answers: { entra: () => entraError(400, "invalid_grant", "AADSTS7000112: It is disabled") },
    message: /^Microsoft Entra answered 400: AADSTS7000112: It is disabled$/,
    hint: new RegExp(`the service principal "${CLIENT}"`),
    places: ["entra"],
  },
  {
    name: "Entra's words are all on one line",
    environment: PRINCIPAL,
    answers: {
      entra: () =>
        azureError(400, "invalid_grant", "AADSTS7000112: It is disabled Trace ID: aaaaaaaa-1111"),
    },
    message: /^Microsoft Entra answered 400: AADSTS7000112: It is disabled$/,
    hint: new RegExp(`the service principal "${CLIENT}"`),
    places: ["entra"],
  },
  {
    name: "Entra is overloaded",
    environment: PRINCIPAL,
    answers: { entra: () => entraError(429, "throttled", "AADSTS90055: Too many requests.") },
    outcome: "unavailable",
    message: /^Microsoft Entra answered 429: AADSTS90055: Too many requests$/,
    hint: /Try again later/,
    places: ["entra", "entra", "entra"],
  },
  {
    name: "Entra says that it is unavailable for now",
    environment: PRINCIPAL,
    answers: {
      entra: () => entraError(400, "temporarily_unavailable", "AADSTS90033: A transient error."),
    },
    outcome: "unavailable",
    message: /^Microsoft Entra answered 400: AADSTS90033: /,
    hint: /Try again later/,
    places: ["entra", "entra", "entra"],
  },
  {
    name: "Entra is down",
    environment: PRINCIPAL,
    answers: { entra: html(503) },
    outcome: "unavailable",
    message: /^Microsoft Entra answered 503: an answer that is not in Azure's form$/,
    hint: /Try again later/,
    places: ["entra", "entra", "entra"],
  },
  {
    name: "a proxy answers in the place of Entra",
    environment: PRINCIPAL,
    answers: { entra: html(403) },
    message: /^Microsoft Entra answered 403: an answer that is not in Azure's form$/,
    hint: /in the place of Microsoft Entra: a proxy, or AZURE_AUTHORITY_HOST$/,
    places: ["entra"],
  },
  {
    name: "Entra says yes, without a token",
    environment: PRINCIPAL,
    answers: { entra: () => Response.json({ token_type: "Bearer", access_token: "" }) },
    message: /^Microsoft Entra answered 200: an answer that is not in Azure's form$/,
    hint: /a proxy/,
    places: ["entra"],
  },
  {
    name: "Entra redirects: the secret does not follow",
    environment: PRINCIPAL,
    answers: { entra: () => Response.redirect("https://elsewhere.example/", 307) },
    message: /^Microsoft Entra answered 307: an answer that is not in Azure's form$/,
    hint: /a proxy/,
    places: ["entra"],
  },
  {
    name: "Entra's answer has no end",
    environment: PRINCIPAL,
    answers: { entra: () => new Response("x".repeat(300_000)) },
    outcome: "unavailable",
    message: /^cannot reach Microsoft Entra: The answer is longer than 262144 bytes$/,
    hint: /DNS/,
    places: ["entra", "entra", "entra"],
  },
  {
    name: "Entra cannot be reached",
    environment: WORKLOAD,
    answers: { entra: () => Promise.reject(new TypeError("dns error")) },
    outcome: "unavailable",
    message: /^cannot reach Microsoft Entra: dns error$/,
    hint: /DNS, its way to Microsoft Entra, proxy and CA/,
    places: ["entra", "entra", "entra"],
  },
  // The metadata service.
  {
    name: "the metadata service does not know the identity that is asked for",
    environment: MANAGED,
    answers: { metadata: () => azureError(400, "invalid_request", "Identity not found") },
    message: /^the metadata service answered 400: Identity not found$/,
    hint: new RegExp(`Assign the managed identity "${CLIENT}" to the nodes`),
    places: ["metadata"],
  },
  {
    name: "the node has several identities and nobody says which",
    environment: {},
    answers: {
      metadata: (_, call) =>
        call === 1 ? undefined : azureError(
          400,
          "invalid_request",
          "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
        ),
    },
    message: /^the metadata service answered 400: Multiple user assigned identities exist/,
    hint: /^Set AZURE_CLIENT_ID/,
    places: ["metadata", "metadata"],
  },
  {
    name: "the metadata service is being updated",
    environment: MANAGED,
    answers: { metadata: () => azureError(410, "gone", "Updating.") },
    outcome: "unavailable",
    message: /^the metadata service answered 410: Updating$/,
    hint: /AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET/,
    places: ["metadata", "metadata", "metadata"],
  },
  {
    name: "an identity is asked for where there is no metadata service",
    environment: MANAGED,
    answers: { metadata: () => Promise.reject(new TypeError("connection refused")) },
    outcome: "unavailable",
    message: /^cannot reach the metadata service: connection refused$/,
    hint: /AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET.*169\.254\.169\.254/,
    places: ["metadata", "metadata", "metadata"],
  },
  {
    name: "the node's identity is asked for by name in another cloud",
    environment: { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
    answers: { metadata: html(404) },
    outcome: "unavailable",
    message: /^the metadata service answered 404: an answer that is not in Azure's form$/,
    hint: /^On a node of Azure let pods reach .*; elsewhere remove AZURE_TOKEN_CREDENTIALS$/,
    places: ["metadata", "metadata", "metadata"],
  },
  {
    name: "the node's identity is asked for by name where nobody answers",
    environment: { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
    answers: { metadata: () => Promise.reject(new TypeError("connection refused")) },
    outcome: "unavailable",
    message: /^cannot reach the metadata service: connection refused$/,
    hint: /^On a node of Azure let pods reach .*; elsewhere remove AZURE_TOKEN_CREDENTIALS$/,
    places: ["metadata", "metadata", "metadata"],
  },
  // The exchange.
  {
    name: "the registry does not accept the identity",
    environment: WORKLOAD,
    answers: { exchange: () => acrError(401, "UNAUTHORIZED", "authentication required") },
    message: /^the registry answered 401: UNAUTHORIZED: authentication required$/,
    hint: new RegExp(`^Give the workload identity "${CLIENT}" the role AcrPull.*tenant of the reg`),
    places: ["entra", "exchange"],
  },
  {
    name: "the registry does not accept a managed identity that was asked for",
    environment: MANAGED,
    answers: { exchange: () => acrError(401, "UNAUTHORIZED", "authentication required") },
    message: /^the registry answered 401: UNAUTHORIZED: authentication required$/,
    hint:
      /^Give the managed identity .* the role AcrPull on the registry, in the tenant of the registry$/,
    places: ["metadata", "exchange"],
  },
  {
    name: "the registry refuses, and sends a token all the same",
    environment: WORKLOAD,
    answers: {
      exchange: () =>
        Response.json({ errors: [{ code: "DENIED", message: "no" }], refresh_token: "a" }, {
          status: 403,
        }),
    },
    message: /^the registry answered 403: DENIED: no$/,
    hint: /AcrPull/,
    places: ["entra", "exchange"],
  },
  {
    name: "the registry does not accept the node's identity, which nobody asked for",
    environment: {},
    answers: { exchange: () => acrError(401, "UNAUTHORIZED", "authentication required") },
    message: /^the registry answered 401: UNAUTHORIZED: authentication required$/,
    hint: /AcrPull.*or set AZURE_TOKEN_CREDENTIALS to EnvironmentCredential/,
    places: ["metadata", "metadata", "exchange"],
  },
  {
    name: "the registry's firewall refuses",
    environment: WORKLOAD,
    answers: {
      exchange: () =>
        acrError(
          403,
          "DENIED",
          "client with IP '192.0.2.1' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.",
        ),
    },
    message:
      /^the registry answered 403: DENIED: client with IP '192\.0\.2\.1' is not allowed access\. Refer https:\/\/aka\.ms\/acr\/firewall to/,
    hint: /^Let the registry's firewall accept this cluster/,
    places: ["entra", "exchange"],
  },
  {
    name: "the identity may not read",
    environment: WORKLOAD,
    answers: { exchange: () => acrError(403, "DENIED", "requested access is denied") },
    message: /^the registry answered 403: DENIED: requested access is denied$/,
    hint: /AcrPull/,
    places: ["entra", "exchange"],
  },
  {
    name: "there is no such registry",
    environment: WORKLOAD,
    answers: { exchange: () => acrError(404, "NAME_UNKNOWN", "registry not found") },
    message: /^the registry answered 404: NAME_UNKNOWN: registry not found$/,
    hint: /^Check the registry's name$/,
    places: ["entra", "exchange"],
  },
  {
    name: "the registry is down",
    environment: WORKLOAD,
    answers: { exchange: () => acrError(500, "UNKNOWN", "internal") },
    outcome: "unavailable",
    message: /^the registry answered 500: UNKNOWN: internal$/,
    hint: /Try again later/,
    places: ["entra", "exchange", "exchange", "exchange"],
  },
  {
    name: "the registry sends elsewhere: the token does not follow",
    environment: WORKLOAD,
    answers: { exchange: () => Response.redirect("https://elsewhere.example/", 307) },
    message: /^the registry answered 307: an answer that is not in Azure's form$/,
    hint: /a proxy/,
    places: ["entra", "exchange"],
  },
  {
    name: "the registry gives no refresh token",
    environment: WORKLOAD,
    answers: { exchange: () => Response.json({ refresh_token: ["a"] }) },
    message: /^the registry answered 200: an answer that is not in Azure's form$/,
    hint: /a proxy/,
    places: ["entra", "exchange"],
  },
  {
    name: "the registry cannot be reached",
    environment: WORKLOAD,
    answers: {
      exchange: () => Promise.reject(new TypeError("invalid peer certificate: UnknownIssuer")),
    },
    outcome: "unavailable",
    message: /^cannot reach the registry: invalid peer certificate: UnknownIssuer$/,
    hint: /CA settings/,
    places: ["entra", "exchange", "exchange", "exchange"],
  },
];

for (const row of rows) {
  const { name, environment, files = FILES, answers, outcome = "auth", places } = row;
  Deno.test(`Azure fails: ${name}: ${outcome}`, async () => {
    using _atOnce = withoutJitter();
    const proof = environment === PRINCIPAL ? { secret } : { assertion };
    const managed = environment === MANAGED ? CLIENT : undefined;
    const knowsTenant = places[0] !== "metadata";
    const azure = new FakeAzure({ proof, managed, knowsTenant, answers });
    const context = testContext({ environment, files, fetch: azure.fetch });
    const failure = await failureOf(() => credentialsFor(SCOPE, context));
    const prefix = /^Cannot sign in to "myregistry\.azurecr\.io": Azure ACR \((the .*?)\): /;
    assert.match(failure.message, prefix);
    assert.match(failure.message.replace(prefix, ""), row.message);
    assert.match(failure.hint ?? "", row.hint);
    assert.equal(failure.outcome, outcome);
    assert.equal(failure.host, HOST);
    // What may pass has been tried again here; nobody above begins anew.
    assert.equal(failure.transient, false);
    assert.deepEqual(azure.mistakes, []);
    assert.deepEqual(azure.visits.map(({ place }) => place), places);
    const said = `${failure.message} ${failure.hint} ${failure.cause} ${context.lines.join()}`;
    assert.doesNotMatch(said, /trace id|correlation|aaaaaaaa-/i);
    for (const value of [assertion, secret, ...azure.secrets]) assert.ok(!said.includes(value));
  });
}

const mistaken: [environment: Record<string, string>, message: string][] = [
  [
    { ...WORKLOAD, AZURE_AUTHORITY_HOST: "http://login.example" },
    'Cannot use AZURE_AUTHORITY_HOST "http://login.example": it is not an https URL',
  ],
  [
    { ...WORKLOAD, AZURE_AUTHORITY_HOST: "login.microsoftonline.us" },
    'Cannot use AZURE_AUTHORITY_HOST "login.microsoftonline.us": it is not an https URL',
  ],
  [
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: "169.254.169.254" },
    'Cannot use AZURE_POD_IDENTITY_AUTHORITY_HOST "169.254.169.254": it is not an HTTP URL',
  ],
];

for (const [environment, message] of mistaken) {
  Deno.test(`Azure asks nobody: ${message}`, async () => {
    const azure = new FakeAzure();
    const context = testContext({ environment, files: FILES, fetch: azure.fetch });
    const failure = await failureOf(() => credentialsFor(SCOPE, context));
    assert.equal(failure.outcome, "usage");
    assert.equal(failure.message, message);
    assert.deepEqual(azure.visits, []);
  });
}

Deno.test("one transient answer of each part of Azure does not matter", async () => {
  using _atOnce = withoutJitter();
  const once = (_: unknown, call: number) => call === 1 ? html(502)() : undefined;
  const azure = new FakeAzure({ proof: { assertion }, answers: { entra: once, exchange: once } });
  const context = testContext({ environment: WORKLOAD, files: FILES, fetch: azure.fetch });
  assert.equal((await credentialsFor(SCOPE, context))?.password.reveal(), azure.refreshToken);
  assert.deepEqual(azure.visits.map(({ place }) => place), [
    "entra",
    "entra",
    "exchange",
    "exchange",
  ]);
});

Deno.test("KIT_RETRIES says how often each part of Azure is asked", async () => {
  using _atOnce = withoutJitter();
  const azure = new FakeAzure({ answers: { entra: html(503) } });
  const { config, ...world } = testContext({
    environment: WORKLOAD,
    files: FILES,
    fetch: azure.fetch,
  });
  const context = { ...world, config: { ...config, attempts: 5 } };
  await failureOf(() => credentialsFor(SCOPE, context));
  assert.equal(azure.visits.length, 5);
});

const REQUEST = {
  host: HOST,
  service: HOST,
  authority: "https://login.microsoftonline.com",
  identity: {
    kind: "workload",
    clientId: CLIENT,
    tenant: TENANT,
    prefix: "AZURE_",
    path: "/var/run/token",
  } as const,
};

for (const place of ["entra", "exchange"] as const) {
  Deno.test(`a silent ${place} is given up in time, as unavailable`, async () => {
    assert.ok(LIMITS.request <= 10_000 && LIMITS.total < 15_000);
    const azure = new FakeAzure({ proof: { assertion } });
    const context = testContext({
      files: FILES,
      fetch: (input, init) => {
        const isSilent = place === "entra" || String(input).endsWith("/oauth2/exchange");
        return isSilent ? silence(init) : azure.fetch(input, init);
      },
    });
    const limits = { ...LIMITS, request: 100, total: 150 };
    const failure = await failureOf(() => requestToken(REQUEST, context, limits));
    assert.equal(failure.outcome, "unavailable");
    assert.equal(failure.transient, false);
    const name = place === "entra" ? "Microsoft Entra" : "the registry";
    assert.match(
      failure.message,
      new RegExp(`: cannot reach ${name}: No answer within 0\\.15? s$`),
    );
  });
}

Deno.test("when the time is over between two attempts, what Azure said last is told", async () => {
  const azure = new FakeAzure({ answers: { entra: html(503) } });
  const context = testContext({ files: FILES, fetch: azure.fetch });
  const { random } = Math;
  Math.random = () => 0.99;
  try {
    const limits = { ...LIMITS, total: 50 };
    const failure = await failureOf(() => requestToken(REQUEST, context, limits));
    assert.equal(failure.outcome, "unavailable");
    assert.equal(failure.transient, false);
    assert.match(failure.message, /: Microsoft Entra answered 503: /);
  } finally {
    Math.random = random;
  }
});

const interrupted: [
  what: string,
  world: { environment?: typeof WORKLOAD; files?: typeof FILES },
][] = [
  ["a sign-in", { environment: WORKLOAD, files: FILES }],
  ["a look for a metadata service", {}],
];
for (const [what, world] of interrupted) {
  Deno.test(`the end of the run ends ${what} at once, with the run's own reason`, async () => {
    const run = new AbortController();
    const reason = new Error("SIGTERM");
    const context = testContext({
      ...world,
      signal: run.signal,
      fetch: (_, init) => {
        queueMicrotask(() => run.abort(reason));
        return silence(init);
      },
    });
    await assert.rejects(credentialsFor(SCOPE, context), reason);
  });
}

Deno.test("the end of the run ends a wait between two attempts", async () => {
  const run = new AbortController();
  const reason = new Error("SIGTERM");
  const entra = () => {
    setTimeout(() => run.abort(reason));
    return html(503)();
  };
  const azure = new FakeAzure({ answers: { entra } });
  const context = testContext({
    environment: WORKLOAD,
    files: FILES,
    fetch: azure.fetch,
    signal: run.signal,
  });
  await assert.rejects(credentialsFor(SCOPE, context), reason);
});

/** Never answers. */
function silence(init: RequestInit | undefined): Promise<Response> {
  return new Promise((_, reject) =>
    init?.signal?.addEventListener("abort", () => reject(init.signal?.reason), { once: true })
  );
}
