import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type ProxyRequest,
  type Responder,
  serveConnection,
} from "../../lib/transfer/http_server.ts";
import { parseAnswer, RawConnection } from "../support/raw_http.ts";

type Handle = (request: ProxyRequest, respond: Responder) => Promise<void>;

/** What a server of one connection sees and sends, until it hangs up. */
async function exchange(client: (connection: RawConnection) => Promise<string>, handle?: Handle) {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: ProxyRequest[] = [];
  const serving = (async () => {
    const connection = await listener.accept();
    try {
      await serveConnection(connection, async (request, respond) => {
        requests.push(request);
        if (handle !== undefined) return await handle(request, respond);
        const body = new TextEncoder().encode(request.url.pathname);
        await respond.head(200, { "X-Number": `${requests.length}` }, body.byteLength);
        await respond.write(body);
      });
    } catch {
      // That is the end of the connection, which the client sees.
    } finally {
      connection.close();
    }
  })();
  using connection = await RawConnection.to(listener.addr.port);
  const answer = await client(connection);
  connection[Symbol.dispose]();
  await serving;
  return { requests, answer };
}

const sending = (...packets: string[]) => async (connection: RawConnection) => {
  for (const packet of packets) {
    await connection.send(packet);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return await connection.rest();
};

const GET = (path: string, ...headers: string[]) =>
  [`GET http://ghcr.io${path} HTTP/1.1`, "Host: ghcr.io", ...headers, "", ""].join("\r\n");
const CLOSE = "Connection: close";

Deno.test("http server: a request in absolute form, and its answer", async () => {
  const { requests, answer } = await exchange(
    sending(GET("/v2/a?b=c", "Proxy-Authorization:  Basic eDp5 ", "Empty:", CLOSE)),
  );
  const [{ method, url, headers }] = requests;
  assert.equal(method, "GET");
  assert.equal(url.href, "http://ghcr.io/v2/a?b=c");
  assert.equal(headers.get("proxy-authorization"), "Basic eDp5");
  assert.equal(headers.get("empty"), "");
  assert.equal(
    answer,
    "HTTP/1.1 200 OK\r\nX-Number: 1\r\nContent-Length: 5\r\n\r\n/v2/a",
  );
});

for (const [name, size] of [["single bytes", 1], ["three bytes", 3]] as const) {
  Deno.test(`http server: a head in packets of ${name}`, async () => {
    const packets = GET("/split", CLOSE).match(new RegExp(`[^]{1,${size}}`, "g"))!;
    const { answer } = await exchange(sending(...packets));
    assert.equal(parseAnswer(answer).body, "/split");
  });
}

Deno.test("http server: pipelined requests are answered in their order", async () => {
  const { answer } = await exchange(sending(GET("/1") + GET("/2") + GET("/3", CLOSE)));
  assert.deepEqual(answer.split("HTTP/1.1 ").map((text) => text.slice(-2)).slice(1), [
    "/1",
    "/2",
    "/3",
  ]);
});

Deno.test("http server: a second request on the same connection, half of it with the first", async () => {
  const second = GET("/2", CLOSE);
  const { requests, answer } = await exchange(async (connection) => {
    await connection.send(GET("/1") + second.slice(0, 9));
    assert.match(await connection.until("/1"), /\/1$/);
    await connection.send(second.slice(9));
    return await connection.rest();
  });
  assert.equal(requests.length, 2);
  assert.equal(parseAnswer(answer).body, "/2");
});

for (const host of ["ghcr.io", "ghcr.io:80", "localhost:5000", "[::1]:443"]) {
  Deno.test(`http server: the host "${host}" is kept as it is named`, async () => {
    const head = `GET http://${host}/v2/ HTTP/1.1\r\n${CLOSE}\r\n\r\n`;
    const { requests } = await exchange(sending(head));
    assert.deepEqual(requests.map((request) => request.host), [host]);
  });
}

const BAD: [name: string, text: string][] = [
  ["a body with its length", GET("/x", "Content-Length: 5") + "hello"],
  ["a body in chunks", GET("/x", "Transfer-Encoding: chunked") + "0\r\n\r\n"],
  ["a path where a URL belongs", "GET /v2/ HTTP/1.1\r\nHost: ghcr.io\r\n\r\n"],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["no version", "GET http://ghcr.io/\r\n\r\n"],
  ["an empty line", "\r\n\r\n"],
  ["what is no HTTP", "\x16\x03\x01 hello\r\n\r\n"],
];

for (const [name, text] of BAD) {
  Deno.test(`http server: ${name} is a bad request, and the end of the connection`, async () => {
    const { requests, answer } = await exchange(sending(text + GET("/after")));
    assert.equal(parseAnswer(answer).status, 400);
    assert.deepEqual(requests, []);
    assert.ok(!answer.includes("/after"));
  });
}

Deno.test("http server: a head of more than 32 KiB ends the connection without an answer", async () => {
  const { requests, answer } = await exchange(
    async (connection) => {
      await connection.send(GET("/x", `Long: ${"x".repeat(40_000)}`)).catch(() => {});
      return await connection.rest();
    },
  );
  assert.deepEqual([requests.length, answer], [0, ""]);
});

Deno.test("http server: a client that hangs up in the middle of a head is no request", async () => {
  const { requests } = await exchange(async (connection) => {
    await connection.send("GET http://ghcr.io/ HT");
    return "";
  });
  assert.deepEqual(requests, []);
});

/** A connection that asks once and then hangs up, and keeps each write apart. */
function recorded(request: string) {
  const writes: string[] = [];
  const packets: (Uint8Array | null)[] = [new TextEncoder().encode(request), null];
  const connection = {
    read: (view: Uint8Array) => {
      const packet = packets.shift() ?? null;
      if (packet !== null) view.set(packet);
      return Promise.resolve(packet?.byteLength ?? null);
    },
    write: (bytes: Uint8Array) => {
      writes.push(Buffer.from(bytes).toString("latin1"));
      return Promise.resolve(bytes.byteLength);
    },
  };
  return { writes, connection: connection as unknown as Deno.TcpConn };
}

const HEAD = (length: number) => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
const LARGE = "x".repeat(128 * 1024 + 1);
const WRITES: [name: string, bodies: string[], writes: string[]][] = [
  ["a head without a body is sent when the request is done", [], [HEAD(0)]],
  ["a small body leaves with its head", ["small"], [HEAD(5) + "small"]],
  ["only the first part leaves with the head", ["one", "two"], [HEAD(6) + "one", "two"]],
  ["a large body is not copied", [LARGE], [HEAD(LARGE.length), LARGE]],
];

for (const [name, bodies, expected] of WRITES) {
  Deno.test(`http server: ${name}`, async () => {
    const { writes, connection } = recorded(GET("/x"));
    await serveConnection(connection, async (_, respond) => {
      await respond.head(200, {}, bodies.join("").length);
      assert.deepEqual(writes, []);
      for (const body of bodies) await respond.write(new TextEncoder().encode(body));
    });
    assert.deepEqual(writes, expected);
  });
}

Deno.test("http server: what is written with its head may be used again when it is done", async () => {
  const { writes, connection } = recorded(GET("/x"));
  await serveConnection(connection, async (_, respond) => {
    const body = new TextEncoder().encode("small");
    await respond.head(200, {}, 10);
    for (let count = 0; count < 2; count++) {
      await respond.write(body);
      body.fill(122);
    }
  });
  assert.equal(writes.join(""), HEAD(10) + "smallzzzzz");
});

Deno.test("http server: large bodies arrive complete, and writing is done when they have left", async () => {
  const part = new Uint8Array(3_000_000);
  const { answer } = await exchange(sending(GET("/x", CLOSE)), async (_, respond) => {
    await respond.head(200, {}, 3 * part.byteLength);
    for (let count = 1; count <= 3; count++) {
      part.fill(count);
      await respond.write(part);
      part.fill(0);
    }
  });
  const { body } = parseAnswer(answer);
  assert.equal(body.length, 9_000_000);
  assert.ok([1, 2, 3].every((count) =>
    body.slice((count - 1) * 3_000_000, count * 3_000_000) ===
      String.fromCharCode(count).repeat(3_000_000)
  ));
});
