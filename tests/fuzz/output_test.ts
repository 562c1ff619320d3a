// What people and machines get to read.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure, type FailureName, messageOf, OUTCOMES } from "../../lib/errors.ts";
import { kitFailure } from "../../lib/kit_errors.ts";
import { linesOf } from "../../lib/lines.ts";
import { redact } from "../../lib/redact.ts";
import { networkFailure } from "../../lib/registry/status.ts";
import { Secret } from "../../lib/secret.ts";
import { MAX_MESSAGE_BYTES, type Report, terminationMessage } from "../../lib/termination.ts";
import { recordLog } from "../support/recorded_log.ts";
import { fuzz, textOf } from "./fuzz.ts";

const hostile = textOf(
  ...["\n", "\r\n", "\x1b[2J", "\x9b", "\u2028", "\0", "\ud800", "😀", '"', "\\", "é", "\t", " "],
  ...["https://me:pw@h/x?sig=1", "Bearer ", "eyJ", "a.", "kit://", "{", "}"],
);
const failures = Object.keys(OUTCOMES).filter((name) => name !== "ok") as FailureName[];
const failure = fc.record({
  name: fc.constantFrom(...failures),
  message: hostile,
  hint: fc.option(hostile, { nil: undefined }),
  host: fc.option(hostile, { nil: undefined }),
});
const report: fc.Arbitrary<Report> = fc.record({
  failure: fc.option(
    failure.map(({ name, message, ...options }) => new Failure(name, message, options)),
    { nil: undefined },
  ),
  sentence: hostile,
  uri: fc.option(hostile, { nil: undefined }),
  digest: fc.stringMatching(/^sha512:[a-f0-9]{128}$/),
  bytes: fc.maxSafeNat(),
  seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
});

fuzz(
  "the termination message has two lines that fit, the second is JSON, and nothing steers a terminal",
  [report],
  (report) => {
    const message = terminationMessage(report);
    assert.ok(new TextEncoder().encode(message).length <= MAX_MESSAGE_BYTES);
    assert.ok(message.isWellFormed());
    const lines = message.split("\n");
    assert.deepEqual([lines.length, lines[2]], [3, ""]);
    assert.doesNotMatch(lines.join(""), /\p{Cc}|[\u2028\u2029]/u);
    const { status, code, name, retryable } = JSON.parse(lines[1]);
    const expected = report.failure?.outcome ?? "ok";
    assert.deepEqual({ status, code, name, retryable }, {
      status: expected === "ok" ? "ok" : "error",
      name: expected,
      code: OUTCOMES[expected].code,
      retryable: OUTCOMES[expected].retryable,
    });
  },
);

for (const format of ["text", "json"] as const) {
  fuzz(
    `a line of the log is one line, whatever is in it, as ${format}`,
    [hostile, fc.dictionary(fc.constantFrom("uri", "hint", "path", "headers"), hostile)],
    (message, fields) => {
      const { log, lines } = recordLog({ format });
      log.error(message, fields);
      assert.equal(lines.length, 1);
      assert.doesNotMatch(lines[0], /[^\P{Cc}\t]|[\u2028\u2029]/u);
      if (format === "text") return;
      const shown = JSON.parse(lines[0]);
      assert.deepEqual([shown.level, Object.keys(shown).length], [
        "error",
        3 + Object.keys(fields).length,
      ]);
    },
  );
}

fuzz(
  "what is short enough is logged as it is",
  [fc.stringMatching(/^[a-zA-Z 0-9,:()'é-]*$/)],
  (text) => {
    const { log, lines } = recordLog({ format: "json" });
    log.info(text);
    assert.equal(JSON.parse(lines[0]).message, text);
  },
);

/** Registered once: each secret stays known, and looking for a hundred takes longer than looking for one. */
const SECRETS = [
  "correct-horse-4711",
  "p@ss/w:rd?x#y%zz",
  'say "it" \\ twice',
  "line one 4711\nline two 4711\n",
  "blanks  and\ttabs 4711",
  "ünïcode-4711-😀",
  "eyJ.short.4711",
  "trailing-4711==",
  "https://inner.test/4711",
].map((text) => {
  new Secret(text);
  return text;
});
const FORMS: ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => JSON.stringify({ error: secret }),
  (secret) => btoa(String.fromCharCode(...new TextEncoder().encode(secret))),
  (secret) => encodeURIComponent(secret),
  (secret) => `${new URLSearchParams({ x: secret })}`,
  (secret) =>
    `https://me:${encodeURIComponent(secret)}@h.test/v2/?token=${encodeURIComponent(secret)}`,
];
/** Texts that hold secrets in several forms, with anything between. */
const leak = fc.array(
  fc.tuple(hostile, fc.constantFrom(...SECRETS), fc.constantFrom(...FORMS)),
  { minLength: 1, maxLength: 4 },
).map((parts) => parts.map(([before, secret, form]) => before + form(secret)).join(" "));

/** No part of a secret that would be worth anything, in plain. */
function assertSafe(shown: string): void {
  assert.doesNotMatch(shown, /4711|p@ss|say \\?"it|say%20|horse/, shown);
  for (const secret of SECRETS) {
    for (const form of FORMS.slice(0, 4)) assert.ok(!shown.includes(form(secret)), shown);
  }
}

fuzz(
  "no secret survives, wherever it stands and in whatever form",
  [leak],
  (text) => {
    assertSafe(redact(text));
    assertSafe(terminationMessage({
      failure: new Failure("kit", messageOf(new Error(text)), { hint: text, host: text }),
      uri: text,
      seconds: 1,
    }));
    const { log, lines } = recordLog();
    log.info(text, { path: text });
    assertSafe(lines[0]);
  },
  { cost: 2 },
);

fuzz(
  "no beginning of a secret survives where a long message is cut",
  [fc.constantFrom("correct-horse-4711", "ünïcode-4711-😀"), fc.integer({ min: 200, max: 700 })],
  (secret, length) => {
    const text = `${"x ".repeat(length).slice(0, length)}${secret} and more`;
    const status = { code: 1, signal: null };
    const failures = [
      kitFailure("unpack", [`[ERROR] ${text}`], { status }),
      networkFailure(new TypeError(text), "read", "registry.test"),
    ];
    for (const failure of failures) {
      assert.ok(failure instanceof Failure);
      assert.doesNotMatch(failure.message, /corr|ünï/, failure.message);
    }
  },
);

fuzz(
  "lines come as they were written, wherever the stream was cut",
  [
    fc.array(hostile, { maxLength: 4 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
  ],
  async (parts, cuts) => {
    const text = parts.join("\n").toWellFormed().replaceAll(/\r(?!\n)/g, "");
    const bytes = new TextEncoder().encode(text);
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0, index = 0; at < bytes.length; at += cuts[index++ % cuts.length]) {
      chunks.push(bytes.slice(at, at + cuts[index % cuts.length]));
    }
    const expected = text.split(/\r?\n/);
    if (expected.at(-1) === "") expected.pop();
    const lines = await Array.fromAsync(linesOf(ReadableStream.from(chunks), 10_000));
    assert.deepEqual(lines, expected.map((line) => line.slice(0, 10_000)));
  },
  { cost: 4 },
);
