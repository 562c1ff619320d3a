import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/google.ts";
import { GOOGLE_LIMITS } from "../../lib/auth/google_fetch.ts";
import type { FailureName } from "../../lib/errors.ts";
import { redact } from "../../lib/redact.ts";
import { failureOf } from "../support/failure.ts";
import { GoogleMock, IMPERSONATION_URL, METADATA } from "../support/google.ts";
import { type Site, TestNetwork } from "../support/network.ts";
import { withoutJitter } from "../support/without_jitter.ts";
import { testContext, type World } from "./context.ts";

const HOST = "europe-west4-docker.pkg.dev";
const SCOPE = { host: HOST, repository: "models/kits/iris" };
const PREFIX = `Cannot sign in to "${HOST}": Google: `;
const NAMED = 'GOOGLE_APPLICATION_CREDENTIALS "/key.json"';
const TOKEN_SERVER = "https://oauth2.googleapis.com";
const STS = "https://sts.googleapis.com";
const IAM = "https://iamcredentials.googleapis.com";
const IDP = "http://idp.test";

const google = await GoogleMock.create();

/** A world whose GOOGLE_APPLICATION_CREDENTIALS has these contents. */
function file(text: string | null | Error | undefined, more: World["files"] = {}): World {
  return {
    environment: { GOOGLE_APPLICATION_CREDENTIALS: "/key.json" },
    files: { ...(text === undefined ? {} : { "/key.json": text }), ...more },
  };
}
const KEY = file(google.serviceAccountFile());
const USER = file(google.userFile());
const external = (changes?: Record<string, unknown>) =>
  file(google.externalFile(changes), { "/var/run/subject-token": google.subjectToken });
const POD = { environment: { GCP_WIF: "true" } };
const BY_URL = external({ credential_source: { url: `${IDP}/token` } });

interface Row {
  name: string;
  world: World;
  /** Answers in the place of Google's. */
  sites?: Record<string, Site>;
  outcome: FailureName;
  /** What follows the prefix. */
  message: RegExp;
  hint: RegExp;
  requests: number;
}

const oauth = (status: number, error: string, error_description: string) => () =>
  Response.json({ error, error_description }, { status });
const api = (code: number, status: string, message: string) => () =>
  Response.json({ error: { code, message, status } }, { status: code });
const metadata = (status: number, text: string) => () =>
  new Response(text, { status, headers: { "Metadata-Flavor": "Google" } });

