import assert from "node:assert/strict";
import { createServer } from "node:tls";
import { Failure } from "../../lib/errors.ts";
import { createFetch } from "../../lib/http.ts";
import { openBody } from "../../lib/registry/body.ts";
import {
  RangeFetch,
  type RangeFetchOptions,
  RangeResponse,
} from "../../lib/registry/range_fetch.ts";
import { networkFailure } from "../../lib/registry/status.ts";
import { makeCertificate } from "../support/certificate.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RawServer } from "../support/raw_server.ts";

const RANGE = "bytes=0-4";
const partial = (body: string, ...headers: string[]) =>
  ["HTTP/1.1 206 Partial Content", `Content-Length: ${body.length}`, ...headers, "", body]
    .join("\r\n");
const numbered = (_: string, number: number) => partial(`body${number}`);

/** A signal that knows who still listens to it. */
function listened() {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  Object.assign(signal, {
    addEventListener: (name: string, listener: () => void, options?: AddEventListenerOptions) => {
      listeners.add(listener);
      add(name, listener, options);
    },
    removeEventListener: (name: string, listener: () => void) => {
      listeners.delete(listener);
      remove(name, listener);
    },
  });
  return { signal, listeners, abort: (reason: unknown) => controller.abort(reason) };
}

/** One that counts what it leaves to the ordinary fetch, which answers "fetched". */
function create(options: Partial<RangeFetchOptions> = {}) {
  const left: string[] = [];
  const ranges = new RangeFetch({
    fetch: (url) => {
      left.push(url);
      return Promise.resolve(new Response("fetched", { status: 206 }));
    },
    caCertificates: [],
    ...options,
  });
  const get = (url: string, init: RequestInit = {}) =>
    ranges.fetch(url, { headers: { Range: RANGE }, ...init });
  return { ranges, left, get, [Symbol.dispose]: () => ranges[Symbol.dispose]() };
}

Deno.test("ranges: one after the other on one connection, with the headers as given", async () => {
  await using server = new RawServer(numbered);
  using ours = create();
  const { signal, listeners } = listened();
  for (let number = 0; number < 3; number++) {
    const response = await ours.get(`http://127.0.0.1:${server.port}/v2/x?y`, {
      headers: { Range: RANGE, Authorization: "Bearer abc" },
      signal,
    });
    assert.ok(response instanceof RangeResponse);
    assert.equal(response.status, 206);
    assert.equal(listeners.size, 1);
    assert.equal(await response.text(), `body${number}`);
    assert.equal(listeners.size, 0);
  }
  assert.deepEqual([server.connections, ours.left], [1, []]);
  assert.equal(
    server.requests[0],
    `GET /v2/x?y HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nRange: ${RANGE}\r\n` +
      "Authorization: Bearer abc",
  );
});

Deno.test("ranges: at once, each has a connection of its own, and those are used again", async () => {
  await using server = new RawServer((_, number) => partial(`body${number}`));
  using ours = create();
  const url = `http://127.0.0.1:${server.port}/`;
  const three = () => Promise.all([1, 2, 3].map(() => ours.get(url)));
  for (let round = 0; round < 2; round++) {
    for (const response of await three()) assert.match(await response.text(), /^body\d$/);
  }
  assert.equal(server.connections, 3);
});

Deno.test("ranges: a large one is filled into the reader's buffer", async () => {
  const body = "0123456789".repeat(100_000);
  await using server = new RawServer(() => partial(body));
  using ours = create();
  const response = await ours.get(`http://127.0.0.1:${server.port}/`);
  const view = new Uint8Array(body.length);
  let count = 0;
  {
    using reading = openBody(response, body.length);
    await reading.fill(view.subarray(0, 700_000), (more) => count += more);
    await reading.fill(view.subarray(700_000), (more) => count += more);
  }
  assert.equal(count, body.length);
  assert.equal(new TextDecoder().decode(view), body);
});

