import assert from "node:assert/strict";
import { Failure } from "../lib/errors.ts";
import {
  forAll,
  listTree,
  lstatIfPresent,
  removeTree,
  stateOf,
  sync,
  syncAll,
} from "../lib/tree.ts";
import { failureOf } from "./support/failure.ts";
import { TestFolder } from "./support/folder.ts";

Deno.test("tree: files and folders are listed, parents before their children", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "Kitfile": "kit", "a/b/c.bin": "12345", "a/empty/": "" });
  const { files, directories } = await listTree(folder.path);
  assert.deepEqual([...files.keys()].sort(), ["Kitfile", "a/b/c.bin"]);
  assert.equal(files.get("a/b/c.bin")?.size, 5);
  assert.equal(directories[0], "a");
  assert.deepEqual(directories.toSorted(), ["a", "a/b", "a/empty"]);
});

Deno.test("tree: a file's state is its size and its time of change in milliseconds", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ file: "1234" });
  await Deno.utime(folder.at("file"), 1_500_000_000, 1_600_000_000.5);
  assert.deepEqual(stateOf(await Deno.lstat(folder.at("file"))), {
    size: 4,
    mtime: 1_600_000_000_500,
  });
});

for (
  const [name, make] of [
    ["a link", (path: string) => Deno.symlink("/etc/passwd", path)],
    ["a link to a folder", (path: string) => Deno.symlink("/etc", path)],
    ["a link to nothing", (path: string) => Deno.symlink("nosuch", path)],
    ["a named pipe", async (path: string) => {
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    }],
  ] as const
) {
  Deno.test(`tree: ${name} is a failure of kit that names it`, async () => {
    await using folder = await TestFolder.create();
    await folder.write({ "a/": "" });
    await make(folder.at("a/strange"));
    const failure = await failureOf(() => listTree(folder.path));
    assert.equal(failure.outcome, "kit");
    assert.equal(
      failure.message,
      'Cannot publish "a/strange": kit made something that is neither a file nor a folder',
    );
  });
}

Deno.test("tree: a name that is not UTF-8 is a failure of kit", async () => {
  await using folder = await TestFolder.create();
  const { readDir } = Deno;
  // As Deno 2.9 shows such a name; 2.6 shows none.
  try {
    for (const isDirectory of [false, true]) {
      Deno.readDir = async function* (path) {
        if (path !== `${folder.path}/`) throw new Deno.errors.NotFound();
        yield { name: "a\ufffd", isFile: !isDirectory, isDirectory, isSymlink: false };
      };
      const failure = await failureOf(() => listTree(folder.path));
      assert.equal(failure.outcome, "kit");
      assert.equal(failure.message, 'Cannot publish "a\ufffd": its name is not UTF-8');
    }
  } finally {
    Deno.readDir = readDir;
  }
});

Deno.test("tree: lstatIfPresent answers for a link itself, also where it leads nowhere", async () => {
  await using folder = await TestFolder.create();
  await Deno.symlink("nosuch", folder.at("link"));
  assert.equal((await lstatIfPresent(folder.at("link")))?.isSymlink, true);
});

Deno.test("tree: lstatIfPresent answers nothing where there is none, or a parent is a file", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ file: "" });
  assert.equal(await lstatIfPresent(folder.at("nosuch")), undefined);
  assert.equal(await lstatIfPresent(folder.at("nosuch/below")), undefined);
  assert.equal(await lstatIfPresent(folder.at("file/below")), undefined);
});

Deno.test("tree: sync takes files and folders, and refuses what is not there", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "a/file": "x" });
  await sync(folder.at("a/file"));
  await syncAll([folder.at("a"), folder.at("a/file")]);
  await assert.rejects(sync(folder.at("nosuch")), Deno.errors.NotFound);
  await assert.rejects(syncAll([folder.at("a"), folder.at("nosuch")]), Deno.errors.NotFound);
});

Deno.test("tree: removeTree removes all below, and follows no link", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "outside/file": "mine", "tree/a/b": "x" });
  await Deno.symlink(folder.at("outside"), folder.at("tree/link"));
  await removeTree(folder.at("tree"));
  assert.deepEqual(await folder.tree(), { "outside/": "", "outside/file": "mine" });
});

Deno.test("tree: removeTree takes a link away, and leaves what it leads to", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "outside/file": "mine" });
  await Deno.symlink(folder.at("outside"), folder.at("link"));
  await removeTree(folder.at("link"));
  assert.deepEqual(await folder.tree(), { "outside/": "", "outside/file": "mine" });
});

Deno.test("tree: removeTree is content where there is nothing", async () => {
  await using folder = await TestFolder.create();
  await removeTree(folder.at("nosuch"));
});

Deno.test("tree: removeTree is not stopped by somebody who still writes there for a moment", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "tree/a": "" });
  let writing = true;
  const writer = (async () => {
    for (let count = 0; writing && count < 200; count++) {
      await Deno.writeTextFile(folder.at(`tree/${count}`), "x").catch(() => writing = false);
    }
  })();
  await removeTree(folder.at("tree"));
  await writer;
  await removeTree(folder.at("tree"));
  assert.deepEqual(await folder.tree(), {});
});

Deno.test("tree: a signal does not wait for a disk that is slow", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "huge": "x" });
  const disk = Promise.withResolvers<void>();
  const { sync } = Deno.FsFile.prototype;
  const stop = new AbortController();
  Deno.FsFile.prototype.sync = () => {
    stop.abort(new Failure("terminated", "Stopped by SIGTERM"));
    return disk.promise;
  };
  try {
    const failure = await failureOf(() => syncAll([folder.at("huge")], stop.signal));
    assert.equal(failure.outcome, "terminated");
  } finally {
    Deno.FsFile.prototype.sync = sync;
  }
  disk.resolve();
  // The file is closed then, after the test would have looked for what is still open.
  await new Promise((resolve) => setTimeout(resolve, 0));
});

Deno.test("tree: each of many is worked on once, and only so many at a time", async () => {
  const seen: number[] = [];
  let [running, most] = [0, 0];
  await forAll(Array(100).keys(), async (index) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    seen.push(index);
    running--;
  });
  assert.deepEqual(seen.sort((a, b) => a - b), [...Array(100).keys()]);
  assert.equal(most, 16);
});

Deno.test("tree: the first failure is thrown when what was begun has ended, and nothing more is begun", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let [begun, ended] = [0, 0];
  const failing = forAll(Array(100).keys(), async (index) => {
    begun++;
    if (index === 0) throw new Error("the first");
    await promise;
    ended++;
  });
  resolve();
  await assert.rejects(failing, /the first/);
  assert.equal(begun, 16);
  assert.equal(ended, 15);
});
