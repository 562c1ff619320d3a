import assert from "node:assert/strict";
import { findGoogleIdentity } from "../../lib/auth/google_identity.ts";
import { isMetadataServer, metadataUrl } from "../../lib/auth/google_metadata.ts";
import { GoogleMock } from "../support/google.ts";
import { failureOf } from "../support/failure.ts";
import { TestNetwork } from "../support/network.ts";
import { testContext, type World } from "./context.ts";

const HOST = "gcr.io";
const KNOWN = "/home/me/.config/gcloud/application_default_credentials.json";
const BIOS = { "/sys/class/dmi/id/bios_vendor": "Google\n" };
const OTHER_BIOS = { "/sys/class/dmi/id/bios_vendor": "Amazon EC2\n" };
const STANDARD_URL = "http://169.254.169.254";

const google = await GoogleMock.create();
const KEY = { "/key.json": google.serviceAccountFile() };
const BY_KEY = { GOOGLE_APPLICATION_CREDENTIALS: "/key.json" };

const rows: [name: string, world: World, kind: string | undefined, probes: number][] = [
  ["nothing", {}, undefined, 1],
  ["a key file", { environment: BY_KEY, files: KEY }, "file", 0],
  [
    "a key file before GCP_WIF",
    {
      environment: { ...BY_KEY, GCP_WIF: "true" },
      files: KEY,
    },
    "file",
    0,
  ],
  [
    "gcloud's file",
    { environment: { HOME: "/home/me" }, files: { [KNOWN]: google.userFile() } },
    "file",
    0,
  ],
  ["gcloud's file, where there is none", { environment: { HOME: "/home/me" } }, undefined, 1],
  [
    "gcloud's file in CLOUDSDK_CONFIG",
    {
      environment: { HOME: "/home/me", CLOUDSDK_CONFIG: "/c" },
      files: { "/c/application_default_credentials.json": google.userFile() },
    },
    "file",
    0,
  ],
  ["GCP_WIF=true", { environment: { GCP_WIF: "true" } }, "metadata server", 0],
  ["GCP_WIF=True", { environment: { GCP_WIF: "True" } }, "metadata server", 0],
  ["GCP_WIF=false", { environment: { GCP_WIF: "false" } }, undefined, 1],
  ["a machine of Google", { files: BIOS }, "metadata server", 0],
  ["a machine of somebody else", { files: OTHER_BIOS }, undefined, 1],
  [
    "assume-present",
    { environment: { METADATA_SERVER_DETECTION: "assume-present" } },
    "metadata server",
    0,
  ],
  [
    "none, on a machine of Google",
    {
      environment: { METADATA_SERVER_DETECTION: "none" },
      files: BIOS,
    },
    undefined,
    0,
  ],
  [
    "none, but GCP_WIF=true",
    {
      environment: { METADATA_SERVER_DETECTION: "none", GCP_WIF: "true" },
    },
    "metadata server",
    0,
  ],
  [
    "bios-only, on a machine of Google",
    {
      environment: { METADATA_SERVER_DETECTION: "BIOS-only " },
      files: BIOS,
    },
    "metadata server",
    0,
  ],
  [
    "bios-only, elsewhere",
    { environment: { METADATA_SERVER_DETECTION: "bios-only" } },
    undefined,
    0,
  ],
  [
    "ping-only, on a machine of Google that does not answer",
    {
      environment: { METADATA_SERVER_DETECTION: "ping-only" },
      files: BIOS,
    },
    undefined,
    1,
  ],
];

for (const [name, world, kind, probes] of rows) {
  Deno.test(`Google's identity with ${name}: ${kind ?? "none"}`, async () => {
    let asked = 0;
    const context = testContext({
      ...world,
      fetch: () => {
        asked++;
        return Promise.reject(new TypeError("Connection refused"));
      },
    });
    const identity = await findGoogleIdentity(HOST, context, { probe: 1000 });
    assert.equal(identity?.kind, kind);
    assert.equal(asked, probes);
  });
}

