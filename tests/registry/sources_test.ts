import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { parseMirrors } from "../../lib/mirrors.ts";
import { digestOf } from "../../lib/registry/digest.ts";
import { Registries } from "../../lib/registry/registries.ts";
import { testContext } from "../auth/context.ts";
import { failureOf } from "../support/failure.ts";
import { breaking, type Site, TestNetwork, type Visit } from "../support/network.ts";
import { withoutJitter } from "../support/without_jitter.ts";

const KITFILE = new TextEncoder().encode('{"manifestVersion":"1.0.0"}');
const CONFIG = { mediaType: "x/kitfile", digest: await digestOf(KITFILE), size: KITFILE.length };
const MANIFEST = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, config: CONFIG }));
const DIGEST = await digestOf(MANIFEST);
const OTHER = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, layers: [] }));

const [ORIGIN, MIRROR, PLAIN] = [
  "https://registry.test",
  "https://mirror.test",
  "http://plain.test",
];

interface Options {
  mirrors?: string;
  plainHttp?: boolean;
  stallTimeout?: number;
  signal?: AbortSignal;
  /** Whose password is in a docker config. */
  passwordsOf?: string[];
}

function world(sites: Record<string, Site>, options: Options = {}) {
  const { mirrors = `registry.test=${MIRROR}/cache`, plainHttp = false, stallTimeout = 60_000 } =
    options;
  const network = new TestNetwork(sites);
  const auths = Object.fromEntries(
    (options.passwordsOf ?? []).map((host) => [host, { auth: btoa(`alice:password-of-${host}`) }]),
  );
  const context = testContext({
    environment: { KIT_DOCKER_CONFIG_JSON: JSON.stringify({ auths }) },
  });
  const registries = new Registries({
    ...{ plainHttp, stallTimeout, fetch: network.fetch, auth: context, log: context.log },
    ...{ attempts: 2, signal: options.signal ?? new AbortController().signal },
    mirrors: parseMirrors(mirrors, []),
  });
  const ask = (reference: string) => registries.manifest("registry.test", "org/model", reference);
  return {
    ...{ network, registries, ask, lines: context.lines },
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** A registry with one ModelKit, or whatever `answer` says in its place. */
const site =
  (answer: (visit: Visit) => ReturnType<Site> | undefined = () => undefined): Site => (visit) =>
    answer(visit) ?? new Response(visit.path.includes("/manifests/") ? MANIFEST : KITFILE);

Deno.test("mirrors: tags, digests and Kitfiles come from the mirror, with its path before the repository", async () => {
  await using here = world({ [ORIGIN]: site(), [MIRROR]: site() });
  assert.equal((await here.ask("v1")).digest, DIGEST);
  assert.deepEqual(
    await here.registries.config("registry.test", "org/model", CONFIG.digest),
    KITFILE,
  );
  assert.deepEqual(here.network.visits.map(({ url }) => url), [
    `${MIRROR}/v2/cache/org/model/manifests/v1`,
    `${MIRROR}/v2/cache/org/model/blobs/${CONFIG.digest}`,
  ]);
});

Deno.test("mirrors: another host's are not asked", async () => {
  await using here = world({ "https://other.test": site(), [MIRROR]: site() });
  await here.registries.manifest("other.test", "org/model", "v1");
  assert.deepEqual(here.network.of(MIRROR), []);
});

const FAULTS: [name: string, answer: (network: TestNetwork) => ReturnType<Site>, isOut: boolean][] =
  [
    ["404", () => new Response("", { status: 404 }), false],
    ["500", () => new Response("", { status: 500 }), true],
    ["401", () => new Response("", { status: 401 }), true],
    ["429", () => new Response("", { status: 429, headers: { "Retry-After": "60" } }), true],
    [
      "a redirect to the metadata address",
      () => new Response(null, { status: 307, headers: { Location: "https://169.254.169.254/" } }),
      true,
    ],
    ["other bytes", () => new Response(OTHER), true],
    ["no manifest at all", () => new Response("<html>"), true],
    ["half a manifest", () => new Response(breaking(MANIFEST.slice(0, 5))), true],
    ["nothing", (network) => network.never(), true],
  ];

for (const [name, answer, isOut] of FAULTS) {
  Deno.test(`mirrors: one that answers ${name} is asked once, and the registry in its place`, async () => {
    await using here = world({ [ORIGIN]: site(), [MIRROR]: () => answer(here.network) }, {
      stallTimeout: 40,
    });
    const started = performance.now();
    assert.equal((await here.ask(DIGEST)).digest, DIGEST);
    assert.ok(performance.now() - started < 5000, "there is no waiting for a mirror");
    assert.equal(here.network.of(MIRROR).length, 1);
    await here.registries.manifest("registry.test", "org/other", DIGEST);
    assert.equal(here.network.of(MIRROR).length, isOut ? 1 : 2);
    assert.equal(here.lines.filter((line) => line.includes(`The mirror "mirror.test"`)).length, 1);
  });
}

Deno.test("mirrors: one that cannot be reached at all is no matter", async () => {
  await using here = world({ [ORIGIN]: site() });
  assert.equal((await here.ask("v1")).digest, DIGEST);
  assert.equal(here.network.strays.length, 1);
});

Deno.test("mirrors: a Kitfile with other bytes is had from the registry", async () => {
  const damaged = site(({ path }) =>
    path.includes("/blobs/") ? new Response(new Uint8Array(KITFILE.length)) : undefined
  );
  await using here = world({ [ORIGIN]: site(), [MIRROR]: damaged });
  await here.ask("v1");
  assert.deepEqual(
    await here.registries.config("registry.test", "org/model", CONFIG.digest),
    KITFILE,
  );
  assert.match(here.lines.join(), /"mirror\.test" is not asked any more: Cannot trust the blob/);
});

Deno.test("mirrors: they are tried in their order", async () => {
  const missing = () => new Response("", { status: 404 });
  await using here = world({
    [MIRROR]: missing,
    "https://second.test": site(),
    [ORIGIN]: site(),
  }, { mirrors: `registry.test=${MIRROR} registry.test=https://second.test` });
  await here.ask("v1");
  const origins = here.network.visits.map(({ url }) => new URL(url).origin);
  assert.deepEqual(origins, [MIRROR, "https://second.test"]);
});

Deno.test("mirrors: the registry's own failure is the one that is told, after its attempts", async () => {
  using _ = withoutJitter();
  const down = () => new Response("", { status: 503 });
  await using here = world({ [ORIGIN]: down, [MIRROR]: down });
  const failure = await failureOf(() => here.ask("v1"));
  assert.deepEqual([failure.outcome, failure.host], ["unavailable", "registry.test"]);
  assert.deepEqual([here.network.of(MIRROR).length, here.network.of(ORIGIN).length], [1, 2]);
});

Deno.test("mirrors: the end of the run is not taken for the mirror's failure", async () => {
  const run = new AbortController();
  const over = new Failure("terminated", "Ended");
  await using here = world({
    [ORIGIN]: site(),
    [MIRROR]: () => {
      run.abort(over);
      return here.network.never();
    },
  }, { signal: run.signal });
  assert.equal(await failureOf(() => here.ask("v1")), over);
  assert.deepEqual(here.network.of(ORIGIN), []);
});

const basic: Site = (visit) =>
  visit.headers.has("Authorization")
    ? new Response(MANIFEST)
    : new Response("", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });
const sent = ({ headers }: Visit) => headers.get("Authorization");

Deno.test("mirrors: one gets its own host's password, and never the registry's", async () => {
  await using here = world({ [ORIGIN]: basic, [MIRROR]: basic }, {
    passwordsOf: ["registry.test", "mirror.test"],
  });
  await here.ask("v1");
  const header = `Basic ${btoa("alice:password-of-mirror.test")}`;
  assert.deepEqual(here.network.visits.map(sent), [null, header]);
});

Deno.test("mirrors: one without a password of its own is asked without any", async () => {
  await using here = world({ [ORIGIN]: basic, [MIRROR]: basic }, {
    passwordsOf: ["registry.test"],
  });
  await here.ask("v1");
  assert.deepEqual(here.network.of(MIRROR).map(sent), [null]);
  assert.equal(here.network.of(ORIGIN).length, 2);
});

Deno.test("mirrors: by plain HTTP one is not asked for a tag, and for a digest without a password", async () => {
  await using here = world({ [ORIGIN]: basic, [PLAIN]: basic }, {
    mirrors: `registry.test=${PLAIN}`,
    passwordsOf: ["registry.test", "plain.test"],
  });
  await here.ask("v1");
  assert.deepEqual(here.network.of(PLAIN), []);
  await here.registries.manifest("registry.test", "org/other", DIGEST);
  assert.deepEqual(here.network.of(PLAIN).map(sent), [null]);
});

Deno.test("mirrors: with --plain-http one by plain HTTP is a mirror like others", async () => {
  await using here = world({ "http://registry.test": basic, [PLAIN]: basic }, {
    mirrors: `registry.test=${PLAIN}`,
    plainHttp: true,
    passwordsOf: ["plain.test"],
  });
  await here.ask("v1");
  const header = `Basic ${btoa("alice:password-of-plain.test")}`;
  assert.deepEqual(here.network.visits.map(sent), [null, header]);
});

Deno.test("mirrors: the size of a blob that no manifest told of is the registry's to say", async () => {
  const head: Site = () => new Response(null, { headers: { "Content-Length": "777" } });
  await using here = world({ [ORIGIN]: head, [MIRROR]: head });
  assert.equal((await here.registries.blob("registry.test", "org/model", DIGEST)).size, 777);
  assert.deepEqual(here.network.of(MIRROR), []);
});