const rows: Row[] = [
  // Files that are of no use.
  {
    name: "a file that is missing",
    world: file(undefined),
    outcome: "auth",
    message: /^GOOGLE_APPLICATION_CREDENTIALS "\/key.json" cannot be read: No such file/,
    hint: /Check the Secret that holds the file, where it is mounted/,
    requests: 0,
  },
  {
    name: "a file that may not be read",
    world: file(new Deno.errors.PermissionDenied("Permission denied (os error 13)")),
    outcome: "auth",
    message: /^GOOGLE_APPLICATION_CREDENTIALS "\/key.json" cannot be read: Permission denied/,
    hint: /who may read it/,
    requests: 0,
  },
  {
    name: "a folder in its place",
    world: file(null),
    outcome: "auth",
    message: /cannot be read: Is a directory/,
    hint: /where it is mounted/,
    requests: 0,
  },
  ...["", "{ cut", "[]", "null", '"text"'].map((text) => ({
    name: `a file with ${text || "nothing"} in it`,
    world: file(text),
    outcome: "auth" as const,
    message: /^GOOGLE_APPLICATION_CREDENTIALS "\/key.json" is not a JSON object$/,
    hint: /as Google's console or gcloud made it/,
    requests: 0,
  })),
  {
    name: "a file without a type",
    world: file(google.userFile({ type: undefined })),
    outcome: "auth",
    message: /"\/key.json" has no type$/,
    hint: /service_account, authorized_user or external_account$/,
    requests: 0,
  },
  {
    name: "a file of a type that we do not know",
    world: file(google.userFile({ type: "impersonated_service_account" })),
    outcome: "auth",
    message: /"\/key.json" has the type "impersonated_service_account"$/,
    hint: /service_account, authorized_user or external_account$/,
    requests: 0,
  },
  ...[
    [google.serviceAccountFile({ client_email: undefined }), "client_email"],
    [google.serviceAccountFile({ private_key: "" }), "private_key"],
    [google.userFile({ refresh_token: 7 }), "refresh_token"],
    [google.externalFile({ audience: undefined }), "audience"],
    [google.externalFile({ token_url: undefined }), "token_url"],
  ].map(([text, field]) => ({
    name: `a file without ${field}`,
    world: file(text),
    outcome: "auth" as const,
    message: new RegExp(`"/key.json" has no "${field}"$`),
    hint: /as Google's console or gcloud made it/,
    requests: 0,
  })),
  {
    name: "a private key that is none",
    world: file(google.serviceAccountFile({ private_key: "not a key" })),
    outcome: "auth",
    message:
      /^the service account ".*" of GOOGLE_APPLICATION_CREDENTIALS .* its private_key is not a key/,
    hint: /[Cc]heck GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 0,
  },
  // Federations that are of no use.
  {
    name: "a federation that names a program",
    world: external({ credential_source: { executable: { command: "/bin/token" } } }),
    outcome: "auth",
    message: /names a program to run \(credential_source.executable\), which is never done here$/,
    hint: /a file or a url/,
    requests: 0,
  },
  ...[undefined, {}, { certificate: {} }, { file: 7 }, "text"].map((credential_source) => ({
    name: `a federation with the credential_source ${JSON.stringify(credential_source)}`,
    world: external({ credential_source }),
    outcome: "auth" as const,
    message: /"\/key.json" has no credential_source that can be used$/,
    hint: /a file, a url or an environment_id/,
    requests: 0,
  })),
  {
    name: "a federation whose format names no field",
    world: external({ credential_source: { file: "/t", format: { type: "json" } } }),
    outcome: "auth",
    message: /has the format "json" without subject_token_field_name$/,
    hint: /Add credential_source.format.subject_token_field_name/,
    requests: 0,
  },
  ...([
    ["token_url", { token_url: "sts.googleapis.com/v1/token" }],
    ["token_url", { token_url: "file:///etc/passwd" }],
    ["service_account_impersonation_url", { service_account_impersonation_url: "ftp://a/b" }],
    ["credential_source.url", { credential_source: { url: "file:///etc/passwd" } }],
  ] as const).map(([field, changes]) => ({
    name: `a federation with ${JSON.stringify(changes)}`,
    world: external(changes),
    outcome: "auth" as const,
    message: new RegExp(`has a ${field} that is not an HTTP URL$`),
    hint: new RegExp(`^Correct ${field}$`),
    requests: 0,
  })),
  {
    name: "a subject token's file that is missing",
    world: external({ credential_source: { file: "/gone" } }),
    outcome: "auth",
    message:
      /^the workload identity of GOOGLE_APPLICATION_CREDENTIALS .* cannot read credential_source.file "\/gone": No such file/,
    hint: /Check GOOGLE_APPLICATION_CREDENTIALS "\/key.json" and what it names/,
    requests: 0,
  },
  {
    name: "a subject token's file that is empty",
    world: file(google.externalFile(), { "/var/run/subject-token": "\n" }),
    outcome: "auth",
    message: /no token in credential_source.file "\/var\/run\/subject-token"$/,
    hint: /and what it names/,
    requests: 0,
  },
  {
    name: "a subject token's file without the field",
    world: file(
      google.externalFile({
        credential_source: {
          file: "/t",
          format: { type: "json", subject_token_field_name: "jwt" },
        },
      }),
      { "/t": JSON.stringify({ other: google.subjectToken }) },
    ),
    outcome: "auth",
    message: /no token in credential_source.file "\/t"$/,
    hint: /and what it names/,
    requests: 0,
  },
  {
    name: "a subject token's address that refuses",
    world: BY_URL,
    sites: { [IDP]: () => new Response("who are you?", { status: 401 }) },
    outcome: "auth",
    message: /^the address in credential_source answered 401: who are you\?$/,
    hint: /Check credential_source in GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "a subject token's address that is down",
    world: BY_URL,
    sites: { [IDP]: () => new Response(null, { status: 503 }) },
    outcome: "unavailable",
    message: /^the address in credential_source answered 503: no message$/,
    hint: /Try again later/,
    requests: 3,
  },
  // Google's token endpoint.
  {
    name: "a key that was deleted",
    world: KEY,
    sites: { [TOKEN_SERVER]: oauth(400, "invalid_grant", "Invalid JWT Signature.") },
    outcome: "auth",
    message: /^Google's token endpoint answered 400 invalid_grant: Invalid JWT Signature\.$/,
    hint: /Put a new file in the place of GOOGLE_APPLICATION_CREDENTIALS "\/key.json"/,
    requests: 1,
  },
  {
    name: "an account that is gone",
    world: KEY,
    sites: { [TOKEN_SERVER]: oauth(400, "invalid_grant", "Invalid grant: account not found") },
    outcome: "auth",
    message: /400 invalid_grant: Invalid grant: account not found$/,
    hint: /does not accept the service account "reader@models.iam.gserviceaccount.com"/,
    requests: 1,
  },
  {
    name: "a clock that is wrong",
    world: KEY,
    sites: {
      [TOKEN_SERVER]: oauth(
        400,
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
      ),
    },
    outcome: "auth",
    message: /400 invalid_grant: Invalid JWT: Token must be a short-lived token/,
    hint: /^Set the node's clock/,
    requests: 1,
  },
  {
    name: "a user's token that has expired",
    world: USER,
    sites: {
      [TOKEN_SERVER]: oauth(400, "invalid_grant", "Token has been expired or revoked."),
    },
    outcome: "auth",
    message: /400 invalid_grant: Token has been expired or revoked\.$/,
    hint: /does not accept the user of GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "a user's client that is unknown",
    world: USER,
    sites: { [TOKEN_SERVER]: oauth(401, "invalid_client", "The OAuth client was not found.") },
    outcome: "auth",
    message: /401 invalid_client: The OAuth client was not found\.$/,
    hint: /^Look at what Google answered, and check GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "a token endpoint that is down",
    world: KEY,
    sites: { [TOKEN_SERVER]: api(503, "UNAVAILABLE", "The service is currently unavailable.") },
    outcome: "unavailable",
    message: /^Google's token endpoint answered 503 UNAVAILABLE: The service is currently/,
    hint: /Try again later/,
    requests: 3,
  },
  {
    name: "a proxy's page in the place of Google",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => new Response("<html>Blocked</html>", { status: 403 }) },
    outcome: "auth",
    message: /^Google's token endpoint answered 403: an answer that is not in Google's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "a proxy's page that looks like success",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => new Response("<html>Please log in</html>") },
    outcome: "auth",
    message: /answered 200: an answer that is not in Google's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "an answer that is cut: the message does not quote the token",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => new Response(`{"access_token":"${google.token}", `) },
    outcome: "auth",
    message: /answered 200: an answer that is not in Google's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "an answer without a token",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => Response.json({ id_token: "x" }) },
    outcome: "auth",
    message: /answered 200: no token in the answer$/,
    hint: /[Cc]heck GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "an answer of null",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => Response.json(null) },
    outcome: "auth",
    message: /answered 200: an answer that is not in Google's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "a token with a line break in it",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => Response.json({ access_token: "a\r\nX-Evil: b" }) },
    outcome: "auth",
    message: /answered 200: no token in the answer$/,
    hint: /[Cc]heck GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "a redirect: the assertion does not follow",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => Response.redirect(`${IDP}/token`, 307) },
    outcome: "auth",
    message: /answered 307: an answer that is not in Google's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "an answer without an end",
    world: KEY,
    sites: { [TOKEN_SERVER]: () => new Response("x".repeat(300_000)) },
    outcome: "unavailable",
    message: /^cannot reach Google's token endpoint: The answer is longer than/,
    hint: /^Check the pod's DNS, its way to Google, and the proxy settings; /,
    requests: 3,
  },
  // STS and IAM Credentials.
  {
    name: "a subject token that has expired",
    world: external(),
    sites: {
      [STS]: oauth(400, "invalid_grant", "ID Token issued at 1700000000 is stale to sign-in."),
    },
    outcome: "auth",
    message:
      /^Google's STS answered 400 invalid_grant: ID Token issued at .* is stale to sign-in\.$/,
    hint: /check that the token of GOOGLE_APPLICATION_CREDENTIALS "\/key.json" is fresh/,
    requests: 1,
  },
  {
    name: "a subject token for somebody else",
    world: external(),
    sites: {
      [STS]: oauth(
        400,
        "invalid_grant",
        "The audience in ID Token [https://kubernetes.default.svc] does not match the expected audience.",
      ),
    },
    outcome: "auth",
    message: /400 invalid_grant: The audience in ID Token .* does not match/,
    hint: /Compare audience and subject_token_type in GOOGLE_APPLICATION_CREDENTIALS/,
    requests: 1,
  },
  {
    name: "a pool that is not there",
    world: external(),
    sites: {
      [STS]: oauth(
        400,
        "invalid_target",
        'The target service indicated by the "audience" is invalid.',
      ),
    },
    outcome: "auth",
    message: /400 invalid_target: The target service/,
    hint: /with the pool's provider/,
    requests: 1,
  },
  {
    name: "a condition that is not met",
    world: external(),
    sites: {
      [STS]: oauth(
        403,
        "unauthorized_client",
        "The given credential is rejected by the attribute condition.",
      ),
    },
    outcome: "auth",
    message: /^Google's STS answered 403 unauthorized_client: The given credential is rejected/,
    hint: /Let the attribute condition of the pool's provider accept this pod/,
    requests: 1,
  },
  {
    name: "too many questions",
    world: external(),
    sites: { [STS]: api(429, "RESOURCE_EXHAUSTED", "Quota exceeded") },
    outcome: "unavailable",
    message: /^Google's STS answered 429 RESOURCE_EXHAUSTED: Quota exceeded$/,
    hint: /Try again later/,
    requests: 3,
  },
  {
    name: "an account that may not be impersonated",
    world: external({ service_account_impersonation_url: IMPERSONATION_URL }),
    sites: {
      [IAM]: api(
        403,
        "PERMISSION_DENIED",
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
      ),
    },
    outcome: "auth",
    message:
      /^IAM Credentials answered 403 PERMISSION_DENIED: Permission 'iam.serviceAccounts.getAccessToken' denied/,
    hint: /roles\/iam.workloadIdentityUser.*GOOGLE_APPLICATION_CREDENTIALS "\/key.json" names it/,
    requests: 2,
  },
  {
    name: "an account to impersonate that is not there",
    world: external({ service_account_impersonation_url: IMPERSONATION_URL }),
    sites: { [IAM]: api(404, "NOT_FOUND", "Not found; Gaia id not found for email") },
    outcome: "auth",
    message: /^IAM Credentials answered 404 NOT_FOUND: Not found/,
    hint: /Check service_account_impersonation_url/,
    requests: 2,
  },
  // The metadata server.
  {
    name: "a machine without a service account",
    world: POD,
    sites: { [METADATA]: metadata(404, "<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>") },
    outcome: "auth",
    message: /^the metadata server answered 404: no message$/,
    hint: /Give the node pool a service account.*METADATA_SERVER_DETECTION=none/,
    requests: 1,
  },
  {
    name: "a pod that may not use the account in its annotation",
    world: POD,
    sites: {
      [METADATA]: metadata(
        403,
        "Unable to generate access token;\nIAM returned 403 Forbidden: Permission denied\n",
      ),
    },
    outcome: "auth",
    message: /^the metadata server answered 403: Unable to generate access token; IAM returned 403/,
    hint: /iam.gke.io\/gcp-service-account: it needs roles\/iam.workloadIdentityUser/,
    requests: 1,
  },
  {
    name: "a metadata server that is starting",
    world: POD,
    sites: { [METADATA]: metadata(500, "loading") },
    outcome: "unavailable",
    message: /^the metadata server answered 500: loading$/,
    hint: /^Try again later, or check the metadata server "169.254.169.254"$/,
    requests: 3,
  },
  {
    name: "another server in its place",
    world: POD,
    sites: { [METADATA]: () => Response.json({ access_token: "stranger", expires_in: 3600 }) },
    outcome: "auth",
    message: /^the metadata server answered 200: an answer that is not in Google's form$/,
    hint: /a proxy \(NO_PROXY\), or GCE_METADATA_HOST/,
    requests: 1,
  },
  {
    name: "no metadata server, though GCP_WIF says that there is one",
    world: POD,
    sites: {},
    outcome: "unavailable",
    message: /^cannot reach the metadata server: This test has no way to http:\/\/169.254.169.254$/,
    hint: /network policies, NO_PROXY.*unset GCP_WIF/,
    requests: 0,
  },
  {
    name: "no metadata server, though the machine is Google's",
    world: { files: { "/sys/class/dmi/id/bios_vendor": "Google" } },
    sites: {},
    outcome: "unavailable",
    message: /^cannot reach the metadata server: /,
    hint: /METADATA_SERVER_DETECTION=none/,
    requests: 0,
  },
];

