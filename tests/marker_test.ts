import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Entry,
  isInnerPath,
  isReserved,
  LOCK_NAME,
  MARKER_NAME,
  METRICS_NAME,
  parseMarker,
  readMarker,
  STAGING_PREFIX,
  writeMarker,
} from "../lib/marker.ts";
import { TestFolder } from "./support/folder.ts";

const ENTRY: Entry = {
  uri: "kit://ghcr.io/a:v1",
  digest: "sha256:00",
  filters: [],
  status: "complete",
  files: { "a/b": { size: 1, mtime: 2.5 } },
  directories: ["a"],
  started: "2026-01-02T03:04:05.678Z",
  finished: "2026-01-02T03:04:06.678Z",
};

function marker(entry: Record<string, unknown> = {}, top: Record<string, unknown> = {}): string {
  return JSON.stringify({ format: 1, version: "1", modelkits: [{ ...ENTRY, ...entry }], ...top });
}

Deno.test("marker: one of ours is read", () => {
  assert.deepEqual(parseMarker(marker()), { format: 1, version: "1", modelkits: [ENTRY] });
});

Deno.test("marker: one of ours with a signature is read", () => {
  const [entry] = parseMarker(marker({ signature: "sha256:11" }))?.modelkits ?? [];
  assert.deepEqual(entry, { ...ENTRY, signature: "sha256:11" });
});

Deno.test("marker: one of ours with files that were replaced is read", () => {
  const [entry] = parseMarker(marker({ replaced: ["a/c"] }))?.modelkits ?? [];
  assert.deepEqual(entry, { ...ENTRY, replaced: ["a/c"] });
});

const STATE = { size: 1, mtime: 1 };
const HOSTILE: [name: string, text: string][] = [
  ["no JSON", "{"],
  ["nothing", ""],
  ["null", "null"],
  ["a list", "[]"],
  ["a newer format", marker({}, { format: 2 })],
  ["no version", marker({}, { version: undefined })],
  ["no list of ModelKits", marker({}, { modelkits: {} })],
  ["a ModelKit that is null", marker({}, { modelkits: [null] })],
  ["a good ModelKit and a bad one", marker({}, { modelkits: [ENTRY, { ...ENTRY, files: [] }] })],
  ["a URI that is a number", marker({ uri: 1 })],
  ["no digest", marker({ digest: undefined })],
  ["no start", marker({ started: null })],
  ["another status", marker({ status: "done" })],
  ["a signature that is a number", marker({ signature: 1 })],
  ["replaced files that are a text", marker({ replaced: "a" })],
  ["a replaced file outside", marker({ replaced: ["../a"] })],
  ["filters that are a text", marker({ filters: "model" })],
  ["a filter that is a number", marker({ filters: [1] })],
  ["files that are a list", marker({ files: [] })],
  ["a file without a size", marker({ files: { a: { mtime: 1 } } })],
  ["a file with a text for a size", marker({ files: { a: { size: "1", mtime: 1 } } })],
  ["a file that is null", marker({ files: { a: null } })],
  ["folders that are an object", marker({ directories: {} })],
  ["a folder that is a number", marker({ directories: [1] })],
  ...[
    "",
    "/etc/passwd",
    "../x",
    "a/../../x",
    "a/..",
    "./a",
    "a//b",
    "a/",
    ".",
    "a\0b",
    MARKER_NAME,
    LOCK_NAME,
    `${STAGING_PREFIX}x`,
    `${STAGING_PREFIX}x/y`,
  ].flatMap((path): [string, string][] => [
    [`a file called ${JSON.stringify(path)}`, marker({ files: { [path]: STATE } })],
    [`a folder called ${JSON.stringify(path)}`, marker({ directories: [path] })],
  ]),
];
for (const [name, text] of HOSTILE) {
  Deno.test(`marker: ${name} makes it none of ours`, () =>
    assert.equal(parseMarker(text), undefined));
}

Deno.test("marker: whatever text is there, it is refused or every path in it is an inner one", () => {
  const path = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom("..", ".", "/", "a", "", MARKER_NAME)).map((parts) => parts.join("/")),
  );
  fc.assert(
    fc.property(path, path, (file, directory) => {
      const parsed = parseMarker(marker({ files: { [file]: STATE }, directories: [directory] }));
      for (const one of parsed === undefined ? [] : [file, directory]) {
        assert.ok(
          new URL(one.replaceAll(/[?#%\\]/g, "x"), "file:///root/").href.startsWith(
            "file:///root/",
          ),
        );
        assert.ok(!isReserved(one));
      }
    }),
    { numRuns: 500 },
  );
});

const path = fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 3,
}).map((parts) => parts.join("/")).filter((path) => isInnerPath(path) && !isReserved(path));
const entry: fc.Arbitrary<Entry> = fc.record({
  uri: fc.string(),
  digest: fc.string(),
  filters: fc.array(fc.string()),
  status: fc.constantFrom("publishing" as const, "complete" as const),
  files: fc.array(fc.tuple(
    path,
    fc.record({ size: fc.nat(), mtime: fc.integer() }, { noNullPrototype: true }),
  )).map((files) => Object.fromEntries(files)),
  directories: fc.array(path),
  started: fc.string(),
  finished: fc.string(),
}, { noNullPrototype: true });

Deno.test("marker: what is written is read again, and the staging folder is left empty", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "staging/": "" });
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 3 }), async (modelkits) => {
      await writeMarker(folder.path, folder.at("staging"), { version: "1.2.3", modelkits });
      assert.deepEqual(await readMarker(folder.path), { format: 1, version: "1.2.3", modelkits });
      assert.deepEqual(Object.keys(await folder.tree()), [MARKER_NAME, "staging/"]);
    }),
    { numRuns: 50 },
  );
});

Deno.test("marker: an empty folder has none", async () => {
  await using folder = await TestFolder.create();
  assert.equal(await readMarker(folder.path), undefined);
});

Deno.test("marker: a link is not followed", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "elsewhere": marker() });
  await Deno.symlink(folder.at("elsewhere"), folder.at(MARKER_NAME));
  assert.equal(await readMarker(folder.path), undefined);
});

Deno.test("marker: a folder of its name is none", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ [`${MARKER_NAME}/`]: "" });
  assert.equal(await readMarker(folder.path), undefined);
});

Deno.test("marker: a file of 100 MB is not read", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ [MARKER_NAME]: marker() });
  // Blanks behind it would leave it valid.
  await Deno.truncate(folder.at(MARKER_NAME), 100_000_000);
  assert.equal(await readMarker(folder.path), undefined);
});

Deno.test("marker: writing replaces a link of its name, and not what it leads to", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "staging/": "", "elsewhere": "mine" });
  await Deno.symlink(folder.at("elsewhere"), folder.at(MARKER_NAME));
  await writeMarker(folder.path, folder.at("staging"), { version: "1", modelkits: [ENTRY] });
  assert.equal(await folder.read("elsewhere"), "mine");
  assert.deepEqual((await readMarker(folder.path))?.modelkits, [ENTRY]);
});

for (
  const [path, expected] of [
    [MARKER_NAME, true],
    [LOCK_NAME, true],
    [METRICS_NAME, true],
    [`${METRICS_NAME}.txt`, false],
    [`${STAGING_PREFIX}abc`, true],
    [`${MARKER_NAME}/x`, true],
    [`a/${MARKER_NAME}`, false],
    [".kit-storage", false],
    ["Kitfile", false],
  ] as const
) {
  Deno.test(`marker: the name "${path}" is ${expected ? "" : "not "}reserved`, () => {
    assert.equal(isReserved(path), expected);
  });
}
