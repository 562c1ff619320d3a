import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Failure } from "../../lib/errors.ts";
import { IgnoredRange } from "../../lib/registry/blob.ts";
import { Concurrency } from "../../lib/transfer/concurrency.ts";
import type { Sink } from "../../lib/transfer/delivery.ts";
import { Downloads } from "../../lib/transfer/downloads.ts";
import { CHUNK_BYTES } from "../../lib/transfer/jobs.ts";
import { failureOf } from "../support/failure.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeBlob, patterned, sha256 } from "../support/fake_blob.ts";

interface Options {
  buffers?: number;
  connections?: number;
  plan?: FakeBlob[];
  signal?: AbortSignal;
}

function create({ buffers = 8, connections = 4, plan = [], signal }: Options = {}) {
  const stats = { bytes: 0, retries: 0, connections: 0, networkMs: 0, hashMs: 0, kitMs: 0 };
  const downloads = new Downloads({
    concurrency: new Concurrency(connections),
    buffers,
    plan: plan.map(({ remote }) => remote),
    stallTimeout: 60_000,
    stats,
    signal: signal ?? new AbortController().signal,
  });
  downloads.start();
  return { downloads, stats };
}

/** A sink that keeps all that it gets. */
function collector() {
  const parts: Uint8Array[] = [];
  const sink: Sink = (bytes) => {
    parts.push(bytes.slice());
    return Promise.resolve();
  };
  return {
    sink,
    digest: () => sha256(Buffer.concat(parts)),
    size: () => Buffer.concat(parts).length,
  };
}

/** Lets everything that can go on do so. */
async function settle(): Promise<void> {
  for (let count = 0; count < 50; count++) await new Promise((resolve) => setTimeout(resolve, 0));
}

const damaged = (blob: FakeBlob, at: number) => blob.bytes[at] ^= 1;

const SIZES: [name: string, size: number][] = [
  ["nothing", 0],
  ["one byte", 1],
  ["a byte less than a chunk", CHUNK_BYTES - 1],
  ["a chunk", CHUNK_BYTES],
  ["a byte more than a chunk", CHUNK_BYTES + 1],
  ["eleven chunks and a bit", 11 * CHUNK_BYTES + 77],
];

for (const [name, size] of SIZES) {
  for (const isPlanned of [true, false]) {
    Deno.test(`downloads: a blob of ${name}, ${isPlanned ? "planned" : "not planned"}`, async () => {
      const blob = new FakeBlob(patterned(size));
      const { downloads, stats } = create({ plan: isPlanned ? [blob] : [] });
      const { sink, digest } = collector();
      await downloads.deliver(blob.remote, sink);
      assert.equal(digest(), blob.digest);
      assert.equal(stats.bytes, size);
      const ranges = blob.ranges.sort(([a], [b]) => a - b);
      assert.deepEqual(
        ranges.map(([start]) => start),
        [0, ...ranges.map(([, end]) => end)].slice(0, ranges.length),
      );
      assert.equal(ranges.at(-1)?.[1] ?? 0, size);
    });
  }
}

for (const at of [0, CHUNK_BYTES, 3 * CHUNK_BYTES + 4]) {
  Deno.test(`downloads: a flipped bit in byte ${at} is found`, async () => {
    const blob = new FakeBlob(patterned(3 * CHUNK_BYTES + 5));
    damaged(blob, at);
    const { downloads } = create({ plan: [blob] });
    const failure = await failureOf(() => downloads.deliver(blob.remote, collector().sink));
    assert.deepEqual([failure.outcome, failure.transient], ["integrity", false]);
    assert.ok(failure.message.startsWith(`Cannot trust the blob ${blob.digest}: `));
  });
}