for (const { name, world, sites, outcome, message, hint, requests } of rows) {
  Deno.test(`Google fails: ${name}: ${outcome}`, async () => {
    using _noWaits = withoutJitter();
    const own = sites !== undefined && Object.keys(sites).length === 0 ? {} : google.sites;
    await using network = new TestNetwork({ ...own, ...sites });
    const context = testContext({ ...world, fetch: network.fetch as typeof fetch });
    const failure = await failureOf(() => credentialsFor(SCOPE, context));

    assert.ok(failure.message.startsWith(PREFIX), failure.message);
    assert.match(failure.message.slice(PREFIX.length), message);
    assert.match(failure.hint ?? "", hint);
    assert.equal(failure.outcome, outcome);
    assert.equal(failure.host, HOST);
    assert.equal(failure.transient, false, "the registry client does not begin it again");
    assert.equal(network.visits.length, requests);
    if (world.environment?.GOOGLE_APPLICATION_CREDENTIALS) {
      assert.ok(`${failure.message} ${failure.hint}`.includes(NAMED), "it names the setting");
    }
    const said = [failure.message, failure.hint, failure.cause, ...context.lines].join("\n");
    for (const secret of google.secrets) assert.ok(!said.includes(secret));
    assert.deepEqual(google.wrong, []);
  });
}

