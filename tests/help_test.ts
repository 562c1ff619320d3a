import assert from "node:assert/strict";
import { VARIABLES } from "../lib/environment.ts";
import { OUTCOMES } from "../lib/errors.ts";
import { helpText } from "../lib/help.ts";

const LINES = helpText("1.2.3").split("\n");

Deno.test("help: no line is longer than 80 characters, and none ends with a blank", () => {
  for (const line of LINES) assert.match(line, /^(.{0,79}\S)?$/u);
});

Deno.test("help: it names the version first and ends with a line end", () => {
  assert.match(LINES[0], / 1\.2\.3:/);
  assert.deepEqual(LINES.slice(-2).map((line) => line === ""), [false, true]);
});

for (const { name, about, standard } of VARIABLES) {
  Deno.test(`help: ${name} is explained, with its default`, () => {
    const start = LINES.indexOf(`  ${name}`);
    assert.notEqual(start, -1);
    const end = LINES.findIndex((line, index) => index > start && !line.startsWith("      "));
    const text = LINES.slice(start + 1, end).map((line) => line.trim()).join(" ");
    const expected = about.replaceAll("`", "");
    assert.equal(text, standard === undefined ? expected : `${expected} (default: ${standard})`);
  });
}

for (const [name, { code, when }] of Object.entries(OUTCOMES)) {
  Deno.test(`help: exit code ${code} is explained`, () => {
    assert.ok(LINES.some((line) => line.trim() === `${code}  ${name}: ${when}`));
  });
}

for (const option of ["--log-format=", "--log-level=", "--quiet", "--version", "--help"]) {
  Deno.test(`help: ${option} is explained`, () => {
    assert.ok(LINES.some((line) => line.startsWith("  ") && line.includes(option)));
  });
}

Deno.test("help: it leads from an exit code to its section", async () => {
  assert.ok(LINES.some((line) => line.includes("docs/troubleshooting.md#exit-code-CODE-NAME")));
  const page = await Deno.readTextFile(new URL("../docs/troubleshooting.md", import.meta.url));
  assert.match(page, /\(#exit-code-4-not-found\)/);
});
