import assert from "node:assert/strict";
import { nearest } from "../lib/nearest.ts";

const ROWS: [name: string, text: string, candidates: string[], count: number, found: string[]][] = [
  ["the same comes first", "v1", ["v2", "v1"], 2, ["v1", "v2"]],
  ["a missing letter", "latst", ["v1", "latest"], 1, ["latest"]],
  ["a letter too much", "vv1", ["latest", "v1"], 1, ["v1"]],
  ["another letter", "v1.9", ["v2.0.0", "v1.0"], 1, ["v1.0"]],
  ["of two as near the earlier", "v0", ["v3", "v1"], 2, ["v3", "v1"]],
  ["fewer than were asked for", "v1", ["v2"], 3, ["v2"]],
  ["none", "v1", [], 3, []],
];
for (const [name, text, candidates, count, found] of ROWS) {
  Deno.test(`nearest: ${name}`, () => assert.deepEqual(nearest(text, candidates, count), found));
}
