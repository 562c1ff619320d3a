import assert from "node:assert/strict";
import { Destination } from "../lib/destination.ts";
import type { FailureName } from "../lib/errors.ts";
import { type Entry, MARKER_NAME, readMarker, STAGING_PREFIX, writeMarker } from "../lib/marker.ts";
import { publish, type PublishOptions, refuseForeign, withReplaced } from "../lib/publish.ts";
import { failureOf } from "./support/failure.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

const URI = "kit://ghcr.io/a:v1";
const NEVER = { overwrite: false, ignoreExisting: false };
const OVERWRITE = { overwrite: true, ignoreExisting: false };
const IGNORE = { overwrite: false, ignoreExisting: true };

type Files = Record<string, string>;

interface Options extends Partial<PublishOptions> {
  /** Called when all is staged, before it is published. */
  before?(tree: string): Promise<unknown>;
}

/** Publishes a ModelKit of these files into the folder "dest", as one start of the program does. */
async function put(
  folder: TestFolder,
  files: Files,
  { before, ...options }: Options = {},
): Promise<Entry> {
  await using destination = await openDestination(folder);
  const tree = `${await destination.staging()}/tree`;
  const inside = tree.slice(folder.path.length + 1);
  await folder.write({ [`${inside}/`]: "" });
  await folder.write(
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`${inside}/${path}`, text])),
  );
  await before?.(tree);
  return await publish(destination, {
    tree,
    uri: URI,
    digest: "sha256:00",
    filters: [],
    neighbours: [URI],
    rule: NEVER,
    version: "1.2.3",
    started: new Date(0),
    now: () => new Date(1000),
    ...options,
  });
}

async function openDestination(folder: TestFolder): Promise<Destination> {
  const { signal } = new AbortController();
  return await Destination.open(folder.at("dest"), { log: recordLog().log, signal });
}

/** What the folder "dest" holds beside the marker. */
async function contents(folder: TestFolder): Promise<Files> {
  const { [MARKER_NAME]: _, ...files } = await folder.tree("dest");
  return files;
}

/** Whether the ModelKit would be taken as complete by another start. */
async function isComplete(folder: TestFolder, uri = URI): Promise<boolean> {
  await using destination = await openDestination(folder);
  return await destination.find({ uri, filters: [] }) !== undefined;
}

Deno.test("publish: into an empty folder", async () => {
  await using folder = await TestFolder.create();
  const entry = await put(folder, { "Kitfile": "kit", "a/b/c": "deep", "empty/": "" });
  assert.deepEqual(await contents(folder), {
    "Kitfile": "kit",
    "a/": "",
    "a/b/": "",
    "a/b/c": "deep",
    "empty/": "",
  });
  assert.deepEqual(entry, {
    uri: URI,
    digest: "sha256:00",
    filters: [],
    status: "complete",
    files: {
      "Kitfile": { size: 3, mtime: (await Deno.stat(folder.at("dest/Kitfile"))).mtime?.getTime() },
      "a/b/c": { size: 4, mtime: (await Deno.stat(folder.at("dest/a/b/c"))).mtime?.getTime() },
    },
    directories: entry.directories,
    started: "1970-01-01T00:00:00.000Z",
    finished: "1970-01-01T00:00:01.000Z",
  });
  assert.deepEqual(entry.directories.toSorted(), ["a", "a/b", "empty"]);
  assert.deepEqual(await readMarker(folder.at("dest")), {
    format: 1,
    version: "1.2.3",
    modelkits: [entry],
  });
  assert.ok(await isComplete(folder));
});

Deno.test("publish: what its signature was checked against is recorded", async () => {
  await using folder = await TestFolder.create();
  const { signature } = await put(folder, { "a": "1" }, { signature: "sha256:11" });
  assert.equal(signature, "sha256:11");
  assert.equal((await readMarker(folder.at("dest")))?.modelkits[0].signature, "sha256:11");
});

