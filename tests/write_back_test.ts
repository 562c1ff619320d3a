import assert from "node:assert/strict";
import { WriteBack } from "../lib/write_back.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { TestFolder } from "./support/folder.ts";

const NEVER = new AbortController().signal;

/** Counts how often each file below a folder is synced, until it is disposed of. */
function watchSyncs(root: string): Disposable & { paths: string[] } {
  const open = Deno.open;
  const paths: string[] = [];
  Deno.open = (path, options) => {
    paths.push(String(path).slice(root.length + 1));
    return open(path, options);
  };
  return { paths, [Symbol.dispose]: () => void (Deno.open = open) };
}

Deno.test("write back: a large file is written each time that it has grown by 32 MiB, a small one never", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "a/large": "", "small": "x" });
  using syncs = watchSyncs(folder.path);
  using clock = new FakeClock();
  {
    await using _ = new WriteBack(folder.path, NEVER);
    for (const [mebibytes, expected] of [[31, 0], [32, 1], [63, 1], [64, 2], [64, 2]]) {
      await Deno.truncate(folder.at("a/large"), mebibytes * 1024 * 1024);
      // Several looks, since each takes as long as the disk does.
      for (let look = 0; look < 20; look++) await clock.tick(250);
      assert.equal(syncs.paths.length, expected, `at ${mebibytes} MiB`);
    }
  }
  assert.deepEqual(syncs.paths, ["a/large", "a/large"]);
  assert.equal(clock.intervals, 0);
});

Deno.test("write back: a folder that is not there yet, or no longer, is no mistake", async () => {
  await using folder = await TestFolder.create();
  using clock = new FakeClock();
  await using _ = new WriteBack(folder.at("nosuch"), NEVER);
  await clock.tick(1000);
});

Deno.test("write back: after a signal it does not wait for the disk", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "large": "" });
  await Deno.truncate(folder.at("large"), 32 * 1024 * 1024);
  const disk = Promise.withResolvers<void>();
  const { sync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.sync = () => disk.promise;
  using clock = new FakeClock();
  const stop = new AbortController();
  try {
    await using _ = new WriteBack(folder.path, stop.signal);
    for (let look = 0; look < 20; look++) await clock.tick(250);
    stop.abort(new Error("stopped"));
  } finally {
    Deno.FsFile.prototype.sync = sync;
  }
  disk.resolve();
  await disk.promise;
});
