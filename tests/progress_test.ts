import assert from "node:assert/strict";
import { folderBytes, formatBytes, Progress } from "../lib/progress.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

const SIZES: [bytes: number, text: string][] = [
  [0, "0 B"],
  [1, "1 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [1549, "1.5 kB"],
  [99_949, "99.9 kB"],
  [100_000, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [1_500_000_000, "1.5 GB"],
  [2e12, "2.0 TB"],
  [5e15, "5000 TB"],
];
for (const [bytes, text] of SIZES) {
  Deno.test(`progress: ${bytes} bytes are ${text}`, () => assert.equal(formatBytes(bytes), text));
}

function start(options: { total?: number; draw?: (text: string) => void } = {}) {
  const { log, lines } = recordLog();
  const state = { bytes: 0, looks: 0, lines };
  const progress = new Progress({
    log,
    uri: "kit://h.io/a",
    total: 4_000_000,
    done: () => {
      state.looks++;
      return Promise.resolve(state.bytes);
    },
    ...options,
  });
  return { progress, state };
}

Deno.test("progress: a line every 10 s, with what is done and how fast", async () => {
  using clock = new FakeClock();
  const { progress, state } = start();
  using _ = progress;
  state.bytes = 1_000_000;
  await clock.tick(9999);
  assert.equal(state.lines.length, 0);
  await clock.tick(1);
  assert.deepEqual(state.lines.map((line) => line.split(" INFO  ")[1]), [
    "Unpacking: 1.0 MB of 4.0 MB, 100 kB/s uri=kit://h.io/a bytes=1000000 total=4000000 percent=25 seconds=10",
  ]);
  await clock.tick(25_000);
  assert.equal(state.lines.length, 3);
});

Deno.test("progress: it looks each second, so that a stall is seen soon", async () => {
  using clock = new FakeClock();
  const { progress, state } = start();
  using _ = progress;
  state.bytes = 7;
  await clock.tick(1000);
  assert.equal(progress.bytes, 7);
  await clock.tick(4000);
  assert.equal(state.looks, 5);
});

Deno.test("progress: on a terminal a bar is drawn, taken away at the end, and the log stays empty", async () => {
  using clock = new FakeClock();
  const drawn: string[] = [];
  const { progress, state } = start({ draw: (text) => void drawn.push(text) });
  state.bytes = 2_000_000;
  await clock.tick(20_000);
  progress[Symbol.dispose]();
  assert.equal(drawn.length, 101);
  assert.equal(drawn[0], `${"█".repeat(14)}${"░".repeat(14)} 50 % of 4.0 MB, 10.0 MB/s`);
  assert.equal(drawn.at(-1), "");
  assert.deepEqual(state.lines, []);
});

for (
  const [name, total, bytes, percent] of [
    ["more than was expected is 100 %", 1000, 5000, 100],
    ["of an unknown total it is 0 %", 0, 5000, 0],
  ] as const
) {
  Deno.test(`progress: ${name}`, async () => {
    using clock = new FakeClock();
    const drawn: string[] = [];
    const { progress, state } = start({ total, draw: (text) => void drawn.push(text) });
    using _ = progress;
    state.bytes = bytes;
    await clock.tick(200);
    assert.match(drawn[0], new RegExp(` ${percent} % of `));
  });
}

Deno.test("progress: after the end nothing is looked at or said any more", async () => {
  using clock = new FakeClock();
  const { progress, state } = start();
  progress[Symbol.dispose]();
  await clock.tick(60_000);
  assert.deepEqual([state.looks, state.lines, clock.intervals], [0, [], 0]);
});

Deno.test("progress: a folder's bytes are those of all files below it", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "a": "12", "b/c/d": "345", "b/e/": "" });
  assert.equal(await folderBytes(folder.path), 5);
});

Deno.test("progress: of a link its own size counts, not what it leads to", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "big": "x".repeat(1000), "tree/": "" });
  await Deno.symlink("../big", folder.at("tree/link"));
  assert.equal(await folderBytes(folder.at("tree")), "../big".length);
});

Deno.test("progress: a folder that is not there has none", async () => {
  await using folder = await TestFolder.create();
  assert.equal(await folderBytes(folder.at("nosuch")), 0);
});