Deno.test("a certificate that nobody trusts is told at once, with KIT_CA_BUNDLE", async () => {
  let asked = 0;
  const context = testContext({
    ...KEY,
    fetch: () => {
      asked++;
      return Promise.reject(new TypeError("invalid peer certificate: UnknownIssuer"));
    },
  });
  const failure = await failureOf(() => credentialsFor(SCOPE, context));
  assert.equal(asked, 1);
  assert.equal(failure.outcome, "unavailable");
  assert.match(failure.message, /cannot reach Google's token endpoint: invalid peer certificate/);
  assert.match(failure.hint!, /KIT_CA_BUNDLE; GOOGLE_APPLICATION_CREDENTIALS "\/key.json"/);
});

Deno.test("one transient answer of each service does not matter", async () => {
  using _noWaits = withoutJitter();
  const failed = new Set<string>();
  const once = ([origin, site]: [string, Site]) => {
    const flaky: Site = (visit) => {
      if (failed.has(origin)) return site(visit);
      failed.add(origin);
      return new Response(null, { status: 503, headers: { "Metadata-Flavor": "Google" } });
    };
    return [origin, flaky];
  };
  await using network = new TestNetwork(
    Object.fromEntries(Object.entries(google.sites).map(once)),
  );
  const world = external({ service_account_impersonation_url: IMPERSONATION_URL });
  for (const each of [KEY, USER, world, POD]) {
    failed.clear();
    const context = testContext({ ...each, fetch: network.fetch as typeof fetch });
    const credentials = await credentialsFor(SCOPE, context);
    assert.equal(credentials?.password.reveal(), google.token);
    assert.equal(context.lines.length, failed.size, "each is told once");
    assert.match(context.lines[0], /answered 503.*trying again/);
  }
  assert.deepEqual(google.wrong, []);
});

Deno.test("KIT_RETRIES says how often each of Google's services is asked", async () => {
  using _noWaits = withoutJitter();
  await using network = new TestNetwork({
    [TOKEN_SERVER]: () => new Response(null, { status: 503 }),
  });
  const { config, ...world } = testContext({ ...KEY, fetch: network.fetch as typeof fetch });
  const context = { ...world, config: { ...config, attempts: 5 } };
  await failureOf(() => credentialsFor(SCOPE, context));
  assert.equal(network.visits.length, 5);
});

const silent: [name: string, origin: string, world: World][] = [
  ["the metadata server", METADATA, POD],
  ["Google's token endpoint", TOKEN_SERVER, KEY],
  ["Google's STS", STS, external()],
];
for (const [name, origin, world] of silent) {
  Deno.test(`${name} that never answers is given up in time, as unavailable`, async () => {
    assert.ok(GOOGLE_LIMITS.request <= 10_000 && GOOGLE_LIMITS.probe <= 1000);
    assert.ok(GOOGLE_LIMITS.total + GOOGLE_LIMITS.probe <= 15_000);
    using _noWaits = withoutJitter();
    await using network: TestNetwork = new TestNetwork({ [origin]: () => network.never() });
    const context = testContext({ ...world, fetch: network.fetch as typeof fetch });
    // A busy machine may take its time: three attempts must fit in.
    const limits = { probe: 50, request: 60, total: 10_000 };
    const before = performance.now();
    const failure = await failureOf(() => credentialsFor(SCOPE, context, limits));
    assert.ok(performance.now() - before < limits.total);
    assert.equal(failure.outcome, "unavailable");
    assert.match(failure.message, new RegExp(`cannot reach ${name}: No answer within 0.\\d+ s$`));
    assert.equal(network.visits.length, 3, "each request has its own limit");
  });
}

Deno.test("an answer whose body never ends is given up in time, too", async () => {
  using _noWaits = withoutJitter();
  await using network: TestNetwork = new TestNetwork({
    [TOKEN_SERVER]: () => new Response(network.stalling(new Uint8Array([0x7b]))),
  });
  const context = testContext({ ...KEY, fetch: network.fetch as typeof fetch });
  const limits = { probe: 50, request: 60, total: 100 };
  const failure = await failureOf(() => credentialsFor(SCOPE, context, limits));
  assert.equal(failure.outcome, "unavailable");
  assert.match(failure.message, /cannot reach Google's token endpoint: No answer within/);
});

const ends: [name: string, site: Site][] = [
  ["a request", () => new Promise(() => {})],
  ["a wait between two attempts", () => new Response(null, { status: 503 })],
];
for (const [name, site] of ends) {
  Deno.test(`the end of the run ends ${name} at once, with the run's own reason`, async () => {
    const run = new AbortController();
    const reason = new Error("SIGTERM");
    await using network: TestNetwork = new TestNetwork({
      [TOKEN_SERVER]: (visit) => {
        setTimeout(() => run.abort(reason), 20);
        return name === "a request" ? network.never() : site(visit);
      },
    });
    const context = testContext({
      ...KEY,
      fetch: network.fetch as typeof fetch,
      signal: run.signal,
    });
    const before = performance.now();
    // The wait would be of a second or more.
    const { random } = Math;
    Math.random = () => 0.99;
    try {
      await assert.rejects(credentialsFor(SCOPE, context), reason);
    } finally {
      Math.random = random;
    }
    assert.ok(performance.now() - before < 400);
  });
}

Deno.test("the redaction knows everything that a sign-in saw", () => {
  const { private_key } = JSON.parse(google.serviceAccountFile());
  for (const secret of [...google.secrets.slice(0, -1), private_key]) {
    assert.ok(!redact(`x ${secret} x`).includes(secret), secret);
  }
});
