import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import type { Finding } from "../../lib/doctor/finding.ts";
import { Report, type ReportOptions } from "../../lib/doctor/report.ts";
import { Secret } from "../../lib/secret.ts";

const URI = "kit://registry.example.com/team/a-model-with-a-long-name:v1.0.0";
const LONG: Finding = {
  check: "manifest",
  status: "fail",
  message: `Cannot find sha256:${
    "ab".repeat(32)
  } in "registry.example.com/team/a-model": it is not there`,
  hint: "Check the digest in the URI, or name a tag in its place, of which there are many",
  failure: new Failure("not found", "Cannot find it"),
  uri: URI,
};
const OK: Finding = { check: "dns", status: "ok", message: "it has one", host: "a.example.com" };
const WARN: Finding = {
  check: "private files",
  status: "warn",
  message: "Somewhere else",
  hint: "Look",
};
const COUNTS = { ok: 1, warn: 1, fail: 1, skip: 0 };

function written(options: Partial<ReportOptions>, findings = [WARN, OK, LONG]): string {
  let text = "";
  const report = new Report({
    format: "text",
    write: (more) => text += more,
    isTerminal: false,
    variables: {},
    ...options,
  });
  for (const finding of findings) report.show(finding);
  const { failure } = findings.at(-1)!;
  report.end({ failure, counts: COUNTS, seconds: 1.23456 });
  return text;
}

// deno-lint-ignore no-control-regex
const plain = (text: string) => text.replaceAll(/\x1b\[\d*m/g, "");

Deno.test("doctor's report: to a file each finding is one line, below whom it is about", () => {
  assert.equal(
    written({}),
    `This container
  warn  private files  Somewhere else. Look

a.example.com
  ok    dns            it has one

${URI}
  fail  manifest       ${LONG.message}. ${LONG.hint}

1 ok, 1 warn, 1 fail, 0 skip in 1.2 s
Begin with the first failure: a run ends with exit code 4 (not found)
`,
  );
});

Deno.test("doctor's report: on a terminal no line is longer than 80 characters, and words are whole", () => {
  const lines = plain(written({ isTerminal: true })).split("\n");
  for (const line of lines) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  const joined = lines.join("\n").replaceAll(
    /\n {23}(→ )?( {2})?/g,
    (_, arrow) => arrow ? "|" : " ",
  );
  // The digest alone is longer than what is left of a line.
  assert.ok(joined.replaceAll(" ", "").includes(LONG.message.replaceAll(" ", "")));
  assert.ok(joined.includes(`|${LONG.hint}`), joined);
});

Deno.test("doctor's report: on a terminal messages begin below each other, hints behind an arrow", () => {
  const lines = plain(written({ isTerminal: true }, [WARN])).split("\n");
  assert.deepEqual(lines.slice(1, 3), [
    "  warn  private files  Somewhere else",
    "                       → Look",
  ]);
});

const COLOURS: [
  name: string,
  variables: Record<string, string>,
  isTerminal: boolean,
  is: boolean,
][] = [
  ["on a terminal", { TERM: "xterm" }, true, true],
  ["with an empty NO_COLOR", { NO_COLOR: "" }, true, true],
  ["not with NO_COLOR", { NO_COLOR: "1" }, true, false],
  ["not on a terminal without colours", { TERM: "dumb" }, true, false],
  ["not in a file", { TERM: "xterm" }, false, false],
];
for (const [name, variables, isTerminal, isColoured] of COLOURS) {
  Deno.test(`doctor's report: colours ${name}`, () => {
    assert.equal(written({ variables, isTerminal }).includes("\x1b[31m"), isColoured);
  });
}

Deno.test("doctor's report: as JSON an object a line, and the exit code in the last one", () => {
  const lines = written({ format: "json", isTerminal: true }).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { check: "private files", status: "warn", message: "Somewhere else", hint: "Look" },
    { check: "dns", status: "ok", message: "it has one", host: "a.example.com" },
    {
      ...{ check: "manifest", status: "fail", message: LONG.message, hint: LONG.hint },
      ...{ code: 4, name: "not found", uri: URI },
    },
    { status: "error", code: 4, name: "not found", seconds: 1.235, ...COUNTS },
  ]);
});

for (const format of ["text", "json"] as const) {
  Deno.test(`doctor's report: as ${format} it holds no secret, and nothing steers a terminal`, () => {
    new Secret("horse-of-the-report");
    const message = "horse-of-the-report\x1b[2J\nforged";
    const host = "horse-of-the-report\x1b";
    const text = written({ format }, [{ check: "dns", status: "ok", message, host }]);
    assert.ok(!text.includes("horse-of-the-report"));
    assert.ok(!text.includes("\x1b") && !text.includes("\nforged"));
  });
}
