import assert from "node:assert/strict";
import { formatBytes } from "../lib/format_bytes.ts";

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
  Deno.test(`formatBytes: ${bytes} bytes are ${text}`, () =>
    assert.equal(formatBytes(bytes), text));
}