for (const isElsewhere of [true, false]) {
  Deno.test(`downloads: the planned blob says whether wrong bytes can be had elsewhere: ${isElsewhere}`, async () => {
    const [planned, opened] = [1, 1].map((seed) => new FakeBlob(patterned(CHUNK_BYTES, seed)));
    damaged(planned, 7);
    planned.distrust = () => isElsewhere;
    const { downloads } = create({ plan: [planned] });
    const failure = await failureOf(() => downloads.deliver(opened.remote, collector().sink));
    assert.deepEqual([failure.outcome, failure.transient], ["integrity", isElsewhere]);
  });
}

Deno.test("downloads: a sink that takes no more: the rest is read and verified all the same", async () => {
  for (const isDamaged of [false, true]) {
    const blob = new FakeBlob(patterned(9 * CHUNK_BYTES + 5));
    if (isDamaged) damaged(blob, blob.size - 1);
    const { downloads, stats } = create({ plan: [blob] });
    let calls = 0;
    const delivery = downloads.deliver(blob.remote, () => {
      calls++;
      return Promise.reject(new Error("gone"));
    });
    if (isDamaged) assert.equal((await failureOf(() => delivery)).outcome, "integrity");
    else await delivery;
    assert.equal(calls, 1);
    assert.equal(stats.bytes, blob.size);
  }
});

for (const buffers of [1, 2, 3, 4, 16]) {
  Deno.test(`downloads: with ${buffers} buffers, opened in another order than planned`, async () => {
    const buffersSeen = new Set<ArrayBuffer>();
    const plan = [5, 4, 3].map((chunks, index) =>
      new FakeBlob(patterned(chunks * CHUNK_BYTES - 3, index + 1), buffersSeen)
    );
    const { downloads } = create({ buffers, plan });
    await settle();
    for (const blob of [...plan].reverse()) {
      const { sink, digest } = collector();
      await downloads.deliver(blob.remote, sink);
      assert.equal(digest(), blob.digest);
    }
    assert.ok(buffersSeen.size <= buffers, `${buffersSeen.size} buffers`);
  });

  Deno.test(`downloads: with ${buffers} buffers, two blobs opened at once and one planned`, async () => {
    const buffersSeen = new Set<ArrayBuffer>();
    const [first, second, third] = [1, 2, 3].map((seed) =>
      new FakeBlob(patterned(6 * CHUNK_BYTES + seed, seed), buffersSeen)
    );
    const { downloads } = create({ buffers, plan: [third, first] });
    const collectors = [collector(), collector()];
    await Promise.all([
      downloads.deliver(first.remote, collectors[0].sink),
      downloads.deliver(second.remote, collectors[1].sink),
    ]);
    assert.deepEqual(collectors.map(({ digest }) => digest()), [first.digest, second.digest]);
    assert.ok(buffersSeen.size <= buffers, `${buffersSeen.size} buffers`);
  });
}

Deno.test("downloads: what waits for a buffer ahead of its time gets one when it is opened", async () => {
  const plan = [1, 2].map((seed) => new FakeBlob(patterned(CHUNK_BYTES, seed)));
  const answered = Promise.withResolvers<void>();
  for (const blob of plan) {
    const read = blob.read.bind(blob);
    // As over a network: all requests are under way before the first one needs a buffer.
    blob.read = async (...range) => {
      await answered.promise;
      await read(...range);
    };
  }
  const { downloads } = create({ buffers: 3, plan });
  answered.resolve();
  await settle();
  const { sink, digest } = collector();
  let isDone = false;
  const delivery = downloads.deliver(plan[1].remote, sink).then(() => isDone = true);
  await settle();
  assert.ok(isDone, "it waits for ever");
  await delivery;
  assert.equal(digest(), plan[1].digest);
});

Deno.test("downloads: a kit that reads nothing for long holds no more than the buffers", async () => {
  const blob = new FakeBlob(patterned(20 * CHUNK_BYTES));
  const { downloads, stats } = create({ buffers: 6, plan: [blob] });
  const { promise, resolve } = Promise.withResolvers<void>();
  const delivery = downloads.deliver(blob.remote, () => promise);
  await settle();
  assert.ok(blob.buffers.size <= 6, `${blob.buffers.size} buffers`);
  assert.ok(stats.connections <= 4);
  resolve();
  await delivery;
  assert.ok(blob.buffers.size <= 6);
});

