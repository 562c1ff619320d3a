import assert from "node:assert/strict";
import { Destination, destinationFailure } from "../lib/destination.ts";
import { Failure } from "../lib/errors.ts";
import { type Entry, MARKER_NAME, STAGING_PREFIX, writeMarker } from "../lib/marker.ts";
import { stateOf } from "../lib/tree.ts";
import { failureOf } from "./support/failure.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

const URI = "kit://ghcr.io/a:v1";
const DIGEST = "sha256:00";
const WANTED = { uri: URI, digest: DIGEST, filters: ["--filter=model"] };

async function open(path: string, signal = new AbortController().signal): Promise<Destination> {
  return await Destination.open(path, { log: recordLog().log, signal });
}

/** A folder "dest" that holds a complete ModelKit, as its marker says. */
async function complete(folder: TestFolder, entry: Partial<Entry> = {}): Promise<void> {
  await folder.write({ "dest/data/a.bin": "12345", "dest/empty/": "", "staging/": "" });
  await writeMarker(folder.at("dest"), folder.at("staging"), {
    version: "1",
    modelkits: [{
      ...WANTED,
      status: "complete",
      files: { "data/a.bin": stateOf(await Deno.lstat(folder.at("dest/data/a.bin"))) },
      directories: ["data", "empty"],
      started: "",
      ...entry,
    }],
  });
}

Deno.test("destination: the folder is made where it is missing, and stays empty", async () => {
  await using folder = await TestFolder.create();
  {
    await using destination = await open(folder.at("a/b"));
    assert.equal(destination.root, folder.at("a/b"));
    assert.equal(destination.marker, undefined);
  }
  assert.deepEqual(await folder.tree(), { "a/": "", "a/b/": "" });
});

Deno.test("destination: a link to a folder stands for the folder", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "real/": "" });
  await Deno.symlink("real", folder.at("link"));
  await using destination = await open(folder.at("link"));
  assert.equal(destination.root, folder.at("real"));
});

for (const path of ["file", "file/below"]) {
  Deno.test(`destination: "${path}", where "file" is a file, is refused`, async () => {
    await using folder = await TestFolder.create();
    await folder.write({ file: "mine" });
    const failure = await failureOf(() => open(folder.at(path)));
    assert.equal(failure.outcome, "destination");
    assert.ok(failure.message.startsWith(`Cannot write to "${folder.at(path)}": `));
    assert.match(failure.hint ?? "", /^Give a folder/);
    assert.deepEqual(await folder.tree(), { file: "mine" });
  });
}

Deno.test("destination: opening removes what a killed run left, and nothing else", async () => {
  await using folder = await TestFolder.create();
  await folder.write({
    [`dest/${STAGING_PREFIX}abc/tree/model.bin`]: "half",
    "dest/lost+found/": "",
    "dest/.kit-storage.tmp": "mine",
    [`dest/below/${STAGING_PREFIX}x`]: "mine",
    "outside/file": "mine",
  });
  await Deno.symlink(folder.at("outside"), folder.at(`dest/${STAGING_PREFIX}link`));
  {
    await using _ = await open(folder.at("dest"));
  }
  assert.deepEqual(await folder.tree(), {
    "dest/": "",
    "dest/.kit-storage.tmp": "mine",
    "dest/below/": "",
    [`dest/below/${STAGING_PREFIX}x`]: "mine",
    "dest/lost+found/": "",
    "outside/": "",
    "outside/file": "mine",
  });
});

const FOUND: [name: string, wanted: Partial<typeof WANTED>][] = [
  ["with its digest", {}],
  ["without a digest, as long as only a tag is known", { digest: undefined }],
];
for (const [name, wanted] of FOUND) {
  Deno.test(`destination: a ModelKit that is intact is found ${name}`, async () => {
    await using folder = await TestFolder.create();
    await complete(folder);
    await using destination = await open(folder.at("dest"));
    assert.equal((await destination.find({ ...WANTED, ...wanted }))?.digest, DIGEST);
  });
}

const OTHERS: [name: string, wanted: Partial<typeof WANTED>][] = [
  ["another URI", { uri: "kit://ghcr.io/b:v1" }],
  ["another digest", { digest: "sha256:01" }],
  ["other filters", { filters: [] }],
];
for (const [name, wanted] of OTHERS) {
  Deno.test(`destination: ${name} is not found`, async () => {
    await using folder = await TestFolder.create();
    await complete(folder);
    await using destination = await open(folder.at("dest"));
    assert.equal(await destination.find({ ...WANTED, ...wanted }), undefined);
  });
}

Deno.test("destination: where a signature is required only the entry that was checked for it is found", async () => {
  await using folder = await TestFolder.create();
  const signed = { ...WANTED, signature: "sha256:11" };
  await complete(folder);
  {
    await using destination = await open(folder.at("dest"));
    assert.equal(await destination.find(signed), undefined);
  }
  await complete(folder, { signature: "sha256:11" });
  await using destination = await open(folder.at("dest"));
  assert.ok(await destination.find(signed));
  assert.ok(await destination.find(WANTED));
  assert.equal(await destination.find({ ...signed, signature: "sha256:22" }), undefined);
});

Deno.test("destination: a ModelKit whose publishing was interrupted is not found", async () => {
  await using folder = await TestFolder.create();
  await complete(folder, { status: "publishing" });
  await using destination = await open(folder.at("dest"));
  assert.equal(await destination.find(WANTED), undefined);
});

