import assert from "node:assert/strict";
import { writeMessage } from "../lib/announce.ts";
import { Log } from "../lib/log.ts";
import { TestFolder } from "./support/folder.ts";

function world() {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => new Date(0) };
  return { lines, log: new Log({ format: "text", level: "info", sink }) };
}

Deno.test("announce: a termination log that cannot be written is a warning that names it", async () => {
  await using folder = await TestFolder.create();
  const { lines, log } = world();
  const path = folder.at("nowhere/log");
  await writeMessage({ sentence: "done", seconds: 1 }, path, log);
  assert.equal(lines.length, 1);
  assert.match(lines[0], / WARN {2}Cannot write the termination message: No such file/);
  assert.ok(lines[0].includes(path), lines[0]);
});