Deno.test("downloads: while a kit reads one of two opened blobs, the other one may wait", async () => {
  const [first, second] = [1, 2].map((seed) => new FakeBlob(patterned(9 * CHUNK_BYTES, seed)));
  const { downloads } = create({ buffers: 4, plan: [first, second] });
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = downloads.deliver(first.remote, () => promise);
  await settle();
  const { sink, digest } = collector();
  await downloads.deliver(second.remote, sink);
  assert.equal(digest(), second.digest);
  resolve();
  await waiting;
});

Deno.test("downloads: the bytes of a sink are not touched until it is done", async () => {
  const blob = new FakeBlob(patterned(12 * CHUNK_BYTES));
  const { downloads } = create({ buffers: 3, plan: [blob] });
  let position = 0;
  await downloads.deliver(blob.remote, async (bytes) => {
    await settle();
    const expected = blob.bytes.subarray(position, position += bytes.byteLength);
    assert.ok(Buffer.from(bytes).equals(expected), "other bytes than were hashed");
  });
  assert.equal(position, blob.size);
});

Deno.test("downloads: while the sink takes a chunk the next one is hashed, and only that", async () => {
  const blob = new FakeBlob(patterned(6 * CHUNK_BYTES));
  const { downloads, stats } = create({ buffers: 16, plan: [blob] });
  let hashed = 0;
  Object.defineProperty(stats, "hashMs", { get: () => 0, set: () => hashed++ });
  const takes: PromiseWithResolvers<void>[] = [];
  const delivery = downloads.deliver(blob.remote, () => {
    takes.push(Promise.withResolvers());
    return takes.at(-1)!.promise;
  });
  for (let index = 0; index < 6; index++) {
    await settle();
    assert.deepEqual([takes.length, hashed], [index + 1, Math.min(6, index + 2)]);
    assert.equal(stats.bytes, index * CHUNK_BYTES, "only what has left is counted");
    takes[index].resolve();
  }
  await delivery;
  assert.equal(stats.bytes, blob.size);
});

Deno.test("downloads: a slow sink gets all chunks in order, and each is its own until it is done", async () => {
  const blob = new FakeBlob(patterned(10 * CHUNK_BYTES + 3));
  const { downloads } = create({ buffers: 8, plan: [blob] });
  let [position, isBusy] = [0, false];
  await downloads.deliver(blob.remote, async (bytes) => {
    assert.equal(isBusy, false, "two at once");
    isBusy = true;
    await settle();
    const expected = blob.bytes.subarray(position, position += bytes.byteLength);
    assert.ok(Buffer.from(bytes).equals(expected), "other bytes than were hashed");
    isBusy = false;
  });
  assert.equal(position, blob.size);
});

Deno.test("downloads: a sink that fails while a chunk waits for it: the rest is read, nobody is told twice", async () => {
  const blob = new FakeBlob(patterned(8 * CHUNK_BYTES));
  const { downloads, stats } = create({ buffers: 8, plan: [blob] });
  let calls = 0;
  await downloads.deliver(blob.remote, async () => {
    calls++;
    await settle();
    throw new Error("gone");
  });
  assert.deepEqual([calls, stats.bytes], [1, blob.size]);
});

