// The demo works, and its recording in the README shows what it says today.
import assert from "node:assert/strict";
import { draw, linesOf, recordDemo, RECORDING, stable } from "../../tools/recording.ts";

const HINT = "record it again: deno run -A tools/recording.ts";

Deno.test("deno task demo goes as it should, and docs/demo.svg shows the lines of today", async () => {
  const lines = await recordDemo();
  const recorded = linesOf(await Deno.readTextFile(RECORDING));
  assert.deepEqual(recorded.map(stable), lines.map(({ text }) => stable(text)), HINT);
  assert.match(lines.at(-1)!.text, /^All \d+ steps went as they should\.$/);
});

Deno.test("docs/demo.svg names nothing of the machine that it was made on", async () => {
  const svg = await Deno.readTextFile(RECORDING);
  assert.doesNotMatch(svg, /\/home\/|\/root\/|storage-initializer-demo-/);
  for (const [place] of svg.matchAll(/127\.0\.0\.1:\d+/g)) assert.equal(place, "127.0.0.1:5000");
});

Deno.test("a recording: lines stay whole, and each appears when it came, or a little later", () => {
  const lines = [
    { text: "$ demo", seconds: 0 },
    { text: "1. a step with <markup> & more", seconds: 0.25 },
    { text: `   ${"a long line ".repeat(30)}`, seconds: 0.5 },
    { text: "x".repeat(250), seconds: 60 },
    { text: "", seconds: 60 },
  ];
  const svg = draw(lines);
  assert.deepEqual(linesOf(svg), lines.map(({ text }) => text));
  const delays = [...svg.matchAll(/animation-delay:([\d.]+)s/g)].map(([, delay]) => Number(delay));
  assert.deepEqual(delays, [0.5, 2.1, 2.35, 3.55, 3.55]);
  const rows = [...svg.matchAll(/<tspan[^>]*>([^<]*)/g)].map(([, row]) => row);
  assert.ok(rows.every((row) => row.replaceAll(/&\w+;/g, "x").length <= 104));
});

Deno.test("a recording: what differs from run to run is not compared", () => {
  const one =
    `   │ 2026-11-23T16:09:58.751Z ERROR Cannot find "127.0.0.1:4711/x" seconds=0.021 (0.1 s)`;
  const other =
    `   │ 2027-01-02T03:04:05.678Z ERROR Cannot find "127.0.0.1:815/x" seconds=1 (12.0 s)`;
  assert.equal(stable(one), stable(other));
  assert.equal(stable("  model/weights.json     845 B"), stable("  model/weights.json    1847 B"));
  assert.notEqual(stable("  data/iris.csv  845 B"), stable("  data/iris.csv  847 B"));
  assert.notEqual(stable(one), stable(other.replace("ERROR", "WARN")));
});
