import assert from "node:assert/strict";
import { ProtocolError } from "../../lib/http_head.ts";
import { Connection } from "../../lib/registry/connection.ts";

/** A socket that gives these packets and then ends, and keeps what is sent, at most `most` bytes at a time. */
class FakeSocket {
  sent = "";
  closes = 0;
  readonly #packets: Uint8Array[];
  readonly #most: number;

  constructor(packets: string[], most = Infinity) {
    this.#packets = packets.map((text) =>
      Uint8Array.from(text, (character) => character.charCodeAt(0))
    );
    this.#most = most;
  }

  read(view: Uint8Array): Promise<number | null> {
    const packet = this.#packets.shift();
    if (packet === undefined) return Promise.resolve(null);
    const part = packet.subarray(0, view.byteLength);
    view.set(part);
    if (part.byteLength < packet.byteLength) {
      this.#packets.unshift(packet.subarray(part.byteLength));
    }
    return Promise.resolve(part.byteLength);
  }

  write(bytes: Uint8Array): Promise<number> {
    const part = bytes.subarray(0, this.#most);
    this.sent += new TextDecoder().decode(part);
    return Promise.resolve(part.byteLength);
  }

  close(): void {
    if (++this.closes > 1) throw new Deno.errors.BadResource("closed");
  }
}

function talk(...packets: string[]) {
  const socket = new FakeSocket(packets);
  return { socket, connection: new Connection(socket as unknown as Deno.Conn) };
}

/** The next `length` bytes of a body, or what there is of them. */
async function read(connection: Connection, length: number): Promise<string> {
  const view = new Uint8Array(length);
  let count = 0;
  await connection.fill(view, (more) => count += more);
  return new TextDecoder().decode(view.subarray(0, count));
}

const URL_ = new URL("http://r.test:5000/v2/a%20b/blobs/x?y=z&w='#part");

Deno.test("connection: a request, also where the socket takes a few bytes at a time", async () => {
  const socket = new FakeSocket([], 7);
  await new Connection(socket as unknown as Deno.Conn).send(URL_, {
    Range: "bytes=0-1",
    Authorization: "Bearer abc",
  });
  assert.equal(
    socket.sent,
    "GET /v2/a%20b/blobs/x?y=z&w=%27 HTTP/1.1\r\nHost: r.test:5000\r\nRange: bytes=0-1\r\n" +
      "Authorization: Bearer abc\r\n\r\n",
  );
});

for (
  const [name, headers] of [
    ["a line break in a value", { Range: "bytes=0-1\r\nHost: other" }],
    ["a line feed in a value", { Range: "bytes=0-1\nHost: other" }],
    ["a line break in a name", { "Range: x\r\nHost": "other" }],
    ["a zero byte", { Range: "\0" }],
    ["what is not ASCII", { Range: "é" }],
  ] as const
) {
  Deno.test(`connection: ${name} is not sent`, async () => {
    const { socket, connection } = talk();
    await assert.rejects(connection.send(URL_, headers as Record<string, string>), ProtocolError);
    assert.equal(socket.sent, "");
  });
}

Deno.test("connection: two answers, their bodies partly with the head and partly behind it", async () => {
  const { connection } = talk(
    "HTTP/1.1 206 Partial\r\nContent-Length: 10\r\nX-Name: \t caf\xe9\x80 \r\n\r\n012",
    "3456",
    "789",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab",
  );
  await connection.send(URL_, {});
  const { status, headers, length } = (await connection.head())!;
  assert.deepEqual([status, length, headers.get("X-Name")], [206, 10, "caf\xe9\x80"]);
  assert.equal(await read(connection, 4), "0123");
  assert.deepEqual([connection.isReading, connection.isIdle], [true, false]);
  assert.equal(await read(connection, 100), "456789");
  assert.deepEqual([connection.isReading, connection.isIdle], [false, true]);
  await connection.send(URL_, {});
  assert.equal(connection.isIdle, false, "nobody may use it before the answer has come");
  assert.equal((await connection.head())!.status, 200);
  assert.equal(await read(connection, 2), "ab");
  assert.equal(connection.isIdle, true);
});

