import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/google.ts";
import { knownSecrets } from "../../lib/secret.ts";
import { AUDIENCE, GoogleMock, IMPERSONATION_URL, METADATA } from "../support/google.ts";
import { TestNetwork } from "../support/network.ts";
import { testContext, type World } from "./context.ts";
import { processEnvironment } from "./process_environment.ts";

const HOST = "europe-west4-docker.pkg.dev";
const SCOPE = { host: HOST, repository: "models/kits/iris" };
const FILE = "/var/secrets/gcloud-application-credentials.json";
const BY_FILE = { GOOGLE_APPLICATION_CREDENTIALS: FILE };

const google = await GoogleMock.create();
const SUBJECT = { "/var/run/subject-token": google.subjectToken + "\n" };

function contextFor(network: TestNetwork, world: World) {
  return testContext({ ...world, fetch: network.fetch as typeof fetch });
}

/** Every way to a token: what it is found by, and whom it asks, in order. */
const ways: [name: string, world: World, source: string, asked: string[]][] = [
  [
    "the metadata server, when GCP_WIF says so",
    { environment: { GCP_WIF: "true" } },
    'Google (the pod\'s service account (metadata server "169.254.169.254"))',
    [`${METADATA}/computeMetadata/v1/instance/service-accounts/default/token`],
  ],
  [
    "a service account's key",
    { environment: BY_FILE, files: { [FILE]: google.serviceAccountFile() } },
    `Google (the service account "reader@models.iam.gserviceaccount.com" of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["https://oauth2.googleapis.com/token"],
  ],
  [
    "a user's file",
    { environment: BY_FILE, files: { [FILE]: google.userFile() } },
    `Google (the user of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["https://oauth2.googleapis.com/token"],
  ],
  [
    "workload identity federation with a token file",
    { environment: BY_FILE, files: { [FILE]: google.externalFile(), ...SUBJECT } },
    `Google (the workload identity of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["https://sts.googleapis.com/v1/token"],
  ],
  [
    "workload identity federation with a token in JSON",
    {
      environment: BY_FILE,
      files: {
        [FILE]: google.externalFile({
          credential_source: {
            file: "/token.json",
            format: { type: "json", subject_token_field_name: "jwt" },
          },
        }),
        "/token.json": JSON.stringify({ jwt: google.subjectToken }),
      },
    },
    `Google (the workload identity of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["https://sts.googleapis.com/v1/token"],
  ],
  [
    "workload identity federation with a token from a URL",
    {
      environment: BY_FILE,
      files: {
        [FILE]: google.externalFile({
          credential_source: {
            url: "http://idp.test/token?audience=pool",
            headers: { Metadata: "True" },
            format: { type: "json", subject_token_field_name: "id_token" },
          },
        }),
      },
    },
    `Google (the workload identity of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["http://idp.test/token?audience=pool", "https://sts.googleapis.com/v1/token"],
  ],
  [
    "workload identity federation on behalf of a service account",
    {
      environment: BY_FILE,
      files: {
        [FILE]: google.externalFile({ service_account_impersonation_url: IMPERSONATION_URL }),
        ...SUBJECT,
      },
    },
    `Google (the workload identity of GOOGLE_APPLICATION_CREDENTIALS "${FILE}")`,
    ["https://sts.googleapis.com/v1/token", IMPERSONATION_URL],
  ],
];

for (const [name, world, source, asked] of ways) {
  Deno.test(`Google gives a token by ${name}`, async () => {
    await using network = new TestNetwork(google.sites);
    const context = contextFor(network, world);
    const credentials = await credentialsFor(SCOPE, context);

    assert.deepEqual(google.wrong, []);
    assert.deepEqual(network.strays, []);
    assert.equal(credentials?.username, "oauth2accesstoken");
    assert.equal(credentials?.password.reveal(), google.token);
    const life = credentials!.expiresAt! - Date.now();
    assert.ok(life > 3500_000 && life <= 3600_000, `it ends in ${life} ms`);
    assert.equal(credentials?.source, source);
    assert.deepEqual(network.visits.map(({ url }) => url), asked);
    assert.deepEqual(context.lines, []);
    const forms = network.visits.map(({ body }) => new URLSearchParams(body));
    const sent = forms.flatMap((
      form,
    ) => [...form.getAll("assertion"), ...form.getAll("subject_token")]);
    for (const secret of [google.token, ...sent]) {
      assert.ok(knownSecrets().includes(secret), "the redaction knows it");
    }
  });
}

Deno.test("workload identity federation from AWS: STS gets a signed request, made from the keys", async () => {
  using _process = processEnvironment({
    AWS_REGION: "eu-west-3",
    AWS_ACCESS_KEY_ID: "AKIAOFTEST",
    AWS_SECRET_ACCESS_KEY: "secret-of-test",
    AWS_SESSION_TOKEN: "session-of-test",
  });
  const forms: URLSearchParams[] = [];
  await using network = new TestNetwork({
    "https://sts.googleapis.com": ({ body }) => {
      forms.push(new URLSearchParams(body));
      return Response.json({ access_token: google.token, expires_in: 3600 });
    },
  });
  const file = google.externalFile({
    subject_token_type: "urn:ietf:params:aws:token-type:aws4_request",
    credential_source: {
      environment_id: "aws1",
      regional_cred_verification_url:
        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
    },
  });
  const context = contextFor(network, { environment: BY_FILE, files: { [FILE]: file } });
  assert.equal((await credentialsFor(SCOPE, context))?.password.reveal(), google.token);

  // https://google.aip.dev/auth/4117#determining-the-subject-token-in-aws
  assert.equal(forms.length, 1);
  const { url, method, headers } = JSON.parse(decodeURIComponent(forms[0].get("subject_token")!));
  assert.equal(method, "POST");
  assert.equal(
    url,
    "https://sts.eu-west-3.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
  );
  const sent = Object.fromEntries(
    headers.map(({ key, value }: { key: string; value: string }) => [key, value]),
  );
  assert.equal(sent["x-goog-cloud-target-resource"], AUDIENCE);
  assert.match(sent.authorization, /Credential=AKIAOFTEST\/\d{8}\/eu-west-3\/sts\/aws4_request/);
  assert.deepEqual(network.strays, []);
});

Deno.test("nothing of the process's own environment makes the library take another way", async () => {
  using _process = processEnvironment({
    HTTPS_PROXY: "of the process",
    GOOGLE_APPLICATION_CREDENTIALS: "/of/the/process.json",
  });
  const file = google.externalFile({ service_account_impersonation_url: IMPERSONATION_URL });
  await using network = new TestNetwork(google.sites);
  const context = contextFor(network, {
    environment: BY_FILE,
    files: { [FILE]: file, ...SUBJECT },
  });
  assert.equal((await credentialsFor(SCOPE, context))?.password.reveal(), google.token);
  assert.equal(network.visits.length, 2);
});

Deno.test("a host that is not Google's is left alone, whatever the environment says", async () => {
  const environment = { ...BY_FILE, GCP_WIF: "true" };
  for (const host of ["ghcr.io", "pkg.dev", `${HOST}.example.com`]) {
    // This world has no network and no files: asking for anything would throw.
    assert.equal(
      await credentialsFor({ host, repository: "a" }, testContext({ environment })),
      undefined,
    );
  }
});

const locations: [host: string, location: string, warning: RegExp | undefined][] = [
  [HOST, "europe-west4", undefined],
  [HOST, "us", /GCP_GAR_LOCATION is "us", but "europe-west4-docker.pkg.dev" is in "europe-west4"/],
  ["docker.us-east1.rep.pkg.dev", "us-west1", /but "docker.us-east1.rep.pkg.dev" is in "us-east1"/],
  ["gcr.io", "us", undefined],
];
for (const [host, location, warning] of locations) {
  const what = warning === undefined ? "is not worth a word" : "is a warning";
  Deno.test(`GCP_GAR_LOCATION "${location}" with ${host} ${what}`, async () => {
    await using network = new TestNetwork(google.sites);
    const environment = { GCP_WIF: "true", GCP_GAR_LOCATION: location };
    const context = contextFor(network, { environment });
    await credentialsFor({ host, repository: "a/b" }, context);
    assert.equal(context.lines.length, warning === undefined ? 0 : 1);
    if (warning) assert.match(context.lines[0], warning);
  });
}
