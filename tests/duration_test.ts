import assert from "node:assert/strict";
import { formatDuration, parseDuration } from "../lib/duration.ts";

const ROWS: [text: string, milliseconds: number | undefined][] = [
  ["90s", 90_000],
  ["5m", 300_000],
  ["1h30m", 5_400_000],
  ["500ms", 500],
  ["1m0.5s", 60_500],
  ["1.5h", 5_400_000],
  ["30", 30_000],
  ["0.5", 500],
  ["596h", 2_145_600_000],
  ["", undefined],
  ["0", undefined],
  ["0s", undefined],
  ["0.1ms", undefined],
  ["-1s", undefined],
  ["1d", undefined],
  ["s", undefined],
  ["1 m", undefined],
  ["1m 30s", undefined],
  ["1e3", undefined],
  [".5s", undefined],
  ["5M", undefined],
  ["90sx", undefined],
  ["597h", undefined],
  ["9".repeat(400), undefined],
];
for (const [text, milliseconds] of ROWS) {
  const name = text.length > 20 ? "a number of 400 digits" : `"${text}"`;
  Deno.test(`duration: ${name} is ${milliseconds ?? "none"}`, () => {
    assert.equal(parseDuration(text), milliseconds);
  });
}

const WRITTEN: [seconds: number, text: string][] = [
  [0, "0.0 s"],
  [0.168, "0.2 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [59.6, "1 min 0 s"],
  [2346.4, "39 min 6 s"],
  [3599.4, "59 min 59 s"],
  [3599.6, "1 h 0 min"],
  [7500, "2 h 5 min"],
  [86_400, "24 h 0 min"],
];
for (const [seconds, text] of WRITTEN) {
  Deno.test(`duration: ${seconds} seconds are ${text}`, () => {
    assert.equal(formatDuration(seconds), text);
  });
}
