import assert from "node:assert/strict";
import { HeadReader, ProtocolError } from "../lib/http_head.ts";

/** A connection that gives these packets, one with each read, and then ends. */
function packets(...texts: string[]) {
  const left = texts.map((text) => Uint8Array.from(text, (character) => character.charCodeAt(0)));
  return {
    read(view: Uint8Array): Promise<number | null> {
      const packet = left.shift();
      if (packet === undefined) return Promise.resolve(null);
      const part = packet.subarray(0, view.byteLength);
      view.set(part);
      if (part.byteLength < packet.byteLength) left.unshift(packet.subarray(part.byteLength));
      return Promise.resolve(part.byteLength);
    },
  };
}

const FIRST = "HTTP/1.1 200 OK\r\nA: b\r\nC: \xe9\x80";
const SECOND = "HTTP/1.1 404 Not Found\r\nD:";
const BOTH = `${FIRST}\r\n\r\n${SECOND}\r\n\r\n`;

for (const size of [1, 2, 3, 4, 7, BOTH.length]) {
  Deno.test(`heads: two of them in packets of ${size} bytes`, async () => {
    const reader = new HeadReader(packets(...BOTH.match(new RegExp(`[^]{1,${size}}`, "g"))!));
    assert.deepEqual([await reader.next(), await reader.next()], [FIRST, SECOND]);
    assert.equal(await reader.next(), undefined);
  });
}

Deno.test("heads: what came behind one is handed out in parts, and then the next head is found", async () => {
  const body = "body\n\n with \r\n\r\n line breaks";
  const reader = new HeadReader(packets(`${FIRST}\r\n\r\n${body}${SECOND}\r\n`, "\r\n"));
  await reader.next();
  assert.equal(reader.ahead, body.length + SECOND.length + 2);
  let text = "";
  for (const length of [3, body.length - 3]) {
    const view = new Uint8Array(length);
    assert.equal(reader.take(view), length);
    text += new TextDecoder().decode(view);
  }
  assert.equal(text, body);
  assert.equal(await reader.next(), SECOND);
  assert.equal(reader.ahead, 0);
  assert.equal(reader.take(new Uint8Array(5)), 0);
});

Deno.test("heads: of bytes that came behind one no more are handed out than there are", async () => {
  const reader = new HeadReader(packets(`${FIRST}\r\n\r\nabc`));
  await reader.next();
  const view = new Uint8Array(5);
  assert.equal(reader.take(view), 3);
  assert.deepEqual([...view], [97, 98, 99, 0, 0]);
});

Deno.test("heads: what an earlier head left in the buffer is no part of the next", async () => {
  const long = `X: ${"y".repeat(1000)}\r\nZ: z`;
  const reader = new HeadReader(packets(`${long}\r\n\r\n`, "A: b\r\n", "\r\n"));
  assert.equal(await reader.next(), long);
  assert.equal(await reader.next(), "A: b");
});

const ODD: [name: string, text: string][] = [
  ["lines that end with LF alone", "HTTP/1.1 200 OK\nA: b\n\n"],
  ["one line that ends with LF alone", "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n"],
  ["an LF in front", "\nHTTP/1.1 200 OK\r\n\r\n"],
  ["33 KiB without an end", "x".repeat(33 * 1024)],
];

for (const [name, text] of ODD) {
  Deno.test(`heads: ${name} is nothing to wait for`, async () => {
    await assert.rejects(new HeadReader(packets(text)).next(), ProtocolError);
  });
}

Deno.test("heads: one of 32 KiB is read", async () => {
  const head = `A: ${"x".repeat(32 * 1024 - 7)}`;
  assert.equal(await new HeadReader(packets(`${head}\r\n\r\n`)).next(), head);
});

Deno.test("heads: a connection that ends within one is an error, and no other protocol", async () => {
  await assert.rejects(
    new HeadReader(packets("HTTP/1.1 200 OK\r\nA:")).next(),
    (error) => error instanceof TypeError && !(error instanceof ProtocolError),
  );
});
