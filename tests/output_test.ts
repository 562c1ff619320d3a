import assert from "node:assert/strict";
import { Output } from "../lib/output.ts";

/** A reader that takes what it is allowed to. */
class Reader {
  text = "";
  #open = Promise.withResolvers<void>();
  readonly #most: number;

  constructor(most = Infinity) {
    this.#most = most;
  }

  /** From now on it reads. */
  start(): void {
    this.#open.resolve();
  }

  write = async (bytes: Uint8Array): Promise<number> => {
    await this.#open.promise;
    const taken = bytes.subarray(0, this.#most);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  };
}

Deno.test("output: lines are written in order, also by a stream that takes 3 bytes at a time", async () => {
  const reader = new Reader(3);
  reader.start();
  const output = new Output(reader.write);
  output.write("first\n");
  output.write("second\n");
  await output.drain();
  output.write("third\n");
  await output.drain();
  assert.equal(reader.text, "first\nsecond\nthird\n");
});

Deno.test("output: nobody reads: neither a line nor the end waits for them", async () => {
  const output = new Output(new Reader().write);
  output.write("unread\n");
  const started = performance.now();
  await output.drain(50);
  const waited = performance.now() - started;
  assert.ok(waited >= 45 && waited < 1500, `it waited ${waited} ms`);
});

Deno.test("output: what is too much is dropped, and the reader is told how much", async () => {
  const reader = new Reader();
  const output = new Output(reader.write);
  const line = "x".repeat(1023) + "\n";
  for (let count = 0; count < 5000; count++) output.write(line);
  reader.start();
  await output.drain();
  const lines = reader.text.trimEnd().split("\n");
  const [, dropped] = lines.at(-1)!.match(
    /^\S+Z WARN {2}(\d+) lines were dropped: nobody read the log$/,
  )!;
  assert.equal(lines.length - 1 + Number(dropped), 5000);
  assert.ok(reader.text.length < 1024 * 1024 + 4096, `${reader.text.length} characters were kept`);
  output.write("again\n");
  await output.drain();
  assert.ok(reader.text.endsWith("\nagain\n"), "what comes later is read");
});

Deno.test("output: a stream that is closed is no mistake", async () => {
  const output = new Output(() => Promise.reject(new Deno.errors.BrokenPipe()));
  output.write("one\n");
  await output.drain();
  output.write("two\n");
  await output.drain();
});
