import assert from "node:assert/strict";
import { parseReference } from "../../lib/reference.ts";
import { digestOf } from "../../lib/registry/digest.ts";
import { Registries } from "../../lib/registry/registries.ts";
import { resolveModelKit } from "../../lib/transfer/resolve.ts";
import { testContext } from "../auth/context.ts";
import { failureOf } from "../support/failure.ts";
import { TestNetwork } from "../support/network.ts";

const KIT = "application/vnd.kitops.modelkit.manifest.v1+json";
const PACK = "application/vnd.cncf.model.manifest.v1+json";
const KIT_CONFIG = "application/vnd.kitops.modelkit.config.v1+json";
const PACK_CONFIG = "application/vnd.cncf.model.config.v1+json";
const LAYER = { mediaType: "x/layer", digest: `sha256:${"ab".repeat(32)}`, size: 5 };
const COMPONENT = { name: "model", path: "./model.bin", digest: LAYER.digest };
const KITFILE = JSON.stringify({ manifestVersion: "1.0.0", model: COMPONENT });

interface Described {
  digest: string;
  size: number;
}

/** A registry in memory: what is put into it is there by its digest. */
class Store implements AsyncDisposable {
  readonly #texts = new Map<string, string>();
  readonly network = new TestNetwork({
    "https://r.test": ({ path }) => {
      const text = this.#texts.get(path.split("/").at(-1)!);
      return text === undefined ? new Response("{}", { status: 404 }) : new Response(text);
    },
  });
  readonly #registries: Registries;

  constructor() {
    const auth = testContext();
    this.#registries = new Registries({
      ...{ plainHttp: false, fetch: this.network.fetch, auth, mirrors: new Map(), attempts: 1 },
      ...{ stallTimeout: 60_000, log: auth.log, signal: auth.signal },
    });
  }

  async put(content: object | string, tag?: string): Promise<Described> {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const bytes = new TextEncoder().encode(text);
    const digest = await digestOf(bytes);
    for (const name of [digest, tag ?? digest]) this.#texts.set(name, text);
    return { digest, size: bytes.length };
  }

  async putModelKit(more: object = {}, tag?: string): Promise<Described> {
    const config = { ...await this.put(KITFILE), mediaType: KIT_CONFIG };
    return await this.put({ schemaVersion: 2, config, layers: [LAYER], ...more }, tag);
  }

  async putIndex(manifests: object[], more: object = {}): Promise<Described> {
    return await this.put({ schemaVersion: 2, manifests, ...more }, "v1");
  }

  resolve(reference = "v1") {
    const separator = reference.includes(":") ? "@" : ":";
    return resolveModelKit(
      this.#registries,
      parseReference(`r.test/org/model${separator}${reference}`),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.network[Symbol.asyncDispose]();
  }
}

const OTHER_CONFIG = { ...LAYER, mediaType: "application/vnd.oci.image.config.v1+json" };

Deno.test("resolve: a ModelKit has its digest, its layers and what its Kitfile names", async () => {
  await using store = new Store();
  const { digest } = await store.putModelKit({}, "v1");
  const modelkit = await store.resolve();
  assert.equal(modelkit.digest, digest);
  assert.deepEqual(modelkit.layers.map(({ digest, size }) => [digest, size]), [[LAYER.digest, 5]]);
  assert.deepEqual(modelkit.components, [{ type: "model", ...COMPONENT }]);
});

Deno.test("resolve: a ModelPack of kit has its Kitfile in an annotation", async () => {
  await using store = new Store();
  const annotations = { "ml.kitops.modelkit.kitfile": KITFILE };
  const config = { ...await store.put("{}"), mediaType: PACK_CONFIG };
  await store.putModelKit({ artifactType: PACK, config, annotations }, "v1");
  assert.deepEqual((await store.resolve()).components, [{ type: "model", ...COMPONENT }]);
});

Deno.test("resolve: a ModelPack of another tool has no Kitfile", async () => {
  await using store = new Store();
  const config = { ...await store.put("{}"), mediaType: PACK_CONFIG };
  await store.putModelKit({ config }, "v1");
  const { components, layers } = await store.resolve();
  assert.deepEqual([components, layers.length], [undefined, 1]);
});

