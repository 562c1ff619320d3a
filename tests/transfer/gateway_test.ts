import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import type { Manifest } from "../../lib/registry/manifest.ts";
import { Concurrency } from "../../lib/transfer/concurrency.ts";
import { Downloads } from "../../lib/transfer/downloads.ts";
import { CHUNK_BYTES } from "../../lib/transfer/jobs.ts";
import { Gateway } from "../../lib/transfer/gateway.ts";
import { failureOf } from "../support/failure.ts";
import { FakeBlob, patterned, sha256 } from "../support/fake_blob.ts";
import { parseAnswer, RawConnection } from "../support/raw_http.ts";
import { recordLog } from "../support/recorded_log.ts";

const MANIFEST: Manifest = {
  digest: sha256(new TextEncoder().encode("{}")),
  mediaType: "x/y",
  bytes: new TextEncoder().encode("{}"),
  annotations: {},
  layers: [],
  manifests: [],
};

interface Answers {
  manifest?: () => Promise<Manifest>;
  blobs?: (FakeBlob | Failure | Error)[];
}

class GatewayWorld implements AsyncDisposable {
  readonly gateway: Gateway;
  /** What was asked for: host, repository, and tag or digest. */
  readonly asked: string[][] = [];
  readonly #record = recordLog();

  constructor({ manifest = () => Promise.resolve(MANIFEST), blobs = [] }: Answers = {}) {
    const stats = { bytes: 0, retries: 0, connections: 0, networkMs: 0, hashMs: 0, kitMs: 0 };
    const { signal } = new AbortController();
    const remaining = [...blobs];
    this.gateway = new Gateway({
      downloads: new Downloads({
        ...{ concurrency: new Concurrency(4), buffers: 8, plan: [], stallTimeout: 60_000 },
        ...{ stats, signal },
      }),
      log: this.#record.log,
      manifest: (...names) => {
        this.asked.push(names);
        return manifest();
      },
      blob: (...names) => {
        this.asked.push(names);
        const blob = remaining.shift();
        return blob instanceof FakeBlob ? Promise.resolve(blob.remote) : Promise.reject(blob);
      },
    });
  }

  /** The lines that the gateway has written. */
  get lines(): string[] {
    return this.#record.lines;
  }

  get port(): number {
    return Number(new URL(this.gateway.proxy).port);
  }

  get authorization(): string {
    const { username, password } = new URL(this.gateway.proxy);
    return `Basic ${btoa(`${username}:${password}`)}`;
  }

  async ask(path: string, { method = "GET", authorization = this.authorization } = {}) {
    using connection = await RawConnection.to(this.port);
    await connection.send(this.head(path, method, authorization));
    return parseAnswer(await connection.rest());
  }

  head(path: string, method = "GET", authorization = this.authorization): string {
    const secret = authorization === "" ? "" : `Proxy-Authorization: ${authorization}\r\n`;
    return `${method} http://ghcr.io${path} HTTP/1.1\r\n${secret}Connection: close\r\n\r\n`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
  }
}

const BLOB = "/v2/org/model/blobs/sha256:00";

Deno.test("gateway: listens on loopback only, with another token each time", async () => {
  await using one = new GatewayWorld();
  await using other = new GatewayWorld();
  const urls = [one, other].map(({ gateway }) => new URL(gateway.proxy));
  assert.deepEqual(urls.map(({ hostname }) => hostname), ["127.0.0.1", "127.0.0.1"]);
  assert.notEqual(urls[0].password, urls[1].password);
  assert.ok(urls[0].password.length >= 32);
  assert.equal((await one.ask("/v2/", { authorization: other.authorization })).status, 407);
});

for (
  const [name, authorization] of [
    ["no token", ""],
    ["a wrong token", `Basic ${btoa("kit:00000000-0000-4000-8000-000000000000")}`],
    ["an empty token", `Basic ${btoa("kit:")}`],
    ["another scheme", "Bearer x"],
  ]
) {
  for (const method of ["GET", "HEAD", "POST"]) {
    Deno.test(`gateway: ${method} with ${name}: 407, and the registry is not asked`, async () => {
      await using here = new GatewayWorld({ blobs: [new FakeBlob(patterned(5))] });
      const { status, headers, body } = await here.ask(BLOB, { method, authorization });
      assert.deepEqual([status, headers["proxy-authenticate"], body], [407, "Basic", ""]);
      assert.deepEqual(here.asked, []);
    });
  }
}