Deno.test("publish: a ModelKit without files", async () => {
  await using folder = await TestFolder.create();
  await put(folder, {});
  assert.deepEqual(await contents(folder), {});
  assert.ok(await isComplete(folder));
});

Deno.test("publish: modes and times are those that kit made, of files and of folders", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "dest/both/foreign": "" });
  await put(folder, { "file": "x", "new/file": "x", "both/file": "x" }, {
    before: async (tree) => {
      await Deno.chmod(`${tree}/file`, 0o4751);
      await Deno.utime(`${tree}/file`, 1, 1_500_000_000);
      await Deno.chmod(`${tree}/new/file`, 0o600);
      await Deno.chmod(`${tree}/new`, 0o711);
    },
  });
  const stat = async (path: string) => await Deno.stat(folder.at(`dest/${path}`));
  const mode = async (path: string) => ((await stat(path)).mode ?? 0) & 0o7777;
  assert.equal(await mode("file"), 0o4751);
  assert.equal((await stat("file")).mtime?.getTime(), 1_500_000_000_000);
  assert.equal(await mode("new/file"), 0o600);
  assert.equal(await mode("new"), 0o711);
});

Deno.test("publish: an update replaces, adds, and removes what is no longer there, with its folders", async () => {
  await using folder = await TestFolder.create();
  await put(folder, {
    "same": "1",
    "changed": "1",
    "gone": "1",
    "old/deep/gone": "1",
    "old/x/": "",
  });
  await put(folder, { "same": "1", "changed": "22", "new/added": "2" }, { digest: "sha256:01" });
  assert.deepEqual(await contents(folder), {
    "changed": "22",
    "new/": "",
    "new/added": "2",
    "same": "1",
  });
  const marker = await readMarker(folder.at("dest"));
  assert.deepEqual(marker?.modelkits.map(({ digest, status }) => [digest, status]), [
    ["sha256:01", "complete"],
  ]);
});

Deno.test("publish: an update leaves files alone that are not ours, also in our folders", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "a/ours": "1" });
  await folder.write({ "dest/a/theirs": "mine", "dest/lost+found/": "" });
  await put(folder, { "b": "2" });
  assert.deepEqual(await contents(folder), {
    "a/": "",
    "a/theirs": "mine",
    "b": "2",
    "lost+found/": "",
  });
});

Deno.test("publish: the files of another URI of an earlier run are replaced", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "shared": "1", "old": "1" });
  const uri = "kit://ghcr.io/b:v1";
  await put(folder, { "shared": "2" }, { uri, neighbours: [uri] });
  assert.deepEqual(await contents(folder), { "shared": "2" });
  assert.equal(await isComplete(folder), false);
});

const CONFLICTS: [name: string, existing: Files, files: Files, blamed: string][] = [
  ["a foreign file", { "model": "mine" }, { "a": "1", "model": "2" }, "model"],
  ["a foreign file in a folder", { "a/b/c": "mine" }, { "a/b/c": "2", "z": "1" }, "a/b/c"],
  ["a foreign folder where a file is to be", { "model/x": "mine" }, { "model": "2" }, "model"],
  ["an empty foreign folder where a file is to be", { "model/": "" }, { "model": "2" }, "model"],
  ["a foreign file where a folder is to be", { "a": "mine" }, { "a/b": "2" }, "a"],
  ["a foreign file where an empty folder is to be", { "a": "mine" }, { "a/": "" }, "a"],
];
for (const [name, existing, files, blamed] of CONFLICTS) {
  Deno.test(`publish: ${name} is refused by its name, with nothing changed`, async () => {
    await using folder = await TestFolder.create();
    await put(folder, { "earlier": "1" });
    await folder.write(
      Object.fromEntries(Object.entries(existing).map(([path, text]) => [`dest/${path}`, text])),
    );
    const before = await folder.tree();
    await assertRefused(() => put(folder, files), "destination", blamed);
    assert.deepEqual(await folder.tree(), before);
    assert.ok(await isComplete(folder));
  });
}

