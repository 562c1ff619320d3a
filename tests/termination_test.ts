import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure, type FailureName, OUTCOMES } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";
import {
  MAX_MESSAGE_BYTES,
  type Report,
  sentenceOf,
  terminationMessage,
  writeTermination,
} from "../lib/termination.ts";
import { TestFolder } from "./support/folder.ts";

function parse(message: string): { sentence: string; fields: Record<string, unknown> } {
  const [sentence, json, end, ...others] = message.split("\n");
  assert.deepEqual([end, others], ["", []], "it must have two lines");
  return { sentence, fields: JSON.parse(json) };
}

Deno.test("termination: a success says what was done", () => {
  const message = terminationMessage({
    sentence: "kit://h.io/a is complete",
    uri: "kit://h.io/a",
    digest: "sha256:00",
    bytes: 7,
    seconds: 1.23456,
  });
  assert.deepEqual(parse(message), {
    sentence: "kit://h.io/a is complete",
    fields: {
      status: "ok",
      code: 0,
      name: "ok",
      retryable: false,
      uri: "kit://h.io/a",
      digest: "sha256:00",
      bytes: 7,
      seconds: 1.235,
    },
  });
});

Deno.test("termination: a failure says what failed and what to do", () => {
  const failure = new Failure("auth", "Cannot sign in", { hint: "Look at it", host: "h.io" });
  assert.deepEqual(parse(terminationMessage({ failure, uri: "kit://h.io/a", seconds: 0 })), {
    sentence: "Cannot sign in. Look at it",
    fields: {
      status: "error",
      code: 3,
      name: "auth",
      retryable: false,
      uri: "kit://h.io/a",
      seconds: 0,
      host: "h.io",
      hint: "Look at it",
    },
  });
});

for (const name of Object.keys(OUTCOMES).filter((name) => name !== "ok") as FailureName[]) {
  Deno.test(`termination: "${name}" comes with its code, and whether another try is worth it`, () => {
    const { fields } = parse(terminationMessage({ failure: new Failure(name, "x"), seconds: 0 }));
    const { code, retryable } = OUTCOMES[name];
    assert.deepEqual([fields.status, fields.name, fields.code, fields.retryable], [
      "error",
      name,
      code,
      retryable,
    ]);
  });
}

Deno.test("termination: no secret and no signature is in it", () => {
  new Secret("open-sesame");
  const failure = new Failure("auth", "It said open-sesame at https://s3.test/x?sig=00ff", {
    hint: "Not open-sesame",
    host: "open-sesame.io",
  });
  const report = { failure, uri: "kit://me:open-sesame@h.io/a", seconds: 0 };
  assert.doesNotMatch(terminationMessage(report) + sentenceOf(report), /sesame|00ff/);
  assert.doesNotMatch(sentenceOf({ sentence: "open-sesame", seconds: 0 }), /sesame/);
});

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 2000 }),
  fc.constantFrom("\0", "😀", "\ud800", "\u2028", "\n", '"', "\x1b[2J", "é", "日").map((part) =>
    part.repeat(2000)
  ),
);
const report: fc.Arbitrary<Report> = fc.record({
  failure: fc.option(
    fc.tuple(text, fc.record({ hint: text, host: text })).map(([message, options]) =>
      new Failure("unavailable", message, options)
    ),
    { nil: undefined },
  ),
  sentence: text,
  uri: text,
  digest: fc.stringMatching(/^[a-f0-9]{128}$/).map((hex) => `sha512:${hex}`),
  bytes: fc.maxSafeNat(),
  seconds: fc.double({ min: 0, max: 1e9, noNaN: true }),
});

Deno.test("termination: whatever was said, it fits, has two lines, and the second is JSON", () => {
  fc.assert(
    fc.property(report, (report) => {
      const message = terminationMessage(report);
      const bytes = new TextEncoder().encode(message).length;
      assert.ok(bytes <= MAX_MESSAGE_BYTES, `it has ${bytes} bytes`);
      const { sentence, fields } = parse(message);
      assert.equal(fields.status, report.failure === undefined ? "ok" : "error");
      assert.doesNotMatch(sentence, /\p{Cc}|[\u2028\u2029]/u, "it must not steer a terminal");
      assert.ok(message.isWellFormed());
    }),
    { numRuns: 300 },
  );
});

Deno.test("termination: a file that is there is written in place, since it is a mount", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ log: "a much longer message of an earlier run" });
  const { ino } = await Deno.stat(folder.at("log"));
  await writeTermination("new\n", folder.at("log"));
  assert.equal(await folder.read("log"), "new\n");
  assert.equal((await Deno.stat(folder.at("log"))).ino, ino);
});

Deno.test("termination: a file that was asked for is made", async () => {
  await using folder = await TestFolder.create();
  await writeTermination("new\n", folder.at("log"));
  assert.equal(await folder.read("log"), "new\n");
});