for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
  Deno.test(`gateway: ${method} is refused with 405`, async () => {
    await using here = new GatewayWorld();
    assert.equal((await here.ask(BLOB, { method })).status, 405);
    assert.deepEqual(here.asked, []);
  });
}

for (
  const [path, status] of [
    ["/v2/", 200],
    ["/", 404],
    ["/v2", 404],
    ["/v2/_catalog", 404],
    ["/v2/org/model/tags/list", 404],
    ["/v2/org/model/referrers/sha256:00", 404],
    ["/v2/org/model/blobs/", 404],
    ["/v2/org/model/blobs/uploads/", 404],
    ["/v2/manifests/v1", 404],
    ["/token", 404],
  ] as const
) {
  Deno.test(`gateway: ${path} is ${status}, and no failure`, async () => {
    await using here = new GatewayWorld();
    const answer = await here.ask(path);
    assert.deepEqual([answer.status, answer.headers["content-length"]], [status, "0"]);
    assert.deepEqual(here.asked, []);
    assert.equal(here.gateway.failure, undefined);
  });
}

Deno.test("gateway: says which blobs it has verified, and of no other that it had", async () => {
  const good = new FakeBlob(patterned(5));
  const damaged = new FakeBlob(patterned(6));
  damaged.bytes[5] ^= 1;
  await using here = new GatewayWorld({ blobs: [good, damaged] });
  await here.ask(BLOB);
  await here.ask(BLOB).catch(() => {});
  const verified = here.lines.filter((line) => line.includes("Verified"));
  assert.equal(verified.length, 1);
  assert.ok(verified[0].endsWith(`Verified ${good.digest}`), verified[0]);
});

for (const [method, body] of [["GET", "{}"], ["HEAD", ""]]) {
  Deno.test(`gateway: ${method} of a manifest`, async () => {
    await using here = new GatewayWorld();
    const answer = await here.ask("/v2/org/sub/model/manifests/v1%2E0", { method });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "x/y");
    assert.equal(answer.headers["docker-content-digest"], MANIFEST.digest);
    assert.equal(answer.headers["content-length"], "2");
    assert.equal(answer.body, body);
    assert.deepEqual(here.asked, [["ghcr.io", "org/sub/model", "v1.0"]]);
  });
}

for (const size of [0, 1, 2 * CHUNK_BYTES + 5]) {
  for (const method of ["GET", "HEAD"]) {
    Deno.test(`gateway: ${method} of a blob of ${size} bytes`, async () => {
      const blob = new FakeBlob(patterned(size));
      await using here = new GatewayWorld({ blobs: [blob] });
      const { status, headers, body } = await here.ask(BLOB, { method });
      assert.equal(status, 200);
      assert.equal(headers["content-length"], `${size}`);
      assert.equal(headers["docker-content-digest"], blob.digest);
      assert.equal(headers["content-type"], "application/octet-stream");
      if (method === "HEAD") {
        assert.equal(body, "");
        assert.deepEqual(blob.ranges, []);
      } else {
        assert.equal(sha256(Uint8Array.from(body, (char) => char.charCodeAt(0))), blob.digest);
      }
      assert.deepEqual(here.asked, [["ghcr.io", "org/model", "sha256:00"]]);
      const verified = await here.gateway.verified();
      assert.deepEqual([...verified], method === "GET" ? [blob.digest] : []);
      assert.equal(here.gateway.failure, undefined);
    });
  }
}

const FAILURES: [name: string, error: Error, status: number, outcome: string][] = [
  ["not found", new Failure("not found", "Cannot find it"), 404, "not found"],
  ["auth", new Failure("auth", "Cannot read it"), 403, "auth"],
  ["unavailable", new Failure("unavailable", "Cannot reach it"), 403, "unavailable"],
  ["timeout", new Failure("timeout", "Cannot wait"), 403, "timeout"],
  ["integrity", new Failure("integrity", "Cannot trust it"), 403, "integrity"],
  ["not foreseen", new Error("a mistake"), 403, "bug"],
];

for (const [name, error, status, outcome] of FAILURES) {
  const check = async (here: GatewayWorld, path: string) => {
    assert.equal((await here.ask(path)).status, status);
    const { failure } = here.gateway;
    assert.ok(failure instanceof Failure);
    assert.equal(failure.outcome, outcome);
    if (error instanceof Failure) assert.equal(failure, error);
  };
  Deno.test(`gateway: a blob that is ${name} before its first byte: ${status}`, async () => {
    await using here = new GatewayWorld({ blobs: [error] });
    await check(here, BLOB);
    const blob = new FakeBlob(patterned(5));
    blob.before = () => Promise.reject(error);
    await using later = new GatewayWorld({ blobs: [blob] });
    await check(later, BLOB);
    await assert.rejects(later.gateway.verified());
  });
  Deno.test(`gateway: a manifest that is ${name}: ${status}`, async () => {
    await using here = new GatewayWorld({ manifest: () => Promise.reject(error) });
    await check(here, "/v2/org/model/manifests/v1");
  });
}