async function assertRefused(
  work: () => unknown,
  outcome: FailureName,
  blamed: string,
): Promise<void> {
  const failure = await failureOf(work);
  assert.equal(failure.outcome, outcome);
  assert.ok(failure.message.includes(`"${blamed}"`), failure.message);
  assert.ok(failure.hint);
}

Deno.test("publish: -o replaces a foreign file, which is ours from then on", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "dest/a/model": "mine" });
  await put(folder, { "a/model": "2" }, { rule: OVERWRITE });
  assert.deepEqual(await contents(folder), { "a/": "", "a/model": "2" });
  await put(folder, {});
  // The folder was theirs, and is empty.
  assert.equal((await contents(folder))["a/model"], undefined);
});

for (const [name, existing, files] of CONFLICTS.slice(2)) {
  Deno.test(`publish: -o does not replace ${name}`, async () => {
    await using folder = await TestFolder.create();
    await folder.write(
      Object.fromEntries(Object.entries(existing).map(([path, text]) => [`dest/${path}`, text])),
    );
    const before = await folder.tree();
    await failureOf(() => put(folder, files, { rule: OVERWRITE }));
    assert.deepEqual(await folder.tree(), before);
  });
}

for (
  const [name, rule] of [["-i", IGNORE], ["-i with -o", {
    overwrite: true,
    ignoreExisting: true,
  }]] as const
) {
  Deno.test(`publish: ${name} keeps a foreign file, which never becomes ours`, async () => {
    await using folder = await TestFolder.create();
    await folder.write({ "dest/model": "mine" });
    const entry = await put(folder, { "model": "2", "other": "2" }, { rule });
    assert.deepEqual(await contents(folder), { "model": "mine", "other": "2" });
    assert.deepEqual(Object.keys(entry.files), ["other"]);
    assert.ok(await isComplete(folder));
    await put(folder, {});
    assert.deepEqual(await contents(folder), { "model": "mine" });
  });
}

Deno.test("publish: a file of ours becomes a folder, and a folder of ours a file", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "one": "1", "two/deep/x": "1", "two/y": "1" });
  await put(folder, { "one/x": "2", "two": "2" });
  assert.deepEqual(await contents(folder), { "one/": "", "one/x": "2", "two": "2" });
  assert.ok(await isComplete(folder));
});

const IN_OUR_FOLDER: [name: string, plant: (folder: TestFolder) => Promise<unknown>][] = [
  ["a file", (folder) => folder.write({ "dest/ours/theirs": "mine" })],
  ["a file deep down", (folder) => folder.write({ "dest/ours/deep/theirs": "mine" })],
  ["an empty folder", (folder) => folder.write({ "dest/ours/theirs/": "" })],
  ["a link", (folder) => Deno.symlink("/etc/passwd", folder.at("dest/ours/theirs"))],
];
for (const [name, plant] of IN_OUR_FOLDER) {
  Deno.test(`publish: a folder of ours with ${name} of somebody else in it does not become a file`, async () => {
    await using folder = await TestFolder.create();
    await put(folder, { "ours/deep/x": "1", "other": "1" });
    await plant(folder);
    const before = await folder.tree();
    const failure = await failureOf(() => put(folder, { "ours": "2" }, { rule: OVERWRITE }));
    assert.equal(failure.outcome, "destination");
    assert.match(failure.message, /"ours\/(deep\/)?theirs"/);
    assert.deepEqual(await folder.tree(), before);
  });
}

const OTHER = "kit://ghcr.io/b:v1";
const BOTH = [URI, OTHER];

Deno.test("publish: two URIs in one folder are both complete", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "one": "1", "shared/one": "1" }, { neighbours: BOTH });
  await put(folder, { "two": "2", "shared/two": "2" }, { uri: OTHER, neighbours: BOTH });
  assert.deepEqual(await contents(folder), {
    "one": "1",
    "shared/": "",
    "shared/one": "1",
    "shared/two": "2",
    "two": "2",
  });
  assert.deepEqual([await isComplete(folder), await isComplete(folder, OTHER)], [true, true]);
});