Deno.test("Google's identity is found by a metadata server that answers", async () => {
  await using network = new TestNetwork(google.sites);
  const context = testContext({ fetch: network.fetch as typeof fetch });
  const identity = await findGoogleIdentity(HOST, context, { probe: 1000 });
  assert.deepEqual(identity, { kind: "metadata server", url: STANDARD_URL });
  assert.deepEqual(network.visits.map(({ url }) => url), [`${STANDARD_URL}/`]);
  assert.deepEqual(google.wrong, []);
});

Deno.test("a word that METADATA_SERVER_DETECTION does not know is a usage failure", async () => {
  const context = testContext({ environment: { METADATA_SERVER_DETECTION: "maybe" } });
  const failure = await failureOf(() => findGoogleIdentity(HOST, context, { probe: 1000 }));
  assert.equal(failure.outcome, "usage");
  assert.match(
    failure.message,
    /^Cannot use METADATA_SERVER_DETECTION "maybe": it is none of its values$/,
  );
  assert.match(failure.hint!, /assume-present, none/);
});

const strangers: [name: string, answer: () => Response][] = [
  ["another server on that address", () => new Response("hello")],
  ["another cloud's server", () => new Response(null, { status: 401 })],
  ["a proxy that refuses", () => new Response("<html>", { status: 403 })],
  ["a redirect", () => Response.redirect("http://elsewhere.test/", 302)],
];
for (const [name, answer] of strangers) {
  Deno.test(`not a metadata server of Google: ${name}`, async () => {
    await using network = new TestNetwork({ [STANDARD_URL]: answer });
    const context = testContext({ fetch: network.fetch as typeof fetch });
    assert.equal(await isMetadataServer(STANDARD_URL, context, 1000), false);
    assert.equal(network.visits.length, 1);
    assert.deepEqual(network.strays, []);
  });
}

Deno.test("not a metadata server of Google: one that stays silent, after the limit", async () => {
  await using network: TestNetwork = new TestNetwork({ [STANDARD_URL]: () => network.never() });
  const context = testContext({ fetch: network.fetch as typeof fetch });
  const before = performance.now();
  assert.equal(await isMetadataServer(STANDARD_URL, context, 50), false);
  const elapsed = performance.now() - before;
  assert.ok(elapsed >= 45 && elapsed < 1000, `it took ${elapsed} ms`);
});

Deno.test("the end of the run ends the question for a metadata server", async () => {
  await using network: TestNetwork = new TestNetwork({ [STANDARD_URL]: () => network.never() });
  const run = new AbortController();
  const context = testContext({ fetch: network.fetch as typeof fetch, signal: run.signal });
  const answer = isMetadataServer(STANDARD_URL, context, 5000);
  const reason = new Error("SIGTERM");
  run.abort(reason);
  await assert.rejects(answer, reason);
});

const addresses: [value: string | undefined, expected: string][] = [
  [undefined, STANDARD_URL],
  ["metadata.google.internal", "http://metadata.google.internal"],
  ["127.0.0.1:8080", "http://127.0.0.1:8080"],
  ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"],
  ["[fd20:ce::254]", "http://[fd20:ce::254]"],
];
for (const [value, expected] of addresses) {
  Deno.test(`GCE_METADATA_HOST ${value ?? "unset"} is ${expected}`, () => {
    assert.equal(metadataUrl(value === undefined ? {} : { GCE_METADATA_HOST: value }), expected);
  });
}

Deno.test("a GCE_METADATA_HOST that is no host is a usage failure", async () => {
  const failure = await failureOf(() => metadataUrl({ GCE_METADATA_HOST: "not a host" }));
  assert.equal(failure.outcome, "usage");
  assert.match(failure.message, /^Cannot use GCE_METADATA_HOST "not a host"/);
});