Deno.test("resolve: a Kitfile that is no JSON is a failure of kit", async () => {
  await using store = new Store();
  const config = { ...await store.put("manifestVersion: 1.0.0"), mediaType: KIT_CONFIG };
  await store.putModelKit({ config }, "v1");
  const failure = await failureOf(() => store.resolve());
  assert.equal(failure.outcome, "kit");
  assert.match(failure.message, /^Cannot read the Kitfile of "r\.test\/org\/model:v1": /);
});

Deno.test("resolve: what is no ModelKit is a failure of kit, before any layer is read", async () => {
  await using store = new Store();
  await store.putModelKit({ config: OTHER_CONFIG }, "v1");
  const failure = await failureOf(() => store.resolve());
  assert.equal(failure.outcome, "kit");
  assert.match(failure.message, /^Cannot unpack "r\.test\/org\/model:v1": it is not a ModelKit$/);
  assert.equal(store.network.visits.length, 1);
});

const INDEXES: [name: string, entries: (store: Store, kit: Described) => Promise<object[]>][] = [
  ["alone", (_, kit) => Promise.resolve([kit])],
  ["with its kind named", (_, kit) => Promise.resolve([{ ...kit, artifactType: KIT }])],
  ["named twice, for two platforms", (_, kit) =>
    Promise.resolve([
      { ...kit, platform: { architecture: "amd64" } },
      { ...kit, platform: { architecture: "arm64" } },
    ])],
  [
    "beside an image",
    async (store, kit) => [await store.putModelKit({ config: OTHER_CONFIG }), kit],
  ],
  [
    "beside a signature, which is not even asked for",
    (_, kit) => Promise.resolve([{ ...LAYER, artifactType: "x/signature" }, kit]),
  ],
  [
    "beside a manifest that the registry does not have",
    (_, kit) => Promise.resolve([LAYER, kit]),
  ],
  [
    "beside another index",
    async (store, kit) => [await store.put({ schemaVersion: 2, manifests: [kit] }), kit],
  ],
];

for (const [name, entries] of INDEXES) {
  Deno.test(`resolve: the ModelKit of an index, ${name}`, async () => {
    await using store = new Store();
    const kit = await store.putModelKit();
    const { digest } = await store.putIndex(await entries(store, kit));
    assert.equal((await store.resolve()).digest, kit.digest);
    assert.equal((await store.resolve(digest)).digest, kit.digest);
  });
}

Deno.test("resolve: of an index with several ModelKits one must be named", async () => {
  await using store = new Store();
  const one = await store.putModelKit();
  const other = await store.putModelKit({ annotations: { other: "one" } });
  await store.putIndex([one, other]);
  const failure = await failureOf(() => store.resolve());
  assert.equal(failure.outcome, "usage");
  assert.match(failure.message, /^Cannot choose from "r\.test\/org\/model:v1": /);
  assert.ok(failure.hint?.includes(`${one.digest} or ${other.digest}`));
});

const WITHOUT: [name: string, entries: object[]][] = [
  ["of signatures", [{ ...LAYER, artifactType: "x/signature" }]],
  ["of manifests that are not there", [LAYER]],
  [
    "of a thousand manifests, and nothing of it is asked for",
    Array.from({ length: 1000 }, (_, index) => ({
      ...LAYER,
      digest: `sha256:${String(index).padStart(64, "0")}`,
    })),
  ],
];

for (const [name, entries] of WITHOUT) {
  Deno.test(`resolve: an index ${name} has no ModelKit`, async () => {
    await using store = new Store();
    await store.putIndex(entries);
    const failure = await failureOf(() => store.resolve());
    assert.equal(failure.outcome, "kit");
    assert.match(failure.message, /it is an index without a ModelKit$/);
    assert.ok(store.network.visits.length <= 2);
  });
}

Deno.test("resolve: where the manifests of an index cannot be had, that is the failure", async () => {
  await using network = new TestNetwork({
    "https://r.test": ({ path }) =>
      path.endsWith("/v1")
        ? Response.json({ schemaVersion: 2, manifests: [LAYER] })
        : new Response("", { status: 403 }),
  });
  const auth = testContext();
  const registries = new Registries({
    ...{ plainHttp: false, fetch: network.fetch, auth, mirrors: new Map(), attempts: 1 },
    ...{ stallTimeout: 60_000, log: auth.log, signal: auth.signal },
  });
  const work = () => resolveModelKit(registries, parseReference("r.test/org/model:v1"));
  assert.equal((await failureOf(work)).outcome, "auth");
});