Deno.test("publish: an update of one of two URIs leaves the other's files and folders", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "one": "1", "shared/one": "1", "both/": "" }, { neighbours: BOTH });
  await put(folder, { "shared/two": "2", "both/": "" }, { uri: OTHER, neighbours: BOTH });
  await put(folder, { "new": "3" }, { neighbours: BOTH, digest: "sha256:01" });
  assert.deepEqual(await contents(folder), {
    "both/": "",
    "new": "3",
    "shared/": "",
    "shared/two": "2",
  });
  assert.deepEqual([await isComplete(folder), await isComplete(folder, OTHER)], [true, true]);
});

Deno.test("publish: of two URIs with the same file the second is refused", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "same": "1" }, { neighbours: BOTH });
  await assertRefused(
    () => put(folder, { "same": "2" }, { uri: OTHER, neighbours: BOTH }),
    "destination",
    "same",
  );
  assert.deepEqual(await contents(folder), { "same": "1" });
});

Deno.test("publish: of two URIs with the same file the second wins with -o, and both stay complete", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "same": "1", "one": "1" }, { neighbours: BOTH, rule: OVERWRITE });
  await put(folder, { "same": "22" }, { uri: OTHER, neighbours: BOTH, rule: OVERWRITE });
  assert.deepEqual(await contents(folder), { "one": "1", "same": "22" });
  assert.deepEqual([await isComplete(folder), await isComplete(folder, OTHER)], [true, true]);
});

/** Sizes of the files that a ModelKit has in the folder "dest". */
async function sizes(folder: TestFolder, entry: Entry): Promise<Record<string, number>> {
  const files = await withReplaced(folder.at("dest"), entry);
  return Object.fromEntries([...files].map(([path, { size }]) => [path, size]));
}

Deno.test("publish: files that others are in the place of are remembered, and looked at where they are", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "same": "1", "one": "1" }, { neighbours: BOTH, rule: OVERWRITE });
  await put(folder, { "same": "22" }, { uri: OTHER, neighbours: BOTH, rule: OVERWRITE });
  const marker = await readMarker(folder.at("dest"));
  const first = marker!.modelkits.find(({ uri }) => uri === URI)!;
  assert.deepEqual(await sizes(folder, first), { "one": 1, "same": 2 });
  await Deno.remove(folder.at("dest/same"));
  assert.deepEqual(await sizes(folder, first), { "one": 1 });
});

Deno.test("publish: it asks whether these are the files that are wanted, and changes nothing when they are not", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "old": "1" });
  await folder.write({ "dest/mine": "" });
  const asked: [string, number][] = [];
  const accept: PublishOptions["accept"] = (files) => {
    for (const [path, { size }] of files) asked.push([path, size]);
    throw new RangeError("not wanted");
  };
  await assert.rejects(
    put(folder, { "old": "22", "a/new": "333", "mine": "4444" }, { accept, rule: IGNORE }),
    RangeError,
  );
  assert.deepEqual(asked.sort(), [["a/new", 3], ["mine", 0], ["old", 2]]);
  assert.deepEqual(await contents(folder), { "mine": "", "old": "1" });
  assert.ok(await isComplete(folder));
});

/** Publishes, and dies before the last step. */
async function crash(folder: TestFolder, files: Files): Promise<void> {
  const now = () => {
    throw new RangeError("crash");
  };
  await assert.rejects(put(folder, files, { now }), RangeError);
}

Deno.test("publish: after a crash before the last step nothing is complete, and the next start is", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "old": "1", "same": "1" });
  await crash(folder, { "same": "2", "half/done": "2" });
  assert.equal(await isComplete(folder), false);
  const marker = await readMarker(folder.at("dest"));
  assert.deepEqual(marker?.modelkits.map(({ status }) => status), ["publishing", "publishing"]);
  await put(folder, { "same": "3", "new": "3" });
  assert.deepEqual(await contents(folder), { "new": "3", "same": "3" });
  assert.ok(await isComplete(folder));
});

