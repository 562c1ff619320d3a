import assert from "node:assert/strict";
import fc from "fast-check";
import { linesOf } from "../lib/lines.ts";

async function read(chunks: (string | number[])[], limit = 100): Promise<string[]> {
  const bytes = chunks.map((chunk) =>
    typeof chunk === "string" ? new TextEncoder().encode(chunk) : new Uint8Array(chunk)
  );
  return await Array.fromAsync(linesOf(ReadableStream.from(bytes), limit));
}

const ROWS: [name: string, chunks: (string | number[])[], lines: string[]][] = [
  ["nothing", [], []],
  ["lines of one chunk", ["a\nb\n"], ["a", "b"]],
  ["a last line without its end", ["a\nb"], ["a", "b"]],
  ["an empty line", ["a\n\nb\n"], ["a", "", "b"]],
  ["a line over several chunks", ["a", "b", "c\nd", "\n"], ["abc", "d"]],
  ["a line end between chunks", ["a", "\n", "b"], ["a", "b"]],
  ["CRLF", ["a\r\nb\r\n"], ["a", "b"]],
  ["CRLF split between chunks", ["a\r", "\nb"], ["a", "b"]],
  ["a character split between chunks", ["a", [0xf0, 0x9f], [0x98, 0x80], "b\n"], ["a😀b"]],
  ["bytes that are no UTF-8", [[0x61, 0xff, 0x62, 0x0a]], ["a\ufffdb"]],
];
for (const [name, chunks, lines] of ROWS) {
  Deno.test(`lines: ${name}`, async () => assert.deepEqual(await read(chunks), lines));
}

const LONG: [name: string, chunks: string[], lines: string[]][] = [
  ["a line of just the limit stays", ["abcde\nx"], ["abcde", "x"]],
  ["a longer line is cut", ["abcdef\nx"], ["abcde", "x"]],
  ["a line that becomes too long over chunks is cut", ["abc", "def", "ghi\nx"], ["abcde", "x"]],
  ["a cut line ends with CRLF", ["abcdef\r\nx"], ["abcde", "x"]],
  ["each line has the whole limit", ["abcdefg\nabcdefg"], ["abcde", "abcde"]],
];
for (const [name, chunks, lines] of LONG) {
  Deno.test(`lines: ${name}`, async () => assert.deepEqual(await read(chunks, 5), lines));
}

Deno.test("lines: a line that never ends does not fill the memory", async () => {
  const chunk = new Uint8Array(64 * 1024).fill(0x61);
  let sent = 0;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      // 256 MiB, so that keeping it all would be seen.
      if (sent++ < 4096) controller.enqueue(chunk.slice());
      else controller.close();
    },
  });
  const [line, ...others] = await Array.fromAsync(linesOf(endless, 1000));
  assert.deepEqual([line.length, others], [1000, []]);
});

Deno.test("lines: borders of chunks do not matter", async () => {
  const text = fc.array(fc.constantFrom("a", "é", "😀", "\n", "\r\n")).map((parts) =>
    parts.join("")
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
  await fc.assert(fc.asyncProperty(text, cuts, async (text, cuts) => {
    const bytes = new TextEncoder().encode(text);
    const chunks: number[][] = [];
    for (let index = 0, cut = 0; index < bytes.length; cut++) {
      const size = cuts[cut % cuts.length];
      chunks.push([...bytes.slice(index, index + size)]);
      index += size;
    }
    const expected = text.split(/\r?\n/);
    if (expected.at(-1) === "") expected.pop();
    assert.deepEqual(await read(chunks), expected);
  }));
});

Deno.test("lines: what comes while the reader rests is one piece, and its lines come together", async () => {
  const chunks = ["a\n", "b\n", "c\n", "d\n"].map((text) => new TextEncoder().encode(text));
  let pulls = 0;
  const bytes = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const chunk = chunks[pulls++];
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
  const rests: (() => void)[] = [];
  const rest = () => new Promise<void>((resolve) => rests.push(resolve));
  const lines = linesOf(bytes, 100, undefined, rest).getReader();
  assert.equal((await lines.read()).value, "a");
  const next = lines.read();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.ok(pulls <= 2, "it reads on while it rests");
  assert.equal(rests.length, 1);
  rests[0]();
  assert.equal((await next).value, "b");
  for (const expected of ["c", "d", undefined]) {
    rests.at(-1)!();
    assert.equal((await lines.read()).value, expected);
  }
});

Deno.test("lines: after a piece of some size the reader does not rest", async () => {
  const bytes = ReadableStream.from([new Uint8Array(8192).fill(10), new Uint8Array([10])]);
  let rests = 0;
  const rest = () => Promise.resolve(void rests++);
  assert.equal((await Array.fromAsync(linesOf(bytes, 100, undefined, rest))).length, 8193);
  assert.equal(rests, 1);
});