Deno.test("downloads: one that fails while the sink still takes a chunk gives its buffer back only then", async () => {
  const bad = new FakeBlob(patterned(4 * CHUNK_BYTES, 1));
  const failure = new Failure("not found", "Cannot find it");
  const { promise: failed, resolve: fail } = Promise.withResolvers<void>();
  bad.before = async (position) => {
    if (position < CHUNK_BYTES) return;
    await failed;
    throw failure;
  };
  const { downloads } = create({ buffers: 2, connections: 1, plan: [bad] });
  const { promise, resolve } = Promise.withResolvers<void>();
  let taken: Uint8Array | undefined;
  let isOver = false;
  const delivery = downloads.deliver(bad.remote, (bytes) => {
    taken = bytes;
    return promise;
  });
  const over = delivery.catch(() => {}).finally(() => isOver = true);
  await settle();
  fail();
  const other = new FakeBlob(patterned(3 * CHUNK_BYTES, 2));
  await downloads.deliver(other.remote, collector().sink);
  assert.equal(isOver, false);
  assert.ok(Buffer.from(taken!).equals(bad.bytes.subarray(0, CHUNK_BYTES)), "it was used again");
  resolve();
  await over;
  assert.equal(await failureOf(() => delivery), failure);
});

for (const buffers of [3, 4]) {
  Deno.test(`downloads: with ${buffers} buffers, one of two opened blobs whose sink takes nothing leaves enough`, async () => {
    const [stuck, good] = [1, 2].map((seed) => new FakeBlob(patterned(9 * CHUNK_BYTES, seed)));
    const { downloads } = create({ buffers });
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = downloads.deliver(stuck.remote, () => promise);
    await settle();
    const { sink, digest } = collector();
    await downloads.deliver(good.remote, sink);
    assert.equal(digest(), good.digest);
    resolve();
    await waiting;
  });
}

Deno.test("downloads: never more requests than the limit, but for an opened blob that has none", async () => {
  const plan = [1, 2].map((seed) => new FakeBlob(patterned(8 * CHUNK_BYTES, seed)));
  const other = new FakeBlob(patterned(2 * CHUNK_BYTES, 3));
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const blob of plan) blob.before = () => promise;
  const { downloads, stats } = create({ buffers: 16, connections: 2, plan });
  await settle();
  assert.equal(plan[0].ranges.length + plan[1].ranges.length, 2);
  await downloads.deliver(other.remote, collector().sink);
  assert.equal(stats.connections, 3);
  resolve();
  await Promise.all(plan.map((blob) => downloads.deliver(blob.remote, collector().sink)));
});

Deno.test("downloads: the same blob twice, one after the other and at once", async () => {
  const blob = new FakeBlob(patterned(3 * CHUNK_BYTES + 1));
  const { downloads } = create({ plan: [blob] });
  const deliver = async () => {
    const { sink, digest } = collector();
    await downloads.deliver(blob.remote, sink);
    assert.equal(digest(), blob.digest);
  };
  await deliver();
  await Promise.all([deliver(), deliver()]);
});

Deno.test("downloads: a range that fails ends its blob with that failure, and no other blob", async () => {
  const bad = new FakeBlob(patterned(6 * CHUNK_BYTES, 1));
  const good = new FakeBlob(patterned(6 * CHUNK_BYTES + 9, 2));
  const failure = new Failure("not found", "Cannot find it");
  bad.before = (position) => {
    if (position >= 2 * CHUNK_BYTES) throw failure;
  };
  const { downloads } = create({ buffers: 4, plan: [bad, good] });
  const { sink, size } = collector();
  assert.equal(await failureOf(() => downloads.deliver(bad.remote, sink)), failure);
  assert.ok(size() <= 2 * CHUNK_BYTES, "what comes after a hole was given away");
  for (let count = 0; count < 5; count++) {
    await failureOf(() => downloads.deliver(bad.remote, () => Promise.resolve()));
  }
  const other = collector();
  await downloads.deliver(good.remote, other.sink);
  assert.equal(other.digest(), good.digest);
});