const CHANGES: [name: string, change: (folder: TestFolder) => Promise<unknown>][] = [
  ["a file of another size", (folder) => folder.write({ "dest/data/a.bin": "123456" })],
  ["a file of another time", (folder) => Deno.utime(folder.at("dest/data/a.bin"), 1, 1)],
  ["a file that is gone", (folder) => Deno.remove(folder.at("dest/data/a.bin"))],
  ["a folder that is gone", (folder) => Deno.remove(folder.at("dest/empty"))],
  ["all that is gone", (folder) => Deno.remove(folder.at("dest/data"), { recursive: true })],
  ["a file that became a link to the same", async (folder) => {
    await Deno.rename(folder.at("dest/data/a.bin"), folder.at("moved"));
    await Deno.symlink(folder.at("moved"), folder.at("dest/data/a.bin"));
  }],
  ["a folder that became a link to the same", async (folder) => {
    await Deno.rename(folder.at("dest/data"), folder.at("moved"));
    await Deno.symlink(folder.at("moved"), folder.at("dest/data"));
  }],
  ["a folder that became a file", async (folder) => {
    await Deno.remove(folder.at("dest/empty"));
    await folder.write({ "dest/empty": "" });
  }],
];
for (const [name, change] of CHANGES) {
  Deno.test(`destination: with ${name} the ModelKit is not found`, async () => {
    await using folder = await TestFolder.create();
    await complete(folder);
    await change(folder);
    await using destination = await open(folder.at("dest"));
    assert.equal(await destination.find(WANTED), undefined);
  });
}

Deno.test("destination: the staging folder is inside, one and the same, and removed at the end", async () => {
  await using folder = await TestFolder.create();
  {
    await using destination = await open(folder.at("dest"));
    const staging = await destination.staging();
    assert.ok(staging.startsWith(`${folder.at("dest")}/${STAGING_PREFIX}`));
    assert.equal(await destination.staging(), staging);
    await Deno.mkdir(`${staging}/tree/below`, { recursive: true });
  }
  assert.deepEqual(await folder.tree(), { "dest/": "" });
});

Deno.test("destination: after clear the staging folder is a new one", async () => {
  await using folder = await TestFolder.create();
  await using destination = await open(folder.at("dest"));
  const staging = await destination.staging();
  await Deno.writeTextFile(`${staging}/file`, "");
  await destination.clear();
  assert.deepEqual(await folder.tree("dest"), {});
  assert.deepEqual(await Array.fromAsync(Deno.readDir(await destination.staging())), []);
});

Deno.test("destination: a second start waits until the first is done, and says so", async () => {
  await using folder = await TestFolder.create();
  const events: string[] = [];
  const first = await open(folder.at("dest"));
  const { log, lines } = recordLog();
  const noticed = Promise.withResolvers<void>();
  const second = Destination.open(folder.at("dest"), {
    log: Object.assign(log, {
      info: (message: string) => {
        lines.push(message);
        noticed.resolve();
      },
    }),
    signal: new AbortController().signal,
  }).then((destination) => {
    events.push("second opened");
    return destination;
  });
  await noticed.promise;
  assert.match(lines[0], /^Waiting for another initializer/);
  await complete(folder);
  events.push("first done");
  await first[Symbol.asyncDispose]();
  await using destination = await second;
  assert.deepEqual(events, ["first done", "second opened"]);
  assert.ok(await destination.find(WANTED), "what the first did must be seen by the second");
});

Deno.test("destination: an abort ends the wait", async () => {
  await using folder = await TestFolder.create();
  const first = await open(folder.at("dest"));
  const stop = new AbortController();
  const reason = new Failure("terminated", "Stopped");
  const second = open(folder.at("dest"), stop.signal);
  stop.abort(reason);
  await assert.rejects(second, reason);
  await first[Symbol.asyncDispose]();
  // The lock that was asked for is free again as soon as it is got.
  await using _ = await open(folder.at("dest"));
});

Deno.test("destination: two folders do not wait for each other, also when one is in the other", async () => {
  await using folder = await TestFolder.create();
  await using _ = await open(folder.at("dest"));
  await using other = await open(folder.at("dest/below"));
  assert.equal(other.root, folder.at("dest/below"));
});

Deno.test("destination: a marker that is hostile counts as none", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ [`dest/${MARKER_NAME}`]: '{"format":1,"version":"1","modelkits":[{}]}' });
  await using destination = await open(folder.at("dest"));
  assert.equal(destination.marker, undefined);
});

const ERRORS: [code: string, hint: RegExp][] = [
  ["ENOSPC", /^Give the volume more space$/],
  ["EDQUOT", /^Raise the volume's quota$/],
  ["EROFS", /^Mount the volume writable$/],
  ["EEXIST", /^Give a folder: there is a file of that name$/],
  ["ENOTDIR", /^Give a folder: a part of the path is a file$/],
  ["ENAMETOOLONG", /^Give a destination with a shorter path, or pack shorter names$/],
  ["EIO", /^Look at the volume: its disk or its server fails$/],
  ["EACCES", /^Make it a folder that UID \d+ can write to, for example with the pod's fsGroup$/],
];
for (const [code, hint] of ERRORS) {
  Deno.test(`destination: ${code} becomes a failure that says what to do`, () => {
    const error = Object.assign(new Error("It is so (os error 13): open '/x/y'"), { code });
    const failure = destinationFailure(error, "/mnt");
    assert.ok(failure instanceof Failure);
    assert.deepEqual([failure.outcome, failure.message, failure.cause], [
      "destination",
      'Cannot write to "/mnt": It is so',
      error,
    ]);
    assert.match(failure.hint ?? "", hint);
  });
}

for (
  const error of [
    new TypeError("bug"),
    new Failure("kit", "x"),
    Object.assign(new Error("x"), { code: "ERR_X" }),
  ]
) {
  Deno.test(`destination: a ${error.name} ${error.message} stays what it is`, () => {
    assert.equal(destinationFailure(error, "/mnt"), error);
  });
}
