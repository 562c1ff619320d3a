// The report of `doctor` as a program reads it.
import assert from "node:assert/strict";
import type { Ended } from "./program.ts";
import type { TestWorld } from "./world.ts";

/** One line of the report. */
export interface Line {
  check: string;
  status: "ok" | "warn" | "fail" | "skip";
  message: string;
  hint?: string;
  code?: number;
  host?: string;
  uri?: string;
  destination?: string;
}

export interface Diagnosis {
  ended: Ended;
  lines: Line[];
  /** The last line. */
  verdict: { status: string; code: number; name: string; seconds: number; fail: number };
}

/** Runs `doctor` against a world, as JSON. */
export async function diagnosed(
  world: TestWorld,
  args: string[],
  options: Parameters<TestWorld["run"]>[1] = {},
): Promise<Diagnosis> {
  const ended = await world.run(["--log-format=json", "doctor", ...args], options);
  const lines = ended.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const verdict = lines.pop();
  assert.equal(verdict?.code, ended.code, ended.stdout + ended.stderr);
  // The report is on standard output alone. Deno 2.6 has a word to say about itself when a name is looked up.
  assert.match(ended.stderr, /^(?:.*Cannot write the termination message.*\n|.*DEP0040.*\n)?$/);
  return { ended, lines, verdict };
}
