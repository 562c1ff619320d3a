import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { IgnoredRange } from "../../lib/registry/blob.ts";
import type { Chunks } from "../../lib/registry/chunks.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { Mirror } from "../../lib/registry/mirror.ts";
import { MirroredBlob } from "../../lib/registry/mirrored_blob.ts";
import { StallGuard } from "../../lib/registry/stall_guard.ts";
import { failureOf } from "../support/failure.ts";
import { FakeBlob, patterned } from "../support/fake_blob.ts";
import { recordLog } from "../support/recorded_log.ts";

const BYTES = patterned(1000);
const CUT = new Failure("unavailable", "Cannot read it: cut");
const MISSING = new Failure("not found", "Cannot read it: it is not there");

/** Takes 100 bytes at a time. */
class Taken implements Chunks {
  bytes: number[] = [];
  abandoned = 0;
  next = () => Promise.resolve({ buffer: new ArrayBuffer(100), length: 100 });
  full = (buffer: ArrayBuffer) => void this.bytes.push(...new Uint8Array(buffer));
  abandon = () => void this.abandoned++;
}

function world(count: number, signal = new AbortController().signal) {
  const origin = new FakeBlob(BYTES);
  const mirrors = Array.from({ length: count }, (_, index) => {
    const client = new RegistryClient({
      host: `mirror${index}.test`,
      plainHttp: false,
      fetch: () => Promise.reject(new Error("This test has no network")),
      credentialsFor: () => Promise.resolve(undefined),
    });
    const { log } = recordLog();
    return {
      mirror: new Mirror({ client, prefix: "", resolvesTags: true, log }),
      fake: new FakeBlob(BYTES),
    };
  });
  const replicas = mirrors.map(({ mirror, fake }) => ({ mirror, blob: fake.remote }));
  return { origin, mirrors, blob: new MirroredBlob(origin.remote, replicas, signal) };
}

const failingAt = (position: number, error: unknown) => (at: number) => {
  if (at >= position) throw error;
};

Deno.test("mirrored blob: it is read from the first mirror, and nobody else is asked", async () => {
  const { blob, origin, mirrors: [first, second] } = world(2);
  const taken = new Taken();
  await blob.read(200, 500, taken);
  assert.deepEqual(taken.bytes, [...BYTES.subarray(200, 500)]);
  assert.deepEqual([first.fake.ranges, second.fake.ranges, origin.ranges], [[[200, 500]], [], []]);
});

Deno.test("mirrored blob: what breaks goes on where it broke, at the next and then at the registry", async () => {
  const { blob, origin, mirrors: [first, second] } = world(2);
  first.fake.before = failingAt(300, CUT);
  second.fake.before = failingAt(600, CUT);
  const taken = new Taken();
  await blob.read(0, 1000, taken);
  assert.deepEqual(taken.bytes, [...BYTES]);
  assert.deepEqual(second.fake.ranges, [[300, 1000]]);
  assert.deepEqual(origin.ranges, [[600, 1000]]);
  assert.equal(taken.abandoned, 2, "each buffer is given back");
});

Deno.test("mirrored blob: a mirror that is out is passed over", async () => {
  const { blob, mirrors: [first, second] } = world(2);
  first.mirror.distrust();
  await blob.read(0, 100, new Taken());
  assert.deepEqual([first.fake.ranges, second.fake.ranges], [[], [[0, 100]]]);
});

Deno.test("mirrored blob: what a mirror lacks is asked of the registry, and the mirror stays", async () => {
  const { blob, origin, mirrors: [{ fake, mirror }] } = world(1);
  fake.before = failingAt(0, MISSING);
  await blob.read(0, 100, new Taken());
  assert.deepEqual(origin.ranges, [[0, 100]]);
  assert.equal(mirror.isOut, false);
});

Deno.test("mirrored blob: the failure of the registry itself is the one that is thrown", async () => {
  const { blob, origin, mirrors: [{ fake }] } = world(1);
  const failure = new Failure("auth", "Cannot read it: 401");
  fake.before = failingAt(0, MISSING);
  origin.before = failingAt(0, failure);
  assert.equal(await failureOf(() => blob.read(0, 100, new Taken())), failure);
});

Deno.test("mirrored blob: the end of the run is nobody's fault", async () => {
  const end = new AbortController();
  const { blob, origin, mirrors: [{ fake, mirror }] } = world(1, end.signal);
  const over = new Failure("terminated", "Stopped");
  fake.before = () => {
    end.abort(over);
    throw CUT;
  };
  assert.equal(await failureOf(() => blob.read(0, 100, new Taken())), over);
  assert.deepEqual([origin.ranges, mirror.isOut], [[], false]);
});

Deno.test("mirrored blob: a mirror that ignores ranges is said to, and read as a stream", async () => {
  const { blob, origin, mirrors: [{ fake, mirror }] } = world(1);
  fake.before = failingAt(0, new IgnoredRange());
  await assert.rejects(() => blob.read(0, 100, new Taken()), IgnoredRange);
  assert.equal(mirror.isOut, false);
  fake.whole = () => ReadableStream.from([BYTES]);
  origin.whole = () => {
    throw new Error("the registry is not to be asked");
  };
  using guard = new StallGuard(60_000, new AbortController().signal, "read it");
  const found: number[] = [];
  await blob.retrying(async () => {
    for await (const bytes of await blob.stream(guard)) found.push(...bytes);
  }, () => found.length);
  assert.deepEqual(found, [...BYTES]);
});

Deno.test("mirrored blob: a stream that breaks is taken from the registry", async () => {
  const { blob, origin, mirrors: [{ fake }] } = world(1);
  fake.whole = () => {
    throw CUT;
  };
  origin.whole = () => ReadableStream.from([BYTES]);
  using guard = new StallGuard(60_000, new AbortController().signal, "read it");
  let length = 0;
  await blob.retrying(async () => {
    for await (const bytes of await blob.stream(guard)) length += bytes.length;
  }, () => length);
  assert.equal(length, 1000);
  assert.equal(blob.distrust(), false, "none of its bytes were taken");
});

Deno.test("mirrored blob: wrong bytes are the fault of the mirrors that served some", async () => {
  const { blob, mirrors: [first, second, third] } = world(3);
  first.fake.before = failingAt(0, MISSING);
  second.fake.before = failingAt(100, CUT);
  second.mirror.succeeded();
  await blob.read(0, 200, new Taken());
  assert.equal(blob.distrust(), true);
  assert.deepEqual(
    [first, second, third].map(({ mirror }) => mirror.isOut),
    [false, true, true],
  );
});

Deno.test("mirrored blob: wrong bytes of the registry itself cannot be had elsewhere", async () => {
  const { blob, mirrors: [{ fake, mirror }] } = world(1);
  fake.before = failingAt(0, MISSING);
  await blob.read(0, 200, new Taken());
  assert.equal(blob.distrust(), false);
  assert.equal(mirror.isOut, false);
});
