// What a registry, kit or an earlier run wrote down.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../lib/errors.ts";
import { isInnerPath, isReserved, type Marker, parseMarker } from "../../lib/marker.ts";
import {
  type ModelKit,
  modelkitOf,
  namedPaths,
  parseInspection,
  planLayers,
  selectLayers,
  sizeOf,
} from "../../lib/modelkit.ts";
import { parseManifest } from "../../lib/registry/manifest.ts";
import { changed, fuzz, jsonWith, textOf } from "./fuzz.ts";

const text = fc.string({ unit: "binary" });
const segment = text.filter((part) => !["", ".", ".."].includes(part) && !/[/\0]/.test(part));
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"))
  .filter((path) => !isReserved(path));
const state = fc.record({
  size: fc.maxSafeNat(),
  mtime: fc.double({ noNaN: true, noDefaultInfinity: true }),
}, {
  noNullPrototype: true,
});
const entry = fc.record({
  uri: text,
  digest: text,
  filters: fc.array(text),
  status: fc.constantFrom("publishing", "complete"),
  files: fc.dictionary(path, state, { noNullPrototype: true }),
  directories: fc.array(path),
  started: text,
}, { noNullPrototype: true });
const marker = fc.record({
  format: fc.constant(1),
  version: text,
  modelkits: fc.array(entry, { maxLength: 3 }),
}, { noNullPrototype: true });

fuzz("a marker is read as it was written", [marker], (marker) => {
  assert.deepEqual(parseMarker(JSON.stringify(marker, null, 1)), normal(marker));
});

fuzz(
  "a marker with one change anywhere is none, or names only files and folders inside the destination",
  [changed(marker.map((marker) => JSON.stringify(marker)))],
  checkMarker,
);

fuzz(
  "any JSON is a marker or none",
  [
    jsonWith("format", "version", "modelkits"),
    jsonWith("uri", "digest", "filters", "status", "files"),
  ],
  (value, entry) => {
    checkMarker(JSON.stringify(value));
    checkMarker(JSON.stringify({ format: 1, version: "1", modelkits: [entry, value] }));
  },
);

fuzz(
  "a path out of the destination is in no marker",
  [fc.array(fc.constantFrom("..", ".", "", "a", "\0", ".kit-storage.tmp-x"), { minLength: 1 })],
  (parts) => {
    const path = parts.join("/");
    const [files, directories] = [{ [path]: { size: 1, mtime: 1 } }, [path]];
    const rest = { uri: "u", digest: "d", filters: [], status: "complete", started: "s" };
    const isFine = isInnerPath(path) && !isReserved(path);
    for (const part of [{ files, directories: [] }, { files: {}, directories }]) {
      const text = JSON.stringify({ format: 1, version: "1", modelkits: [{ ...rest, ...part }] });
      assert.equal(parseMarker(text) !== undefined, isFine, path);
    }
    assert.equal(
      isInnerPath(path),
      new URL(`file:///r/${path}`).pathname === `/r/${path}` &&
        !/\/\/|\0|^$|^\/|\/$/.test(path),
    );
  },
);

function checkMarker(text: string): void {
  const marker: Marker | undefined = parseMarker(text);
  for (const { files, directories } of marker?.modelkits ?? []) {
    for (const path of [...Object.keys(files), ...directories]) {
      assert.ok(isInnerPath(path) && !isReserved(path), path);
    }
    for (const { size, mtime } of Object.values(files)) {
      assert.ok(Number.isFinite(size) && Number.isFinite(mtime));
    }
  }
}

const digest = fc.stringMatching(/^sha256:[a-f0-9]{64}$/);
const name = fc.constantFrom("a", "b", "model.bin", "./x", "/y/", "../z", "a/../../b", "", "c//d");
const layers = fc.array(fc.record({
  digest,
  size: fc.oneof(fc.nat(), fc.maxSafeNat()),
  annotations: fc.record({ "org.cncf.model.filepath": name }, { requiredKeys: [] }),
}));
const types = ["model", "datasets", "code", "docs", "prompts", "mcpservers", "kitfile"];
const filter = fc.tuple(
  fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 3 }),
  fc.array(name.filter((one) => !/[,:]/.test(one)), { maxLength: 2 }),
).map(([types, names]) => types.join(",") + (names.length > 0 ? `:${names.join(",")}` : ""));

