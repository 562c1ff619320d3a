import assert from "node:assert/strict";
import fc from "fast-check";
import { LOG_LEVELS } from "../lib/log.ts";
import { Secret } from "../lib/secret.ts";
import { recordLog } from "./support/recorded_log.ts";

const TIME = "2026-01-02T03:04:05.678Z";

Deno.test("log: a text line has time, level, message and fields", () => {
  const { log, lines } = recordLog();
  log.info("Unpacking", { uri: "kit://h.io/a", code: 7 });
  log.warn("Look out");
  assert.deepEqual(lines, [
    `${TIME} INFO  Unpacking uri=kit://h.io/a code=7`,
    `${TIME} WARN  Look out`,
  ]);
});

Deno.test("log: text repeats nothing that the message says, and has no numbers that are for machines", () => {
  const { log, lines } = recordLog();
  log.info("Unpacking kit://h.io/a", {
    uri: "kit://h.io/a",
    path: "/b",
    bytes: 7,
    retryable: false,
  });
  assert.deepEqual(lines, [`${TIME} INFO  Unpacking kit://h.io/a path=/b`]);
});

Deno.test("log: it can say whether a line would be shown", () => {
  const { log } = recordLog({ level: "warn" });
  assert.deepEqual(LOG_LEVELS.map((level) => log.isShown(level)), [false, false, true, true]);
});

Deno.test("log: a text field with blanks or quotes in it is quoted", () => {
  const { log, lines } = recordLog();
  log.info("x", { path: "/a b", hint: 'say "a=b"', source: "a=b" });
  assert.deepEqual(lines, [
    `${TIME} INFO  x path="/a b" hint="say \\"a=b\\"" source="a=b"`,
  ]);
});

Deno.test("log: a JSON line has the same, for machines", () => {
  const { log, lines } = recordLog({ format: "json" });
  log.error('It said "no"', { uri: "kit://h.io/a", bytes: 7, digest: undefined });
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    { time: TIME, level: "error", message: 'It said "no"', uri: "kit://h.io/a", bytes: 7 },
  ]);
});

for (const [index, level] of LOG_LEVELS.entries()) {
  Deno.test(`log: with the level ${level} nothing below it is shown`, () => {
    const { log, lines } = recordLog({ level, format: "json" });
    for (const one of LOG_LEVELS) log[one]("x");
    assert.deepEqual(lines.map((line) => JSON.parse(line).level), LOG_LEVELS.slice(index));
  });
}

for (const format of ["text", "json"] as const) {
  Deno.test(`log: a field that is not on the list shows nothing, as ${format}`, () => {
    const { log, lines } = recordLog({ format });
    log.info("x", { headers: "hidden-value", password: "hidden-value", count: 123456 });
    assert.equal(lines.length, 1);
    assert.doesNotMatch(lines[0], /hidden-value|123456/);
    assert.match(lines[0], /password"?[=:]"?\*\*\*/);
  });

  Deno.test(`log: a secret in a message or a field is redacted, as ${format}`, () => {
    new Secret('open "sesame"\n');
    const { log, lines } = recordLog({ format });
    log.info('it is open "sesame"\n', { hint: 'or open "sesame"\n' });
    assert.doesNotMatch(lines[0], /sesame/);
  });

  Deno.test(`log: nothing in a message or a field can forge a line or steer a terminal, as ${format}`, () => {
    const hostile = fc.array(
      fc.oneof(
        fc.constantFrom(
          "\n",
          "\r",
          "\x1b[2J",
          "\x1b]0;",
          "\x9b",
          "\u2028",
          "\u2029",
          "\u202e",
          "\u2067",
          "\x7f",
          "\b",
          "\v",
        ),
        fc.string({ unit: "binary" }),
      ),
    ).map((parts) => parts.join(""));
    fc.assert(
      fc.property(hostile, hostile, (message, value) => {
        const { log, lines } = recordLog({ format });
        log.info(message, { path: value });
        assert.equal(lines.length, 1);
        assert.doesNotMatch(lines[0], /[^\P{Cc}\t]|[\u2028\u2029\p{Bidi_Control}]/u);
        if (format === "json") {
          assert.deepEqual(Object.keys(JSON.parse(lines[0])).slice(0, 2), ["time", "level"]);
        }
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("log: what was replaced can still be read", () => {
  const { log, lines } = recordLog();
  log.info("one\ntwo\x1b[31m\tthree");
  assert.deepEqual(lines, [`${TIME} INFO  one\\u000atwo\\u001b[31m\tthree`]);
});
