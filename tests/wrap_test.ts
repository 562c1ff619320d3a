import assert from "node:assert/strict";
import { wrap } from "../lib/wrap.ts";

const ROWS: [name: string, text: string, lines: string[]][] = [
  ["a line that just fits", "abc de", ["abc de"]],
  ["a word that does not fit any more", "abc def", ["abc", "def"]],
  ["a word longer than a line", "abcdefgh", ["abcdef", "gh"]],
  ["a long word after another one", "ab abcdefgh i", ["ab", "abcdef", "gh i"]],
  ["nothing", "", [""]],
];
for (const [name, text, lines] of ROWS) {
  Deno.test(`wrap: ${name}`, () => assert.deepEqual(wrap(text, 6), lines));
}