/** A ModelKit whose Kitfile names its layers, in any order, and others. */
const modelkit = layers.chain((layers) => {
  const known = layers.map(({ digest }) => digest);
  const component = fc.record({
    name,
    path: name,
    digest: known.length > 0 ? fc.constantFrom(...known) : digest,
  }, { requiredKeys: [] });
  const list = fc.array(component, { maxLength: 3 });
  return fc.record({
    model: component,
    datasets: list,
    code: list,
    docs: list,
    prompts: list,
    mcpServers: list,
  }, { requiredKeys: [] }).map((kitfile) => modelkitOf("sha256:00", layers, kitfile));
});

fuzz(
  "what is fetched, counted and looked for is of the ModelKit, whatever is filtered",
  [modelkit, fc.array(filter, { maxLength: 3 })],
  (modelkit, filters) => {
    const selected = selectLayers(modelkit, filters);
    assert.ok(selected.every((layer) => modelkit.layers.includes(layer)));
    if (filters.length === 0) assert.deepEqual(selected, modelkit.layers);
    const more = selectLayers(modelkit, [...filters, "model"]);
    if (filters.length > 0) assert.ok(selected.every((layer) => more.includes(layer)));

    const planned = planLayers(modelkit, filters);
    assert.equal(new Set(planned.map(({ digest }) => digest)).size, planned.length);
    const digests = selected.map(({ digest }) => digest);
    if (modelkit.components !== undefined) {
      assert.ok(planned.every(({ digest }) => digests.includes(digest)));
    }
    const different = new Map(selected.map(({ digest, size }) => [digest, size]));
    assert.equal(sizeOf(selected), [...different.values()].reduce((sum, size) => sum + size, 0));
    for (const path of namedPaths(modelkit, filters)) assert.ok(isInnerPath(path), path);
  },
);

fuzz(
  "any JSON is a ModelKit, or refused as something that kit did not say",
  [
    jsonWith("digest", "manifest", "kitfile"),
    jsonWith("layers", "config"),
    jsonWith("model", "datasets", "code", "docs", "package"),
  ],
  (value, manifest, kitfile) => {
    checkInspection(JSON.stringify(value));
    checkInspection(JSON.stringify({ digest: "sha256:ab", manifest, kitfile }));
    checkInspection(JSON.stringify({ digest: "sha256:ab", manifest: { layers: [] }, kitfile }));
  },
);

fuzz("any text is no ModelKit, or one in JSON", [
  textOf("{", "}", '"digest"', ":", "[", '"sha256:ab"'),
], checkInspection);

function checkInspection(text: string): void {
  let modelkit: ModelKit;
  try {
    modelkit = parseInspection(text);
  } catch (error) {
    assert.ok(error instanceof Failure && error.outcome === "kit", String(error));
    return;
  }
  assert.match(modelkit.digest, /^sha\d+:[a-f0-9]+$/);
  for (const path of namedPaths(modelkit, [])) assert.ok(isInnerPath(path), path);
  assert.ok(sizeOf(selectLayers(modelkit, ["model"])) >= 0);
}

const descriptor = fc.record({
  mediaType: text,
  digest,
  size: fc.maxSafeNat(),
  annotations: fc.dictionary(text, text, { noNullPrototype: true }),
}, { noNullPrototype: true });

fuzz(
  "a manifest is read as it was written",
  [descriptor, fc.array(descriptor), fc.dictionary(text, text, { noNullPrototype: true }), text],
  (config, layers, annotations, artifactType) => {
    const manifest = { mediaType: "m", artifactType, config, layers, annotations };
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, ...manifest }));
    const read = parseManifest(bytes);
    assert.deepEqual(JSON.parse(JSON.stringify(read)), normal({ ...manifest, manifests: [] }));
  },
);

fuzz(
  "any bytes are no manifest, or one whose layers have digests and sizes",
  [
    fc.oneof(
      fc.uint8Array(),
      changed(fc.array(descriptor).map((layers) => JSON.stringify({ schemaVersion: 2, layers })))
        .map((text) => new TextEncoder().encode(text)),
      jsonWith("schemaVersion", "layers", "manifests", "config").map((value) =>
        new TextEncoder().encode(JSON.stringify({ ...value as object, schemaVersion: 2 }))
      ),
    ),
  ],
  (bytes) => {
    let manifest: ReturnType<typeof parseManifest>;
    try {
      manifest = parseManifest(bytes);
    } catch (error) {
      // It is shown to people, so it must not be an accident of our own.
      assert.ok(error instanceof Error && !/undefined|function|iterable/.test(error.message));
      return;
    }
    for (const { digest, size } of [...manifest.layers, ...manifest.manifests]) {
      assert.match(digest, /^sha(256|384|512):[a-f0-9]+$/);
      assert.ok(Number.isInteger(size) && size >= 0);
    }
  },
);

/** As JSON carries it: of two zeros it knows one. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
