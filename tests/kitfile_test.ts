import assert from "node:assert/strict";
import { showKitfile } from "../lib/kitfile.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

const LINE = "0123456789".repeat(10);
const KITFILES: [name: string, text: string, shown: string[]][] = [
  ["a short one is shown as it is", "a: 1\nb:\n  - 2\n", ["a: 1", "b:", "  - 2"]],
  ["one without an end of line too", "a: 1", ["a: 1"]],
  ["an empty one is an empty line", "", [""]],
  ["200 lines are all shown", "x\n".repeat(200), Array(200).fill("x")],
  ["of 1000 lines the first 200", "x\n".repeat(1000), [
    ...Array(200).fill("x"),
    "… and 1601 more bytes of the Kitfile",
  ]],
  ["of long lines the first 16 KiB", `${LINE}\n`.repeat(170), [
    ...Array(162).fill(LINE),
    LINE.slice(0, 22),
    "… and 786 more bytes of the Kitfile",
  ]],
  ["no character is cut in two", "ü".repeat(8191) + "x🧪", [
    "ü".repeat(8191) + "x",
    "… and 4 more bytes of the Kitfile",
  ]],
];
for (const [name, text, shown] of KITFILES) {
  Deno.test(`kitfile: ${name}`, async () => {
    await using folder = await TestFolder.create();
    await folder.write({ "Kitfile": text });
    const { log, lines } = recordLog();
    await showKitfile(folder.path, log);
    assert.deepEqual(lines.map((line) => line.split(" INFO  ")[1]), [
      "Unpacked ModelKit:",
      ...shown.map((line) => `  ${line}`),
    ]);
  });
}