Deno.test("publish: what a killed run had not yet moved is no hindrance, and no mistake", async () => {
  await using folder = await TestFolder.create();
  await crash(folder, { "there": "1", "missing": "1", "folder/missing": "1" });
  await Deno.remove(folder.at("dest/missing"));
  await Deno.remove(folder.at("dest/folder"), { recursive: true });
  await put(folder, { "there": "2", "missing": "2" });
  assert.deepEqual(await contents(folder), { "missing": "2", "there": "2" });
});

for (
  const name of [MARKER_NAME, `${STAGING_PREFIX}x/file`, `${STAGING_PREFIX}x/`, ".kit-storage.lock"]
) {
  Deno.test(`publish: a ModelKit with "${name}" in it is refused`, async () => {
    await using folder = await TestFolder.create();
    await put(folder, { "earlier": "1" });
    const before = await folder.tree();
    const failure = await failureOf(() =>
      put(folder, { [name]: "x", "a": "1" }, { rule: OVERWRITE })
    );
    assert.equal(failure.outcome, "destination");
    assert.match(failure.message, /: the name is reserved for the initializer$/);
    assert.deepEqual(await folder.tree(), before);
  });
}

Deno.test("publish: a ModelKit with a link in it is refused", async () => {
  await using folder = await TestFolder.create();
  await assertRefusedLink(folder, "link", (tree) => Deno.symlink("/etc", `${tree}/link`));
});

async function assertRefusedLink(
  folder: TestFolder,
  name: string,
  before: (tree: string) => Promise<void>,
): Promise<void> {
  const failure = await failureOf(() => put(folder, { "a": "1" }, { before }));
  assert.equal(failure.outcome, "kit");
  assert.ok(failure.message.includes(`"${name}"`));
  assert.deepEqual(await contents(folder), {});
}

for (
  const [name, rule] of [["by default", NEVER], ["with -o", OVERWRITE], [
    "with -i",
    IGNORE,
  ]] as const
) {
  Deno.test(`publish: a link in the place of a folder is never followed, ${name}`, async () => {
    await using folder = await TestFolder.create();
    await folder.write({ "outside/model": "mine", "dest/": "" });
    await Deno.symlink(folder.at("outside"), folder.at("dest/a"));
    await assertRefused(
      () => put(folder, { "a/model": "2", "a/new": "2" }, { rule }),
      "destination",
      "a",
    );
    assert.deepEqual(await folder.tree("outside"), { "model": "mine" });
  });
}

Deno.test("publish: a link in the place of a file is not followed, but replaced or refused", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "outside": "mine", "dest/": "" });
  await Deno.symlink(folder.at("outside"), folder.at("dest/model"));
  await assertRefused(
    () => put(folder, { "model": "2" }, { rule: OVERWRITE }),
    "destination",
    "model",
  );
  assert.equal(await folder.read("outside"), "mine");
});

Deno.test("publish: a link that took the place of our folder is not followed when files are removed", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "a/model": "1", "a/b/": "" });
  await Deno.rename(folder.at("dest/a"), folder.at("outside"));
  await Deno.symlink(folder.at("outside"), folder.at("dest/a"));
  await put(folder, { "new": "2" });
  assert.deepEqual(await folder.tree("outside"), { "b/": "", "model": "1" });
});

Deno.test("publish: a link that took the place of our file is replaced, and not followed", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "model": "1", "gone": "1", "folder": "1" });
  await folder.write({ "outside/x": "mine" });
  for (const name of ["model", "gone", "folder"]) {
    await Deno.remove(folder.at(`dest/${name}`));
    await Deno.symlink(folder.at("outside"), folder.at(`dest/${name}`));
  }
  await put(folder, { "model": "2", "folder/x": "2" });
  assert.deepEqual(await contents(folder), { "folder/": "", "folder/x": "2", "model": "2" });
  assert.deepEqual(await folder.tree("outside"), { "x": "mine" });
});