for (
  const [name, init] of [
    ["a request without a range", { headers: { Accept: "*/*" } }],
    ["a request without headers", { headers: undefined }],
    ["a request by another method", { method: "HEAD" }],
  ] as [string, RequestInit][]
) {
  Deno.test(`ranges: ${name} is for fetch`, async () => {
    await using server = new RawServer(numbered);
    using ours = create();
    const url = `http://127.0.0.1:${server.port}/`;
    assert.equal(await (await ours.get(url, init)).text(), "fetched");
    assert.deepEqual([ours.left, server.connections], [[url], 0]);
  });
}

const OTHERS: [name: string, answer: string, isForGood: boolean][] = [
  [
    "a part in chunks",
    "HTTP/1.1 206 P\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    true,
  ],
  ["HTTP/1.0 without a length", "HTTP/1.0 200 OK\r\n\r\nhello", true],
  ["no content", "HTTP/1.1 204 No Content\r\n\r\n", true],
  ["line feeds alone", "HTTP/1.1 206 Partial\nContent-Length: 5\n\nhello", true],
  ["no HTTP", "hello\r\n\r\n", true],
  ["a head of 40 KiB", `HTTP/1.1 200 OK\r\nA: ${"x".repeat(40_000)}\r\n\r\n`, true],
  ["an error in chunks", "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false],
  ["a refusal without a length", "HTTP/1.1 401 Who\r\n\r\n", false],
  ["304, which is said to have a body", "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n", false],
];

for (const [name, answer, isForGood] of OTHERS) {
  Deno.test(`ranges: ${name} is for fetch, ${isForGood ? "and so is what follows" : "this time"}`, async () => {
    await using server = new RawServer((_, number) => number === 0 ? answer : partial("hello"));
    using ours = create();
    const { signal, listeners } = listened();
    const url = `http://127.0.0.1:${server.port}/`;
    assert.equal(await (await ours.get(url, { signal })).text(), "fetched");
    assert.equal(listeners.size, 0);
    assert.equal(await (await ours.get(url)).text(), isForGood ? "fetched" : "hello");
    assert.equal(server.connections, isForGood ? 1 : 2);
    await server.closed(isForGood ? 0 : 1);
  });
}

Deno.test("ranges: that one origin is for fetch says nothing of another", async () => {
  await using odd = new RawServer(() => "hello\r\n\r\n");
  await using good = new RawServer(numbered);
  using ours = create();
  assert.equal(await (await ours.get(`http://127.0.0.1:${odd.port}/`)).text(), "fetched");
  assert.equal(await (await ours.get(`http://127.0.0.1:${good.port}/`)).text(), "body0");
});

const LAST: [name: string, answer: string, hangUp?: boolean][] = [
  ["Connection: close", partial("hello", "Connection: close")],
  ["HTTP/1.0 with a length", "HTTP/1.0 206 P\r\nContent-Length: 5\r\n\r\nhello", true],
  ["an end of the connection", partial("hello"), true],
  ["bytes that nobody asked for", partial("hello") + partial("other")],
];

for (const [name, answer, hangUp] of LAST) {
  Deno.test(`ranges: after ${name} the next one has a connection of its own`, async () => {
    await using server = new RawServer((_, number) =>
      number === 0 ? { packets: [answer], hangUp } : partial("again")
    );
    using ours = create();
    const url = `http://127.0.0.1:${server.port}/`;
    assert.equal(await (await ours.get(url)).text(), "hello");
    if (hangUp) await server.closed();
    assert.equal(await (await ours.get(url)).text(), "again");
    assert.deepEqual([server.connections, ours.left], [2, []]);
  });
}

Deno.test("ranges: a 408 on a connection that was used before is no answer, on a fresh one it is", async () => {
  const late = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  await using server = new RawServer((_, number) =>
    [1, 3].includes(number) ? late : partial("hello")
  );
  using ours = create();
  const url = `http://127.0.0.1:${server.port}/`;
  for (let count = 0; count < 2; count++) {
    assert.equal(await (await ours.get(url)).text(), "hello");
  }
  assert.equal(server.requests.length, 3);
  await using fresh = new RawServer(() => late);
  const response = await ours.get(`http://127.0.0.1:${fresh.port}/`);
  assert.equal(response.status, 408);
  assert.equal(await response.text(), "");
});

Deno.test("ranges: a connection that was idle for long is not trusted", async () => {
  await using server = new RawServer(numbered);
  using ours = create();
  const url = `http://127.0.0.1:${server.port}/`;
  using clock = new FakeClock();
  for (const wait of [29_000, 31_000, 0]) {
    await (await ours.get(url)).text();
    await clock.tick(wait);
  }
  assert.equal(server.connections, 2);
  await server.closed(1);
});

Deno.test("ranges: redirects and errors come back as they are, and keep the connection", async () => {
  const answers = [
    "HTTP/1.1 307 Moved\r\nLocation: http://other.test/\r\nContent-Length: 4\r\n\r\nmove",
    "HTTP/1.1 307 Moved\r\nLocation: http://other.test/\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
  ];
  await using server = new RawServer((_, number) => answers[number]);
  using ours = create();
  const url = `http://127.0.0.1:${server.port}/`;
  for (let count = 0; count < 2; count++) {
    const moved = await ours.get(url);
    assert.deepEqual([moved.status, moved.headers.get("Location")], [307, "http://other.test/"]);
    await moved.body?.cancel();
  }
  const busy = await ours.get(url);
  assert.deepEqual([busy.status, busy.headers.get("Retry-After")], [503, "7"]);
  assert.equal(await busy.text(), "busy");
  assert.equal(await (await ours.get(url)).text(), "whole");
  assert.deepEqual([server.connections, ours.left], [1, []]);
});

Deno.test("ranges: a redirect whose body does not come is not waited for", async () => {
  await using server = new RawServer(() =>
    "HTTP/1.1 307 Moved\r\nLocation: http://other.test/\r\nContent-Length: 100\r\n\r\nmo"
  );
  using ours = create();
  const { signal, listeners } = listened();
  const moved = await ours.get(`http://127.0.0.1:${server.port}/`, { signal });
  await moved.body?.cancel();
  assert.equal(listeners.size, 0);
  await server.closed();
});

Deno.test("ranges: a body that is given up half-way ends its connection", async () => {
  await using server = new RawServer(() => partial("x".repeat(100_000)));
  using ours = create();
  const response = await ours.get(`http://127.0.0.1:${server.port}/`);
  {
    using body = openBody(response, 100_000);
    await body.fill(new Uint8Array(10), () => {});
  }
  await server.closed();
});

Deno.test("ranges: a body that is cut ends early", async () => {
  await using server = new RawServer(() => ({
    packets: ["HTTP/1.1 206 P\r\nContent-Length: 100\r\n\r\nhello"],
    hangUp: true,
  }));
  using ours = create();
  const { signal, listeners } = listened();
  const response = await ours.get(`http://127.0.0.1:${server.port}/`, { signal });
  let count = 0;
  using body = openBody(response, 100);
  await body.fill(new Uint8Array(100), (more) => count += more);
  assert.deepEqual([count, listeners.size], [5, 0]);
  await body.fill(new Uint8Array(100), () => assert.fail("there is nothing more"));
});

for (const [name, packets] of [["before", []], ["within", ["HTTP/1.1 206 Par"]]] as const) {
  Deno.test(`ranges: a connection that ends ${name} the head is an error that may pass`, async () => {
    await using server = new RawServer(() => ({ packets: [...packets], hangUp: true }));
    using ours = create();
    const { signal, listeners } = listened();
    const failed = ours.get(`http://127.0.0.1:${server.port}/`, { signal });
    const failure = networkFailure(
      await failed.catch((error) => error),
      "read",
      "r.test",
    ) as Failure;
    assert.deepEqual([failure.outcome, failure.transient], ["unavailable", true]);
    assert.deepEqual([listeners.size, ours.left], [0, []]);
  });
}

const OVER = new Failure("terminated", "Over");

Deno.test("ranges: a signal that has aborted before asks nothing", async () => {
  await using server = new RawServer(numbered);
  using ours = create();
  const aborted = ours.get(`http://127.0.0.1:${server.port}/`, { signal: AbortSignal.abort(OVER) });
  await assert.rejects(aborted, OVER);
  assert.equal(server.connections, 0);
});

for (const [name, packets] of [["before", []], ["within", ["HTTP/1.1 206 Par"]]] as const) {
  Deno.test(`ranges: a signal that aborts ${name} the head`, async () => {
    const asked = Promise.withResolvers<void>();
    await using server = new RawServer(() => {
      asked.resolve();
      return { packets: [...packets] };
    });
    using ours = create();
    const { signal, listeners, abort } = listened();
    const answer = ours.get(`http://127.0.0.1:${server.port}/`, { signal });
    await asked.promise;
    abort(OVER);
    await assert.rejects(answer, OVER);
    await server.closed();
    assert.deepEqual([listeners.size, ours.left], [0, []]);
  });
}

Deno.test("ranges: a signal that aborts within the body", async () => {
  await using server = new RawServer(() => "HTTP/1.1 206 P\r\nContent-Length: 100\r\n\r\nhello");
  using ours = create();
  const { signal, listeners, abort } = listened();
  const response = await ours.get(`http://127.0.0.1:${server.port}/`, { signal });
  using body = openBody(response, 100);
  let count = 0;
  const filled = body.fill(new Uint8Array(100), (more) => {
    count += more;
    // In the next read.
    setTimeout(() => abort(OVER), 5);
  });
  await assert.rejects(filled);
  assert.equal(count, 5);
  await server.closed();
  assert.equal(listeners.size, 0);
});

/** Accepts connections and never says anything. */
function silent() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const first = Promise.withResolvers<void>();
  const serving = (async () => {
    for await (const connection of listener) {
      accepted.push(connection);
      first.resolve();
    }
  })().catch(() => {});
  return {
    first: first.promise,
    url: `https://127.0.0.1:${listener.addr.port}/`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      for (const connection of accepted) connection.close();
    },
  };
}

