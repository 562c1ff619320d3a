import assert from "node:assert/strict";
import { RegistryClient } from "../../lib/registry/client.ts";
import { digestOf } from "../../lib/registry/digest.ts";
import { fetchManifest, parseManifest } from "../../lib/registry/manifest.ts";
import { failureOf } from "../support/failure.ts";
import { breaking, TestNetwork } from "../support/network.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const guard = { signal: new AbortController().signal, took: () => {} };
const LAYER = { mediaType: "a/b", digest: `sha256:${"ab".repeat(32)}`, size: 5 };
const GOOD = { schemaVersion: 2, mediaType: "x/y", config: LAYER, layers: [LAYER] };
const BYTES = encode(JSON.stringify(GOOD));
const DIGEST = await digestOf(BYTES);

async function fetched(reference: string, response: () => Response) {
  await using network = new TestNetwork({ "https://r.test": response });
  const client = new RegistryClient({
    host: "r.test",
    plainHttp: false,
    fetch: network.fetch,
    credentialsFor: () => Promise.resolve(undefined),
  });
  const manifest = await fetchManifest(client, "org/model", reference, guard);
  return { manifest, visits: network.visits };
}

const answer = (bytes: BodyInit, digest?: string) => () =>
  new Response(bytes, { headers: digest === undefined ? {} : { "Docker-Content-Digest": digest } });

const SHA512 = await digestOf(BYTES, "sha512");
const TRUSTED: [name: string, reference: string, header: string | undefined, digest: string][] = [
  ["a tag, and the header says its digest", "v1", DIGEST, DIGEST],
  ["a tag without a header", "v1", undefined, DIGEST],
  ["a tag, and the header says another kind of digest", "v1", SHA512, SHA512],
  ["its digest", DIGEST, DIGEST, DIGEST],
  ["its digest, whatever the header says", DIGEST, `sha256:${"0".repeat(64)}`, DIGEST],
  ["its sha512", SHA512, undefined, SHA512],
];

for (const [name, reference, header, digest] of TRUSTED) {
  Deno.test(`a manifest asked for by ${name}`, async () => {
    const { manifest, visits } = await fetched(reference, answer(BYTES, header));
    assert.equal(manifest.digest, digest);
    assert.equal(manifest.mediaType, "x/y");
    assert.deepEqual(manifest.bytes, BYTES);
    assert.deepEqual(manifest.layers, [{ ...LAYER, annotations: {}, artifactType: undefined }]);
    assert.equal(visits[0].path, `/v2/org/model/manifests/${reference}`);
    assert.match(visits[0].headers.get("Accept") ?? "", /vnd\.oci\.image\.manifest\.v1\+json/);
  });
}

const WRONG = `sha256:${"0".repeat(64)}`;
const REFUSED: [name: string, reference: string, response: () => Response, says: RegExp][] = [
  ["another digest than asked for", WRONG, answer(BYTES, WRONG), /its digest is sha256:/],
  ["another digest than the header says", "v1", answer(BYTES, WRONG), /its digest is sha256:/],
  ["an unknown kind of digest", "md5:00", answer(BYTES), /its digest is sha256:/],
  [
    "more than 4 MiB",
    "v1",
    answer(new Uint8Array(4 * 1024 * 1024 + 1).fill(32)),
    /: it is longer than 4 MiB$/,
  ],
  ["no JSON", "v1", answer("<html>"), /JSON/],
  ["no UTF-8", "v1", answer(new Uint8Array([0xff])), /./],
  ["schemaVersion 1", "v1", answer('{"schemaVersion":1}'), /not an OCI manifest/],
  ["null", "v1", answer("null"), /not an OCI manifest/],
];

for (const [name, reference, response, says] of REFUSED) {
  Deno.test(`a manifest that has ${name} is not trusted`, async () => {
    const failure = await failureOf(() => fetched(reference, response));
    assert.deepEqual(
      [failure.outcome, failure.transient, failure.host],
      ["integrity", false, "r.test"],
    );
    assert.match(failure.message, /^Cannot trust the manifest of "r\.test\/org\/model[:@]/);
    assert.match(failure.message, says);
  });
}

Deno.test("a manifest whose connection breaks is unavailable, and may be tried again", async () => {
  const broken = () => new Response(breaking(BYTES.slice(0, 10)));
  const failure = await failureOf(() => fetched("v1", broken));
  assert.deepEqual([failure.outcome, failure.transient], ["unavailable", true]);
});

Deno.test("a manifest that has null for its layers has none: kit writes it so", () => {
  const text = '{"schemaVersion":2,"layers":null}';
  const { layers } = parseManifest(new TextEncoder().encode(text));
  assert.deepEqual(layers, []);
});

const SHAPES: [name: string, change: object, says: RegExp][] = [
  ["layers that are no list", { layers: {} }, /not an OCI manifest/],
  ["manifests that are no list", { manifests: null }, /not an OCI manifest/],
  ["manifests without a digest", { manifests: [{ size: 1 }] }, /no digest/],
  ["a media type that is no text", { mediaType: 1 }, /not an OCI manifest/],
  ["a line break in its media type", { mediaType: "a/b\r\nC: d" }, /not an OCI manifest/],
  ["a layer that is null", { layers: [null] }, /no digest/],
  ["a config that is null", { config: null }, /no digest/],
  ["a digest with a path in it", { layers: [{ ...LAYER, digest: "sha256:../../x" }] }, /no digest/],
  ["an md5", { layers: [{ ...LAYER, digest: "md5:00" }] }, /no digest/],
  ["no size", { layers: [{ ...LAYER, size: undefined }] }, /no size/],
  ["a size below zero", { layers: [{ ...LAYER, size: -1 }] }, /has the size -1, /],
  ["a size that is no whole number", { layers: [{ ...LAYER, size: 1.5 }] }, /has the size 1\.5, /],
  [
    "a size past what is exact",
    { layers: [{ ...LAYER, size: 2 ** 53 }] },
    /has the size 9007199254740992, /,
  ],
  ["a size in text", { layers: [{ ...LAYER, size: "5" }] }, /no size/],
];

for (const [name, change, says] of SHAPES) {
  Deno.test(`a manifest with ${name} is none`, () => {
    assert.throws(() => parseManifest(encode(JSON.stringify({ ...GOOD, ...change }))), says);
  });
}

Deno.test("a manifest without a media type, a config and layers", () => {
  assert.deepEqual(parseManifest(encode('{"schemaVersion":2}')), {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: undefined,
    annotations: {},
    config: undefined,
    layers: [],
    manifests: [],
  });
});

Deno.test("an index has manifests, each with its kind where it is named", () => {
  const index = {
    schemaVersion: 2,
    annotations: { a: "b" },
    manifests: [{ ...LAYER, artifactType: "x/kit" }],
  };
  const { mediaType, annotations, layers, manifests } = parseManifest(
    encode(JSON.stringify(index)),
  );
  assert.equal(mediaType, "application/vnd.oci.image.index.v1+json");
  assert.deepEqual([annotations, layers], [{ a: "b" }, []]);
  assert.deepEqual(manifests, [{ ...LAYER, annotations: {}, artifactType: "x/kit" }]);
});

Deno.test("of annotations only texts are kept", () => {
  const layer = { ...LAYER, annotations: { a: "b", c: 1 } };
  const { layers } = parseManifest(encode(JSON.stringify({ ...GOOD, layers: [layer] })));
  assert.deepEqual(layers[0].annotations, { a: "b" });
});
