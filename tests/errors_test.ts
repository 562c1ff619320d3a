import assert from "node:assert/strict";
import { asFailure, Failure, messageOf, OUTCOMES } from "../lib/errors.ts";

/** The contract, written out once more: a change here breaks what users have built on it. */
const CONTRACT: [name: string, code: number, retryable: boolean][] = [
  ["ok", 0, false],
  ["usage", 2, false],
  ["auth", 3, false],
  ["not found", 4, false],
  ["unavailable", 5, true],
  ["integrity", 6, false],
  ["destination", 7, false],
  ["kit", 8, false],
  ["timeout", 9, true],
  ["bug", 70, false],
  ["interrupt", 130, true],
  ["terminated", 143, true],
];

Deno.test("errors: the outcomes are those of the contract", () => {
  const found = Object.entries(OUTCOMES).map((
    [name, { code, retryable }],
  ) => [name, code, retryable]);
  assert.deepEqual(found, CONTRACT);
});

Deno.test("errors: a failure is transient as its outcome says", () => {
  assert.equal(new Failure("unavailable", "x").transient, true);
  assert.equal(new Failure("auth", "x").transient, false);
});

Deno.test("errors: a failure can say itself whether it is transient", () => {
  assert.equal(new Failure("unavailable", "x", { transient: false }).transient, false);
  assert.equal(new Failure("kit", "x", { transient: true }).transient, true);
});

Deno.test("errors: a failure carries what a person needs", () => {
  const cause = new Error("below");
  const failure = new Failure("auth", "Cannot sign in", { hint: "Look", host: "ghcr.io", cause });
  assert.deepEqual(
    [failure.name, failure.message, failure.outcome, failure.hint, failure.host, failure.cause],
    ["Failure", "Cannot sign in", "auth", "Look", "ghcr.io", cause],
  );
  assert.ok(failure instanceof Error);
});

Deno.test("errors: a failure stays what it is, also where cleaning up after it failed", () => {
  const failure = new Failure("auth", "Cannot sign in");
  assert.equal(asFailure(failure), failure);
  assert.equal(asFailure(new SuppressedError(new Error("cleaning"), failure)), failure);
});

Deno.test("errors: what nobody foresaw is a bug that keeps its cause", () => {
  const cause = new TypeError("x is\n not a function");
  const { outcome, message, cause: kept } = asFailure(cause);
  assert.deepEqual([outcome, kept], ["bug", cause]);
  assert.equal(message, "An error that was not foreseen: x is not a function");
});

const THROWN: [name: string, thrown: unknown, text: string][] = [
  ["an error by its message", new TypeError("bad"), "bad"],
  ["an error of several lines on one", new Error(" one\n  two\r\n\nthree \n"), "one two three"],
  ["a text by itself", "bad", "bad"],
  ["nothing by its name", undefined, "undefined"],
];
for (const [name, thrown, text] of THROWN) {
  Deno.test(`errors: messageOf says ${name}`, () => assert.equal(messageOf(thrown), text));
}