Deno.test("ranges: a signal that aborts while TLS is being agreed on", async () => {
  await using server = silent();
  using ours = create();
  const { signal, listeners, abort } = listened();
  const answer = ours.get(server.url, { signal });
  await server.first;
  abort(OVER);
  await assert.rejects(answer, OVER);
  assert.deepEqual([listeners.size, ours.left], [0, []]);
});

Deno.test("ranges: where connecting takes too long fetch tries, also with what follows", async () => {
  await using server = silent();
  using ours = create({ connectWithin: 50 });
  for (let count = 0; count < 2; count++) {
    assert.equal(await (await ours.get(server.url)).text(), "fetched");
  }
});

Deno.test("ranges: where a host does not even accept, and what it accepts too late is closed", async () => {
  const { connect } = Deno;
  const late = Promise.withResolvers<void>();
  await using server = new RawServer(numbered);
  try {
    // A firewall that drops packets; the kernel would wait for two minutes.
    Deno.connect = (async (options: Deno.ConnectOptions) => {
      await late.promise;
      return await connect(options);
    }) as typeof connect;
    using ours = create({ connectWithin: 20 });
    const url = `http://127.0.0.1:${server.port}/`;
    assert.equal(await (await ours.get(url)).text(), "fetched");
    const { signal, abort } = listened();
    using other = create();
    const answer = other.get(url, { signal });
    abort(OVER);
    await assert.rejects(answer, OVER);
    late.resolve();
    while (server.connections < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    await server.closed();
  } finally {
    Deno.connect = connect;
  }
});

Deno.test("ranges: where nobody listens fetch says so", async () => {
  using ours = create();
  const url = "http://127.0.0.1:1/";
  assert.equal(await (await ours.get(url)).text(), "fetched");
  assert.deepEqual(ours.left, [url]);
});

Deno.test("ranges: at the end everything is closed, what is idle and what nobody read", async () => {
  await using server = new RawServer((_, number) =>
    partial("x".repeat(number === 0 ? 5 : 100_000))
  );
  const ours = create();
  const url = `http://127.0.0.1:${server.port}/`;
  const [idle] = [await ours.get(url), await ours.get(url)];
  await idle.text();
  assert.equal(server.open, 2);
  ours[Symbol.dispose]();
  await server.closed();
});

Deno.test("ranges: over TLS with a private CA, by name and by address", async () => {
  const { ca, ...identity } = await makeCertificate();
  await using server = new RawServer(numbered, { identity });
  using ours = create({ caCertificates: [ca] });
  for (const [index, host] of ["localhost", "127.0.0.1", "localhost", "127.0.0.1"].entries()) {
    const response = await ours.get(`https://${host}:${server.port}/`);
    assert.equal(await response.text(), `body${index}`);
  }
  assert.deepEqual([server.connections, ours.left], [2, []]);
});

for (const isEncrypted of [false, true]) {
  Deno.test(`ranges: from a host that is an IPv6 address, ${isEncrypted ? "over TLS" : "plain"}`, async () => {
    const { ca, ...identity } = await makeCertificate(["::1"]);
    await using server = new RawServer(numbered, {
      hostname: "::1",
      identity: isEncrypted ? identity : undefined,
    });
    using ours = create({ caCertificates: [ca] });
    const url = `${isEncrypted ? "https" : "http"}://[::1]:${server.port}/`;
    assert.equal(await (await ours.get(url)).text(), "body0");
    assert.match(server.requests[0], new RegExp(`\r\nHost: \\[::1\\]:${server.port}\r\n`));
    assert.deepEqual(ours.left, []);
  });
}

/** The failure that a request ends with, by the ordinary fetch and by ours in front of it. */
async function bothFailures(url: string, options: Omit<RangeFetchOptions, "fetch">) {
  using ordinary = createFetch({ ...options, http1Only: true });
  using ours = new RangeFetch({ ...options, fetch: ordinary });
  return await Promise.all([ordinary, ours.fetch].map(async (fetch) => {
    const error = await fetch(url, { headers: { Range: RANGE } }).then(() => undefined, (e) => e);
    const { outcome, message, hint, transient } = networkFailure(
      error,
      "read",
      "r.test",
    ) as Failure;
    return { outcome, message, hint, transient };
  }));
}

for (
  const [name, path] of [["another CA", "localhost"], [
    "a name that it is not for",
    "localhost.localdomain",
  ]]
) {
  Deno.test(`ranges: a certificate of ${name} fails as with fetch`, async () => {
    const [{ cert, key }, other] = [await makeCertificate(), await makeCertificate()];
    await using server = new RawServer(numbered, { identity: { cert, key } });
    const [expected, found] = await bothFailures(`https://${path}:${server.port}/`, {
      caCertificates: [other.ca],
    });
    assert.deepEqual(found, expected);
    assert.equal(expected.outcome, "unavailable");
    assert.equal(server.requests.length, 0);
  });
}

Deno.test("ranges: plain HTTP where TLS is expected fails as with fetch", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("hello"),
  );
  const [expected, found] = await bothFailures(`https://127.0.0.1:${server.addr.port}/`, {
    caCertificates: [],
  });
  assert.deepEqual(found, expected);
  assert.match(expected.message, /does not speak TLS/);
});

/** A server that demands a certificate of the client's, and counts connections. */
async function demanding() {
  const { ca, cert, key } = await makeCertificate();
  const state = { connections: 0 };
  const server = createServer(
    { ca, cert, key, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      state.connections++;
      socket.on("error", () => {});
      socket.on("data", () => socket.write(partial("hello")));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    state,
    url: `https://127.0.0.1:${port}/`,
    ca,
    identity: { cert, key },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

Deno.test("ranges: with a certificate of the client's", async () => {
  await using server = await demanding();
  using ours = create({ caCertificates: [server.ca], identity: server.identity });
  for (let count = 0; count < 2; count++) {
    assert.equal(await (await ours.get(server.url)).text(), "hello");
  }
  assert.deepEqual([server.state.connections, ours.left], [1, []]);
});

Deno.test("ranges: without the certificate that the server demands it fails as with fetch", async () => {
  await using server = await demanding();
  const [expected, found] = await bothFailures(server.url, { caCertificates: [server.ca] });
  assert.deepEqual({ ...found, message: "" }, { ...expected, message: "" });
  assert.match(found.message, /certificate/i);
});
