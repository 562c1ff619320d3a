import assert from "node:assert/strict";
import { folderBytes, type LayerProgress, Progress } from "../lib/progress.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

interface Options {
  total?: number;
  layers?: LayerProgress[];
  /** Draws on a terminal of 80 columns. */
  onScreen?: boolean;
  format?: "text" | "json";
  /** Called at each look. */
  onLook?(): void;
}

function start({ total = 4_000_000, layers, onScreen = false, format, onLook }: Options = {}) {
  const { log, lines } = recordLog({ format });
  const state = { bytes: 0, looks: 0, lines, drawn: [] as string[][] };
  const progress = new Progress({
    log,
    uri: "kit://h.io/a",
    measure: () => {
      state.looks++;
      onLook?.();
      return Promise.resolve({ bytes: state.bytes, total, layers });
    },
    screen: onScreen
      ? { size: () => ({ columns: 80, rows: 24 }), draw: (lines) => void state.drawn.push(lines) }
      : undefined,
  });
  return { progress, state };
}

Deno.test("progress: a line every 10 s, with percent, speed and time left", async () => {
  using clock = new FakeClock();
  const { progress, state } = start();
  using _ = progress;
  for (let second = 0; second < 9; second++) {
    await clock.tick(1000);
    state.bytes += 100_000;
  }
  assert.equal(state.lines.length, 0);
  await clock.tick(1000);
  assert.deepEqual(state.lines.map((line) => line.split(" INFO  ")[1]), [
    "Unpacking: 900 kB of 4.0 MB (22 %), 100 kB/s, 33 s left uri=kit://h.io/a",
  ]);
  await clock.tick(25_000);
  assert.equal(state.lines.length, 3);
  assert.match(state.lines[2], /: 900 kB of 4.0 MB \(22 %\), 0 B\/s/);
});

Deno.test("progress: the same as fields, for machines", async () => {
  using clock = new FakeClock();
  const { progress, state } = start({ format: "json" });
  using _ = progress;
  for (let second = 0; second < 10; second++) {
    state.bytes += 100_000;
    await clock.tick(1000);
  }
  const { time: _time, message: _message, ...fields } = JSON.parse(state.lines[0]);
  assert.deepEqual(fields, {
    level: "info",
    uri: "kit://h.io/a",
    bytes: 1_000_000,
    total: 4_000_000,
    percent: 25,
    bytesPerSecond: 100_000,
    seconds: 10,
    secondsLeft: 30,
  });
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

Deno.test("progress: looks that take long are fewer", async () => {
  using clock = new FakeClock();
  // As if each took 100 ms.
  const { progress, state } = start({ onLook: () => clock.pass(100) });
  using _ = progress;
  await clock.tick(20_000);
  assert.equal(state.looks, 7);
});

Deno.test("progress: looks that take very long are often enough to see that there is no stall", async () => {
  using clock = new FakeClock();
  // As if each took 4 s.
  const { progress, state } = start({ onLook: () => clock.pass(4000) });
  using _ = progress;
  await clock.tick(60_000);
  assert.ok(state.looks >= 6, `${state.looks}`);
});

Deno.test("progress: on a terminal a bar is drawn 5 times a second, taken away at the end, and the log stays empty", async () => {
  using clock = new FakeClock();
  const { progress, state } = start({ onScreen: true });
  state.bytes = 2_000_000;
  await clock.tick(20_000);
  progress[Symbol.dispose]();
  assert.equal(state.drawn.length, 101);
  assert.deepEqual(state.drawn[99].map((line) => line.replaceAll(/ +/g, " ")), [
    "Total █████░░░░░░ 50 % 2.0 MB of 4.0 MB 0 B/s 42 s left",
  ]);
  assert.deepEqual(state.drawn.at(-1), []);
  assert.deepEqual(state.lines, []);
});

const NAMES: [name: string, layers: LayerProgress[], names: string[]][] = [
  ["no layer is under way: the total", [], ["Total"]],
  ["one layer of several: it, and the total", [{ name: "a", bytes: 1, size: 1_000_000 }], [
    "a",
    "Total",
  ]],
  ["a layer that is all: one line", [{ name: "a", bytes: 1, size: 4_000_000 }], ["a"]],
  ["several layers: each, and the total", [
    { name: "a", bytes: 1, size: 2_000_000 },
    { name: "b", bytes: 1, size: 2_000_000 },
  ], ["a", "b", "Total"]],
];
for (const [name, layers, names] of NAMES) {
  Deno.test(`progress: ${name}`, async () => {
    using clock = new FakeClock();
    const { progress, state } = start({ onScreen: true, layers });
    using _ = progress;
    await clock.tick(200);
    assert.deepEqual(state.drawn[0].map((line) => line.split(" ")[0]), names);
  });
}

Deno.test("progress: each layer has its own speed", async () => {
  using clock = new FakeClock();
  const layers = [{ name: "a", bytes: 0, size: 2_000_000 }, {
    name: "b",
    bytes: 0,
    size: 2_000_000,
  }];
  const { progress, state } = start({ onScreen: true, layers });
  using _ = progress;
  for (let tick = 0; tick < 50; tick++) {
    layers[0].bytes += 20_000;
    layers[1].bytes += 2_000;
    state.bytes += 22_000;
    await clock.tick(200);
  }
  const speeds = state.drawn.at(-1)!.map((line) => line.match(/[\d.]+ kB\/s/)?.[0]);
  assert.deepEqual(speeds, ["100 kB/s", "10.0 kB/s", "110 kB/s"]);
});

Deno.test("progress: a layer that begins again has no speed of before", async () => {
  using clock = new FakeClock();
  const layers = [{ name: "a", bytes: 0, size: 4_000_000 }];
  const { progress, state } = start({ onScreen: true, layers });
  using _ = progress;
  for (let tick = 0; tick < 50; tick++) {
    state.bytes = layers[0].bytes += 50_000;
    await clock.tick(200);
  }
  state.bytes = layers[0].bytes = 0;
  await clock.tick(200);
  assert.match(state.drawn.at(-1)![0], / 0 % +0 B of 4.0 MB +0 B\/s$/);
});

for (
  const [name, total, bytes] of [
    ["more than was expected", 1000, 5000],
    ["an unknown total", 0, 5000],
    ["layers of 0 bytes", 0, 0],
  ] as const
) {
  Deno.test(`progress: of ${name} there are neither percent nor time left`, async () => {
    for (const onScreen of [true, false]) {
      using clock = new FakeClock();
      const { progress, state } = start({ total, onScreen });
      using _ = progress;
      state.bytes = bytes;
      await clock.tick(10_000);
      const line = onScreen ? state.drawn.at(-1)![0] : state.lines[0];
      assert.match(line, bytes === 0 ? / 0 B/ : / 5.0 kB/);
      assert.doesNotMatch(line, /%|left|NaN|Infinity| of /);
    }
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