Deno.test("downloads: buffers of requests that go on after their blob was given up come back", async () => {
  const bad = new FakeBlob(patterned(7 * CHUNK_BYTES + 9, 1));
  const { promise, resolve } = Promise.withResolvers<void>();
  bad.before = (position) => {
    if (position === 0) throw new Failure("not found", "Cannot find it");
    return promise;
  };
  const { downloads } = create({ buffers: 8, connections: 2, plan: [bad] });
  await failureOf(() => downloads.deliver(bad.remote, collector().sink));
  resolve();
  await settle();
  const good = new FakeBlob(patterned(12 * CHUNK_BYTES, 2));
  const { promise: read, resolve: readOn } = Promise.withResolvers<void>();
  const delivery = downloads.deliver(good.remote, () => read);
  await settle();
  assert.ok(good.buffers.size >= 6, `only ${good.buffers.size} of 8 buffers are left`);
  readOn();
  await delivery;
});

Deno.test("downloads: the end of the run ends a delivery with the run's reason", async () => {
  const run = new AbortController();
  const blob = new FakeBlob(patterned(6 * CHUNK_BYTES));
  const over = new Failure("terminated", "Ended");
  blob.before = async (position) => {
    if (position < 2 * CHUNK_BYTES) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    run.abort(over);
    throw over;
  };
  const { downloads } = create({ buffers: 2, plan: [blob], signal: run.signal });
  assert.equal(await failureOf(() => downloads.deliver(blob.remote, collector().sink)), over);
});

/** A blob of a registry that ignores ranges, in streams as given. */
function streamed(bytes: Uint8Array<ArrayBuffer>, streams: (() => ReadableStream)[]): FakeBlob {
  const blob = new FakeBlob(bytes);
  blob.before = () => {
    throw new IgnoredRange();
  };
  let count = 0;
  blob.whole = () => streams[Math.min(count++, streams.length - 1)]();
  return blob;
}

const BYTES = patterned(2 * CHUNK_BYTES + 7);
const wholeOf = (bytes: Uint8Array<ArrayBuffer>) => () => new Blob([bytes]).stream();

const STREAMS: [name: string, streams: (() => ReadableStream)[], outcome?: string][] = [
  ["comes as a whole", [wholeOf(BYTES)]],
  ["ends early, then comes as a whole", [wholeOf(BYTES.slice(0, 99_999)), wholeOf(BYTES)]],
  [
    "ends early, then earlier still, then comes as a whole",
    [wholeOf(BYTES.slice(0, 99_999)), wholeOf(BYTES.slice(0, 5)), wholeOf(BYTES)],
  ],
  ["has other bytes", [wholeOf(patterned(BYTES.length, 9))], "integrity"],
];

for (const [name, streams, outcome] of STREAMS) {
  Deno.test(`downloads: a registry that ignores ranges: its stream ${name}`, async () => {
    const blob = streamed(BYTES, streams);
    const { downloads, stats } = create({ plan: [blob] });
    const { sink, digest } = collector();
    const work = () => downloads.deliver(blob.remote, sink);
    if (outcome !== undefined) return assert.equal((await failureOf(work)).outcome, outcome);
    await work();
    assert.equal(digest(), blob.digest);
    assert.equal(stats.bytes, blob.size);
  });
}

Deno.test("downloads: a stream without end is given up, and kit gets no more than the blob's size", async () => {
  const endless = () =>
    new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(CHUNK_BYTES)) });
  const blob = streamed(BYTES, [endless]);
  const { downloads } = create();
  const { sink, size } = collector();
  await assert.rejects(downloads.deliver(blob.remote, sink), /longer than the blob/);
  assert.ok(size() <= blob.size);
});

Deno.test("downloads: a sink that is slow to take a stream is no stall", async () => {
  using clock = new FakeClock();
  const blob = streamed(BYTES, [wholeOf(BYTES)]);
  let streams = 0;
  const { whole } = blob;
  blob.whole = () => {
    streams++;
    return whole!();
  };
  const signals: AbortSignal[] = [];
  const stream = blob.stream.bind(blob);
  blob.stream = (guard) => {
    signals.push(guard.signal);
    return stream(guard);
  };
  const { downloads } = create();
  await downloads.deliver(blob.remote, () => clock.tick(600_000));
  assert.equal(streams, 1);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false]);
});