Deno.test("gateway: a blob that fails in the middle: the connection is closed, short of its length", async () => {
  const blob = new FakeBlob(patterned(3 * CHUNK_BYTES));
  const failure = new Failure("unavailable", "Cannot read on");
  blob.before = (position) => position < 2 * CHUNK_BYTES ? undefined : Promise.reject(failure);
  await using here = new GatewayWorld({ blobs: [blob] });
  using connection = await RawConnection.to(here.port);
  // A connection that would be kept open otherwise.
  await connection.send(here.head(BLOB).replace("Connection: close\r\n", ""));
  const { status, headers, body } = parseAnswer(await connection.rest());
  assert.equal(status, 200);
  assert.equal(headers["content-length"], `${blob.size}`);
  assert.ok(body.length < blob.size);
  assert.equal(here.gateway.failure, failure);
  assert.equal(await failureOf(() => here.gateway.verified()), failure);
});

Deno.test("gateway: a damaged blob is told of, also when all of it has been sent", async () => {
  const blob = new FakeBlob(patterned(CHUNK_BYTES + 5));
  blob.bytes[blob.size - 1] ^= 1;
  await using here = new GatewayWorld({ blobs: [blob] });
  await here.ask(BLOB);
  assert.equal((await failureOf(() => here.gateway.verified())).outcome, "integrity");
});

for (const isDamaged of [false, true]) {
  Deno.test(`gateway: a kit that hangs up early: the ${isDamaged ? "damaged" : "good"} rest is verified`, async () => {
    const blob = new FakeBlob(patterned(20 * CHUNK_BYTES));
    if (isDamaged) blob.bytes[blob.size - 1] ^= 1;
    await using here = new GatewayWorld({ blobs: [blob] });
    using connection = await RawConnection.to(here.port);
    await connection.send(here.head(BLOB));
    await connection.until("\r\n\r\n");
    connection[Symbol.dispose]();
    const verified = here.gateway.verified();
    if (isDamaged) assert.equal((await failureOf(() => verified)).outcome, "integrity");
    else assert.deepEqual([...await verified], [blob.digest]);
    assert.equal(blob.ranges.reduce((sum, [start, end]) => sum + end - start, 0), blob.size);
    if (!isDamaged) assert.equal(here.gateway.failure, undefined);
  });
}

Deno.test("gateway: a kit that hangs up before the first byte is no failure of the blob", async () => {
  const blob = new FakeBlob(patterned(8 * CHUNK_BYTES));
  const { promise, resolve } = Promise.withResolvers<void>();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  blob.before = () => {
    isAsked();
    return promise;
  };
  await using here = new GatewayWorld({ blobs: [blob] });
  const connection = await RawConnection.to(here.port);
  // To hang up with an answer unread resets the connection: the next write to it fails at once.
  const head = here.head("/v2/").replace("Connection: close\r\n", "");
  await connection.send(head + here.head(BLOB));
  await asked;
  await new Promise((resolve) => setTimeout(resolve, 20));
  connection[Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 20));
  resolve();
  await here.gateway.verified();
  // Also what is noticed only when the answer is given up.
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(here.gateway.failure, undefined);
});

Deno.test("gateway: what a path decodes to badly ends the connection, and nothing else", async () => {
  await using here = new GatewayWorld();
  using connection = await RawConnection.to(here.port);
  await connection.send(here.head("/v2/org/model/blobs/%ff"));
  assert.equal(await connection.rest(), "");
  assert.equal((await here.ask("/v2/")).status, 200);
});

Deno.test("gateway: the failure of a blob goes before another one", async () => {
  const failure = new Failure("integrity", "Cannot trust it");
  const blob = new FakeBlob(patterned(5));
  blob.before = () => Promise.reject(failure);
  await using here = new GatewayWorld({
    blobs: [blob],
    manifest: () => Promise.reject(new Failure("not found", "Cannot find it")),
  });
  await here.ask("/v2/org/model/manifests/v1");
  await here.ask(BLOB);
  assert.equal(here.gateway.failure, failure);
});
