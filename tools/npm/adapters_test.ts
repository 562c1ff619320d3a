// Both sources of @std must do the same: these run against the adapters and, from JSR, against std.
import assert from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";
import { TextLineStream } from "@std/streams/text-line-stream";

const SCHEMA = {
  boolean: ["help", "version"],
  string: ["_", "log-format", "add"],
  collect: ["add"],
  alias: { help: "h" },
} as const;

const NOTHING = { help: false, h: false, version: false, add: [], _: [] as string[] };

const ARGUMENTS: [args: string[], wanted: Record<string, unknown>][] = [
  [[], {}],
  [["kit://localhost:5000/a:1", "007"], { _: ["kit://localhost:5000/a:1", "007"] }],
  [["--log-format=json", "a"], { "log-format": "json", _: ["a"] }],
  [["--log-format", "json", "a"], { "log-format": "json", _: ["a"] }],
  [["--log-format=a=b"], { "log-format": "a=b" }],
  [["--log-format="], { "log-format": "" }],
  [["--log-format", "--version"], { "log-format": "", version: true }],
  [["--log-format=a", "--log-format=b"], { "log-format": "b" }],
  [["--add=1", "--add", "2"], { add: ["1", "2"] }],
  [["-h"], { help: true, h: true }],
  [["--help=false", "a"], { _: ["a"] }],
  [["--version", "a"], { version: true, _: ["a"] }],
  [["a", "--", "--version"], { _: ["a", "--version"] }],
  [["--unknown", "a", "b"], { _: ["b"] }],
  [["--no-help"], {}],
];

for (const [args, wanted] of ARGUMENTS) {
  Deno.test(`parseArgs reads ${JSON.stringify(args)}`, () => {
    const { ...parsed } = parseArgs(args, {
      ...SCHEMA,
      boolean: [...SCHEMA.boolean],
      string: [...SCHEMA.string],
      collect: [...SCHEMA.collect],
      unknown: (arg) => !arg.startsWith("-"),
    });
    assert.deepEqual(parsed, { ...NOTHING, ...wanted });
  });
}

Deno.test("parseArgs asks unknown about every word that is not declared, with key and value", () => {
  const asked: unknown[][] = [];
  parseArgs(["a", "--x", "--y=1", "--version"], {
    boolean: ["version"],
    string: ["_"],
    unknown: (...question) => void asked.push(question.filter((part) => part !== undefined)),
  });
  assert.deepEqual(asked, [["a"], ["--x", "x", true], ["--y=1", "y", "1"]]);
});

const LINES: [chunks: string[], allowCR: boolean, wanted: string[]][] = [
  [[], false, []],
  [["a\nb\n"], false, ["a", "b"]],
  [["a\r\nb"], false, ["a", "b"]],
  [["a\r", "\nb"], false, ["a", "b"]],
  [["a", "b", "c\n\nd"], false, ["abc", "", "d"]],
  [["a\rb\n"], false, ["a\rb"]],
  [["a\rb\n"], true, ["a", "b"]],
  [["a\r", "\nb\r"], true, ["a", "b"]],
  [["\n"], false, [""]],
];

for (const [chunks, allowCR, wanted] of LINES) {
  const name = `TextLineStream splits ${JSON.stringify(chunks)}${allowCR ? " with allowCR" : ""}`;
  Deno.test(name, async () => {
    const lines = ReadableStream.from(chunks).pipeThrough(new TextLineStream({ allowCR }));
    assert.deepEqual(await Array.fromAsync(lines), wanted);
  });
}