Deno.test("connection: a body that ends too early", async () => {
  const { connection } = talk("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n012", "34");
  await connection.head();
  assert.equal(await read(connection, 10), "01234");
  assert.deepEqual([connection.isReading, connection.isIdle], [false, false]);
});

const LAST: [name: string, answer: string][] = [
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab"],
  ["Connection: close", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nab"],
  [
    "close among others",
    "HTTP/1.1 200 OK\r\nConnection: foo\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\nab",
  ],
  ["more bytes than it said", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"],
];

for (const [name, answer] of LAST) {
  Deno.test(`connection: after ${name} nothing more is asked`, async () => {
    const { connection } = talk(answer);
    await connection.head();
    assert.equal(await read(connection, 5), "ab");
    assert.equal(connection.isIdle, false);
  });
}

const INTERIM = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";

Deno.test("connection: what comes before the answer is passed over", async () => {
  const { connection } = talk(
    "HTTP/1.1 100 Continue\r\n\r\n" + INTERIM,
    "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
  );
  assert.deepEqual((await connection.head())!.status, 200);
  assert.equal(connection.isIdle, true);
});

const UNKNOWN_LENGTH: [name: string, head: string][] = [
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"],
  ["chunks and a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"],
  ["no length", "HTTP/1.1 200 OK"],
  ["an empty length", "HTTP/1.1 200 OK\r\nContent-Length:"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5"],
  ["a length with a sign", "HTTP/1.1 200 OK\r\nContent-Length: +5"],
  ["a length past what is exact", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999"],
  ["a length in hexadecimal", "HTTP/1.1 200 OK\r\nContent-Length: 0x5"],
  ["a status that has no body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5"],
];

for (const [name, head] of UNKNOWN_LENGTH) {
  Deno.test(`connection: an answer with ${name} has no length, and is the last`, async () => {
    const { connection } = talk(`${head}\r\n\r\nhello`);
    const { status, length } = (await connection.head())!;
    assert.deepEqual([status, length], [Number(head.slice(9, 12)), undefined]);
    assert.equal(connection.isIdle, false);
  });
}

const NO_HTTP: [name: string, text: string][] = [
  ["what is no HTTP", "\x15\x03\x01 hello\r\n\r\n"],
  ["HTTP/2", "HTTP/2.0 200 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["status 999", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"],
  ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"],
  ["a header without a colon", "HTTP/1.1 200 OK\r\nhello\r\n\r\n"],
  ["a header with a space in its name", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"],
  ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"],
  ["a CR in a header", "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n"],
  ["a zero byte in a header", "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"],
  ["answers before the answer without end", INTERIM.repeat(1000)],
];

for (const [name, text] of NO_HTTP) {
  Deno.test(`connection: ${name} is no answer`, async () => {
    const { connection } = talk(text);
    await assert.rejects(connection.head(), ProtocolError);
    assert.equal(connection.isIdle, false);
  });
}

Deno.test("connection: one that is closed before an answer has none", async () => {
  assert.equal(await talk().connection.head(), undefined);
  assert.equal(await talk(INTERIM).connection.head(), undefined);
});

Deno.test("connection: of a body that nobody wants only what is there is dropped", async () => {
  const { connection } = talk("HTTP/1.1 307 Moved\r\nContent-Length: 5\r\n\r\nabc", "de");
  await connection.head();
  connection.skip();
  assert.equal(connection.isIdle, false);
  assert.equal(await read(connection, 5), "de");
  const all = talk("HTTP/1.1 307 Moved\r\nContent-Length: 3\r\n\r\nabc").connection;
  await all.head();
  all.skip();
  assert.equal(all.isIdle, true);
});

Deno.test("connection: closed twice", () => {
  const { socket, connection } = talk();
  connection.close();
  connection.close();
  assert.deepEqual([socket.closes, connection.isIdle, connection.isReading], [2, false, false]);
});
