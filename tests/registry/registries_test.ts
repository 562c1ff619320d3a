import assert from "node:assert/strict";
import { digestOf } from "../../lib/registry/digest.ts";
import { parseMirrors } from "../../lib/mirrors.ts";
import { Registries } from "../../lib/registry/registries.ts";
import { Failure } from "../../lib/errors.ts";
import { testContext } from "../auth/context.ts";
import { failureOf } from "../support/failure.ts";
import { breaking, type Site, TestNetwork, type Visit } from "../support/network.ts";
import { withoutJitter } from "../support/without_jitter.ts";

const HOST = "registry.test";
const ORIGIN = `https://${HOST}`;
const KITFILE = new TextEncoder().encode('{"manifestVersion":"1.0.0"}');
const CONFIG = { mediaType: "x/kitfile", digest: await digestOf(KITFILE), size: KITFILE.length };
const LAYER = { mediaType: "x/layer", digest: `sha256:${"ab".repeat(32)}`, size: 12345 };
const MANIFEST = new TextEncoder().encode(
  JSON.stringify({ schemaVersion: 2, config: CONFIG, layers: [LAYER] }),
);
const DIGEST = await digestOf(MANIFEST);

function world(
  sites: Record<string, Site>,
  { attempts = 2, stallTimeout = 60_000, signal = new AbortController().signal, mirrors = "" } = {},
) {
  const network = new TestNetwork(sites);
  const context = testContext({
    environment: { KIT_USER: "alice", KIT_PASSWORD: "hunter2-registries" },
    registry: HOST,
  });
  const registries = new Registries({
    ...{ plainHttp: false, fetch: network.fetch, auth: context, attempts, stallTimeout },
    ...{ mirrors: parseMirrors(mirrors, []), log: context.log, signal },
  });
  return { network, registries, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

/** A registry with one ModelKit; `fault` may answer in its place. */
function registry(
  fault: (visit: Visit) => ReturnType<Site> | undefined = () => undefined,
): Site {
  return (visit) => {
    const answer = fault(visit);
    if (answer !== undefined) return answer;
    if (visit.path.includes("/manifests/")) return new Response(MANIFEST);
    if (visit.path.endsWith(CONFIG.digest)) return new Response(KITFILE);
    if (visit.method === "HEAD") {
      return new Response(null, { headers: { "Content-Length": "777" } });
    }
    return new Response("", { status: 404 });
  };
}

Deno.test("registries: a tag is asked for each time, what it led to is known by its digest", async () => {
  await using here = world({ [ORIGIN]: registry() });
  const { registries, network } = here;
  assert.equal((await registries.manifest(HOST, "org/model", "v1")).digest, DIGEST);
  assert.equal((await registries.manifest(HOST, "org/model", "v1")).digest, DIGEST);
  assert.equal((await registries.manifest(HOST, "org/model", DIGEST)).digest, DIGEST);
  assert.equal(network.visits.length, 2);
  await registries.manifest(HOST, "org/other", DIGEST);
  assert.equal(network.visits.length, 3);
});

Deno.test("registries: sizes of blobs are those of the manifest, and nobody is asked", async () => {
  await using here = world({ [ORIGIN]: registry() });
  await here.registries.manifest(HOST, "org/model", "v1");
  const blob = await here.registries.blob(HOST, "org/model", LAYER.digest);
  assert.deepEqual([blob.digest, blob.size], [LAYER.digest, LAYER.size]);
  assert.equal((await here.registries.blob(HOST, "org/model", CONFIG.digest)).size, CONFIG.size);
  assert.equal(here.network.visits.length, 1);
});

Deno.test("registries: what a manifest of another repository says of a size does not count", async () => {
  const lie = JSON.stringify({ schemaVersion: 2, layers: [{ ...LAYER, size: 1 }] });
  await using here = world({
    [ORIGIN]: registry((visit) => visit.path.includes("/evil/") ? new Response(lie) : undefined),
  });
  await here.registries.manifest(HOST, "org/model", "v1");
  await here.registries.manifest(HOST, "evil/model", "v1");
  assert.equal((await here.registries.blob(HOST, "org/model", LAYER.digest)).size, LAYER.size);
});

Deno.test("registries: the size of a blob that no manifest told of is asked for with HEAD", async () => {
  await using here = world({ [ORIGIN]: registry() });
  assert.equal((await here.registries.blob(HOST, "org/model", LAYER.digest)).size, 777);
  assert.deepEqual(here.network.visits.map(({ method }) => method), ["HEAD"]);
});

Deno.test("registries: a Kitfile is read and checked", async () => {
  await using here = world({ [ORIGIN]: registry() });
  await here.registries.manifest(HOST, "org/model", "v1");
  assert.deepEqual(await here.registries.config(HOST, "org/model", CONFIG.digest), KITFILE);
});

const CONFIGS: [name: string, body: () => BodyInit, outcome: string, tries: number][] = [
  ["has other bytes", () => new Uint8Array(KITFILE.length), "integrity", 1],
  ["is longer", () => new Uint8Array(KITFILE.length + 1), "integrity", 1],
  ["is shorter", () => KITFILE.slice(1), "integrity", 1],
  ["breaks", () => breaking(KITFILE.slice(0, 5)), "unavailable", 2],
];

for (const [name, body, outcome, tries] of CONFIGS) {
  Deno.test(`registries: a Kitfile that ${name} is ${outcome}, after ${tries} attempts`, async () => {
    using _ = withoutJitter();
    await using here = world({
      [ORIGIN]: registry((visit) =>
        visit.path.endsWith(CONFIG.digest) ? new Response(body()) : undefined
      ),
    });
    await here.registries.manifest(HOST, "org/model", "v1");
    const work = () => here.registries.config(HOST, "org/model", CONFIG.digest);
    const failure = await failureOf(work);
    assert.equal(failure.outcome, outcome);
    if (outcome === "integrity") {
      assert.equal(
        failure.message,
        `Cannot trust the blob ${CONFIG.digest}: what the registry sent has another digest`,
      );
    }
    assert.equal(here.network.visits.length, 1 + tries);
  });
}

Deno.test("registries: a Kitfile of more than 32 MiB is none, and is not read", async () => {
  const config = { ...CONFIG, size: 32 * 1024 * 1024 + 1 };
  const manifest = JSON.stringify({ schemaVersion: 2, config });
  await using here = world({ [ORIGIN]: () => new Response(manifest) });
  await here.registries.manifest(HOST, "org/model", "v1");
  const failure = await failureOf(() => here.registries.config(HOST, "org/model", CONFIG.digest));
  assert.equal(failure.outcome, "integrity");
  assert.equal(here.network.visits.length, 1);
});

const once = (answer: () => Response | Promise<Response>): Site => {
  let count = 0;
  return (visit) => ++count === 1 ? answer() : registry()(visit) as Response;
};

const PASSING: [name: string, answer: () => Response][] = [
  ["503", () => new Response("", { status: 503 })],
  ["429", () => new Response("", { status: 429, headers: { "Retry-After": "0" } })],
  ["a body that breaks", () => new Response(breaking(MANIFEST.slice(0, 5)))],
];

for (const [name, answer] of PASSING) {
  Deno.test(`registries: a manifest is asked for again after ${name}`, async () => {
    using _ = withoutJitter();
    await using here = world({ [ORIGIN]: once(answer) });
    assert.equal((await here.registries.manifest(HOST, "org/model", "v1")).digest, DIGEST);
    assert.equal(here.network.visits.length, 2);
  });
}

const STALLS: [name: string, ask: (registries: Registries) => Promise<unknown>][] = [
  ["a manifest", (registries) => registries.manifest(HOST, "org/model", "v1")],
  ["the size of a blob", (registries) => registries.blob(HOST, "org/model", LAYER.digest)],
];

for (const [name, ask] of STALLS) {
  Deno.test(`registries: ${name} that never comes is a timeout`, async () => {
    using _ = withoutJitter();
    await using here = world({ [ORIGIN]: () => here.network.never() }, { stallTimeout: 40 });
    assert.equal((await failureOf(() => ask(here.registries))).outcome, "timeout");
    assert.equal(here.network.visits.length, 2);
  });
  Deno.test(`registries: ${name} that stalls once is asked for again`, async () => {
    using _ = withoutJitter();
    await using here = world({ [ORIGIN]: once(() => here.network.never()) }, { stallTimeout: 40 });
    await ask(here.registries);
  });
}

Deno.test("registries: a manifest whose body stalls is a timeout, then asked for again", async () => {
  using _ = withoutJitter();
  await using here = world({
    [ORIGIN]: once(() => new Response(here.network.stalling(MANIFEST.slice(0, 5)))),
  }, { stallTimeout: 40 });
  assert.equal((await here.registries.manifest(HOST, "org/model", "v1")).digest, DIGEST);
});

Deno.test("registries: a Kitfile that stalls is a timeout", async () => {
  using _ = withoutJitter();
  await using here = world({
    [ORIGIN]: registry((visit) =>
      visit.path.endsWith(CONFIG.digest)
        ? new Response(here.network.stalling(KITFILE.slice(0, 5)))
        : undefined
    ),
  }, { stallTimeout: 40 });
  await here.registries.manifest(HOST, "org/model", "v1");
  const work = () => here.registries.config(HOST, "org/model", CONFIG.digest);
  assert.equal((await failureOf(work)).outcome, "timeout");
});

Deno.test("registries: a token server that stalls once does not spoil what comes after", async () => {
  using _ = withoutJitter();
  let tokens = 0;
  await using here = world({
    [ORIGIN]: registry((visit) =>
      visit.headers.get("Authorization") === "Bearer t2" ? undefined : new Response("", {
        status: 401,
        headers: { "WWW-Authenticate": 'Bearer realm="https://auth.test/token"' },
      })
    ),
    "https://auth.test": () =>
      ++tokens === 1 ? here.network.never() : Response.json({ token: `t${tokens}` }),
  }, { stallTimeout: 60 });
  assert.equal((await here.registries.manifest(HOST, "org/model", "v1")).digest, DIGEST);
  assert.equal(tokens, 2);
});

for (
  const [name, headers] of [
    ["no length", {}],
    ["a length that is no number", { "Content-Length": "many" }],
  ] as const
) {
  Deno.test(`registries: a blob of ${name} cannot be read`, async () => {
    const registries = new Registries({
      ...{ plainHttp: false, auth: testContext(), attempts: 1, stallTimeout: 60_000 },
      ...{ mirrors: new Map(), log: testContext().log, signal: new AbortController().signal },
      fetch: () => Promise.resolve(new Response(null, { headers })),
    });
    const failure = await failureOf(() => registries.blob(HOST, "org/model", LAYER.digest));
    assert.equal(failure.outcome, "unavailable");
    assert.match(failure.message, /^Cannot find the blob .*: it has no length$/);
    assert.match(failure.hint ?? "", /^Look at the registry or the proxy in front of it$/);
  });
}

Deno.test("registries: credentials of one host are never sent to another one", async () => {
  const basic: Site = (visit) =>
    visit.headers.has("Authorization") ? new Response(MANIFEST) : new Response("", {
      status: 401,
      headers: { "WWW-Authenticate": 'Basic realm="x"' },
    });
  await using here = world({ [ORIGIN]: basic, "https://other.test": basic });
  await here.registries.manifest(HOST, "org/model", "v1");
  const failure = await failureOf(() => here.registries.manifest("other.test", "org/model", "v1"));
  assert.equal(failure.outcome, "auth");
  const sent = here.network.of("https://other.test").map(({ headers }) =>
    headers.get("Authorization")
  );
  assert.deepEqual(sent, [null]);
});

Deno.test("registries: the end of the run ends a request with the run's reason", async () => {
  const run = new AbortController();
  const over = new Failure("terminated", "Ended");
  await using here = world({
    [ORIGIN]: () => {
      run.abort(over);
      return here.network.never();
    },
  }, { signal: run.signal });
  const work = () => here.registries.manifest(HOST, "org/model", "v1");
  assert.equal(await failureOf(work), over);
});