Deno.test("publish: a forged marker and a link together do not lead out", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "outside/model": "mine", "dest/": "", "staging/": "" });
  await Deno.symlink(folder.at("outside"), folder.at("dest/a"));
  const entry: Entry = {
    uri: URI,
    digest: "sha256:00",
    filters: [],
    status: "complete",
    files: { "a": { size: 1, mtime: 1 } },
    directories: [],
    started: "",
  };
  await writeMarker(folder.at("dest"), folder.at("staging"), {
    version: "1",
    modelkits: [entry, { ...entry, uri: OTHER }],
  });
  await put(folder, { "a/model": "2" }, { neighbours: BOTH }).catch(() => {});
  assert.deepEqual(await folder.tree("outside"), { "model": "mine" });
});

const NAMED: [
  name: string,
  existing: Files,
  paths: string[],
  rule: PublishOptions["rule"],
  blamed?: string,
][] = [
  ["nothing is there", {}, ["Kitfile", "a/model"], NEVER],
  ["a foreign file is there", { "a/model": "mine" }, ["Kitfile", "a/model"], NEVER, "a/model"],
  ["a foreign file is there and -o is given", { "a/model": "mine" }, ["a/model"], OVERWRITE],
  ["a foreign file is there and -i is given", { "a/model": "mine" }, ["a/model"], IGNORE],
  ["a folder is there, which may be what is meant", { "model/x": "mine" }, ["model"], NEVER],
  ["a foreign file is where a folder is to be", { "a": "mine" }, ["a/model"], OVERWRITE, "a"],
  ["a name is reserved", {}, [MARKER_NAME], OVERWRITE, MARKER_NAME],
];
for (const [name, existing, paths, rule, blamed] of NAMED) {
  Deno.test(`publish: before the download, ${name}: ${blamed === undefined ? "go on" : "refused"}`, async () => {
    await using folder = await TestFolder.create();
    await folder.write(
      Object.fromEntries(Object.entries(existing).map(([path, text]) => [`dest/${path}`, text])),
    );
    await using destination = await openDestination(folder);
    const look = () => refuseForeign(destination, paths, { uri: URI, neighbours: [URI], rule });
    if (blamed === undefined) await look();
    else await assertRefused(look, "destination", blamed);
  });
}

for (
  const [name, existing, looks] of [["empty", {}, 0], ["used", { "dest/other": "x" }, 1]] as const
) {
  Deno.test(`publish: in a folder that is ${name} names are ${looks === 0 ? "not " : ""}looked at before the download`, async () => {
    await using folder = await TestFolder.create();
    await folder.write(existing);
    await using destination = await openDestination(folder);
    const { lstat } = Deno;
    let count = 0;
    Deno.lstat = (path) => {
      count++;
      return lstat(path);
    };
    try {
      const rest = { uri: URI, neighbours: [URI], rule: NEVER };
      await refuseForeign(destination, ["Kitfile", "model"], rest);
    } finally {
      Deno.lstat = lstat;
    }
    assert.equal(count > 0, looks > 0);
  });
}

Deno.test("publish: before the download, files of our own earlier run are not in the way", async () => {
  await using folder = await TestFolder.create();
  await put(folder, { "a/model": "1" });
  await using destination = await openDestination(folder);
  await refuseForeign(destination, ["a/model"], { uri: URI, neighbours: [URI], rule: NEVER });
});

Deno.test("publish: a kit that ended well and made nothing is a failure of kit", async () => {
  await using folder = await TestFolder.create();
  const failure = await failureOf(() =>
    put(folder, {}, { before: (tree) => Deno.remove(tree, { recursive: true }) })
  );
  assert.equal(failure.outcome, "kit");
  assert.match(failure.message, /unpacked nothing/);
});
