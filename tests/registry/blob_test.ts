import assert from "node:assert/strict";
import { type BlobOptions, IgnoredRange, RemoteBlob } from "../../lib/registry/blob.ts";
import type { Chunks } from "../../lib/registry/chunks.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { StallGuard } from "../../lib/registry/stall_guard.ts";
import { Failure } from "../../lib/errors.ts";
import { failureOf } from "../support/failure.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { answerBlob, breaking, rangeOf, type Site, TestNetwork } from "../support/network.ts";
import { recordLog } from "../support/recorded_log.ts";
import { withoutJitter } from "../support/without_jitter.ts";

const REGISTRY = "https://registry.test";
const STORAGE = "https://storage.test";
const SIZE = 10_000;
const BUFFER = 1_000;
const BYTES = Uint8Array.from({ length: SIZE }, (_, index) => (index * 7) ^ (index >> 8));
const DIGEST = `sha256:${"ab".repeat(32)}`;

interface BlobWorld extends AsyncDisposable {
  network: TestNetwork;
  blob: RemoteBlob;
  retries: Failure[];
  /** The ranges that were asked for, in their order. */
  ranges(): ([number, number] | undefined)[];
}

function world(
  sites: Record<string, Site>,
  { attempts = 3, stallTimeout = 60_000, signal = new AbortController().signal, onBytes }: Partial<
    Pick<BlobOptions, "attempts" | "stallTimeout" | "signal" | "onBytes">
  > = {},
): BlobWorld {
  const network = new TestNetwork(sites);
  const retries: Failure[] = [];
  const client = new RegistryClient({
    host: "registry.test",
    plainHttp: false,
    fetch: network.fetch,
    credentialsFor: () => Promise.resolve(undefined),
  });
  const blob = new RemoteBlob({
    ...{ client, repository: "org/model", digest: DIGEST, size: SIZE, attempts, stallTimeout },
    ...{ signal, log: recordLog().log, onRetry: (failure) => void retries.push(failure) },
    onBytes,
  });
  return {
    network,
    blob,
    retries,
    ranges: () => network.visits.map(rangeOf),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** Takes the bytes from `start` up to `end` in buffers of 1,000 bytes. */
class Collector implements Chunks {
  readonly parts: Uint8Array[] = [];
  out = 0;
  constructor(public left: number, readonly before?: () => void | Promise<void>) {}

  async next() {
    await this.before?.();
    this.out++;
    return { buffer: new ArrayBuffer(BUFFER), length: Math.min(BUFFER, this.left) };
  }

  full(buffer: ArrayBuffer) {
    this.out--;
    assert.equal(buffer.byteLength, BUFFER);
    this.parts.push(new Uint8Array(buffer, 0, Math.min(BUFFER, this.left)));
    this.left -= BUFFER;
  }

  abandon(buffer: ArrayBuffer) {
    assert.equal(buffer.byteLength, BUFFER);
    this.out--;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.parts.flatMap((part) => [...part]));
  }
}

async function readAll({ blob }: BlobWorld, start = 0, end = SIZE): Promise<Uint8Array> {
  const collector = new Collector(end - start);
  await blob.read(start, end, collector);
  assert.equal(collector.out, 0);
  return collector.bytes;
}

const RANGES = [[0, 1], [0, SIZE], [0, BUFFER], [BUFFER, 2 * BUFFER], [3000, 7001], [
  SIZE - 1,
  SIZE,
]];

for (const [start, end] of RANGES) {
  Deno.test(`blob: bytes ${start} up to ${end} with one request`, async () => {
    await using here = world({ [REGISTRY]: (visit) => answerBlob(visit, BYTES) });
    assert.deepEqual(await readAll(here, start, end), BYTES.slice(start, end));
    assert.deepEqual(here.ranges(), [[start, end - 1]]);
    assert.equal(here.network.visits[0].path, `/v2/org/model/blobs/${DIGEST}`);
  });
}

/** The first answers break after so many bytes each. */
function breakingSite(after: number[], end: typeof breaking): Site {
  let count = 0;
  return (visit) => {
    const limit = after[count++];
    if (limit === undefined) return answerBlob(visit, BYTES);
    return answerBlob(visit, BYTES, (part) => end(part.slice(0, limit)));
  };
}

const ending: typeof breaking = (bytes) => new Blob([bytes]).stream();

for (const [how, end] of [["is reset", breaking], ["ends early", ending]] as const) {
  Deno.test(`blob: a range that ${how} goes on where it broke`, async () => {
    using _ = withoutJitter();
    await using here = world({ [REGISTRY]: breakingSite([2500, 3300, 1], end) });
    assert.deepEqual(await readAll(here), BYTES);
    const starts = here.ranges().map((range) => range![0]);
    assert.equal(starts[0], 0);
    // The buffer of the first break may be lost, and nothing of later ones.
    assert.ok(starts[1] >= 2000 && starts[1] <= 2500, `${starts}`);
    assert.deepEqual(starts.slice(2), [starts[1] + 3300, starts[1] + 3301]);
    assert.equal(here.retries.length, 3);
    assert.deepEqual(here.ranges().map((range) => range![1]), Array(4).fill(SIZE - 1));
  });
}

Deno.test("blob: what comes slowly is told of before a buffer is full", async () => {
  const counts: number[] = [];
  const heard = Promise.withResolvers<void>();
  const halting = (part: Uint8Array) =>
    new ReadableStream({
      async start(controller) {
        controller.enqueue(part.subarray(0, 100));
        await heard.promise;
        controller.enqueue(part.subarray(100));
        controller.close();
      },
    });
  const onBytes = (count: number) => {
    counts.push(count);
    heard.resolve();
  };
  const site: Site = (visit) => answerBlob(visit, BYTES, halting);
  await using here = world({ [REGISTRY]: site }, { onBytes, stallTimeout: 500, attempts: 1 });
  assert.deepEqual(await readAll(here, 0, BUFFER), BYTES.slice(0, BUFFER));
  assert.deepEqual(counts, [100, 900]);
});

Deno.test("blob: attempts count anew after progress, and end without any", async () => {
  using _ = withoutJitter();
  await using here = world({
    [REGISTRY]: (visit) =>
      rangeOf(visit)![0] < 5000
        ? answerBlob(visit, BYTES, (part) => ending(part.slice(0, 1000)))
        : new Response("", { status: 503 }),
  }, { attempts: 2 });
  const collector = new Collector(SIZE);
  const failure = await failureOf(() => here.blob.read(0, SIZE, collector));
  assert.equal(failure.outcome, "unavailable");
  assert.match(failure.message, /answered 503/);
  assert.equal(collector.out, 0);
  assert.deepEqual(collector.bytes, BYTES.slice(0, 5000));
  // Five with progress, the sixth is the first without any.
  assert.equal(here.network.visits.length, 5 + 2 - 1);
});

Deno.test("blob: a little now and then is no progress: attempts are not counted anew", async () => {
  using _ = withoutJitter();
  using clock = new FakeClock();
  await using here = world({
    [REGISTRY]: async (visit) => {
      await clock.tick(10_000);
      return answerBlob(visit, BYTES, (part) => ending(part.slice(0, 100)));
    },
  }, { attempts: 4 });
  const collector = new Collector(SIZE);
  const failure = await failureOf(() => here.blob.read(0, SIZE, collector));
  assert.equal(failure.outcome, "unavailable");
  assert.equal(here.network.visits.length, 4);
});

Deno.test("blob: what breaks for good gives its buffer back", async () => {
  using _ = withoutJitter();
  await using here = world({
    [REGISTRY]: (visit) => answerBlob(visit, BYTES, (part) => breaking(part.slice(0, 10))),
  }, { attempts: 1 });
  const collector = new Collector(SIZE);
  assert.equal((await failureOf(() => here.blob.read(0, SIZE, collector))).outcome, "unavailable");
  assert.equal(collector.out, 0);
});

const withHeaders = (headers: Record<string, string>, status = 206) => () =>
  new Response(BYTES, { status, headers });

const BAD: [name: string, site: Site, outcome: string, tries: number, says: RegExp][] = [
  [
    "another size in total",
    withHeaders({ "Content-Range": `bytes 0-${SIZE - 1}/${SIZE + 1}` }),
    "integrity",
    1,
    /it has 10001 bytes, and the manifest says 10000/,
  ],
  [
    "another size as a whole",
    () => new Response(BYTES.slice(1)),
    "integrity",
    1,
    /it has 9999 bytes/,
  ],
  ["416", () => new Response("", { status: 416 }), "integrity", 1, /shorter than the manifest/],
  ["404", () => new Response("", { status: 404 }), "not found", 1, /no such/],
  ["403", () => new Response("", { status: 403 }), "auth", 1, /403/],
  ["503", () => new Response("", { status: 503 }), "unavailable", 3, /503/],
  ["429", () => new Response("", { status: 429 }), "unavailable", 3, /429/],
  ["204", () => new Response(null, { status: 204 }), "unavailable", 3, /status 204/],
  [
    "another range",
    withHeaders({ "Content-Range": `bytes 1-${SIZE - 1}/*` }),
    "unavailable",
    3,
    /asked for bytes 0-9999, got bytes 1-9999/,
  ],
  ["206 without a range", withHeaders({}), "unavailable", 3, /got status 206/],
];

for (const [name, site, outcome, tries, says] of BAD) {
  Deno.test(`blob: an answer with ${name} is ${outcome}, after ${tries} attempts`, async () => {
    using _ = withoutJitter();
    await using here = world({ [REGISTRY]: site });
    const failure = await failureOf(() => here.blob.read(0, SIZE, new Collector(SIZE)));
    assert.equal(failure.outcome, outcome);
    assert.match(failure.message, says);
    assert.equal(failure.host, "registry.test");
    assert.equal(here.network.visits.length, tries);
    assert.equal(here.retries.length, tries - 1);
  });
}

Deno.test("blob: more bytes than its range are an error, and none of them is taken", async () => {
  using _ = withoutJitter();
  const longer = (part: Uint8Array<ArrayBuffer>) => new Blob([part, "x"]).stream();
  await using here = world({ [REGISTRY]: (visit) => answerBlob(visit, BYTES, longer) });
  const collector = new Collector(SIZE);
  const failure = await failureOf(() => here.blob.read(0, SIZE, collector));
  assert.equal(failure.outcome, "unavailable");
  assert.deepEqual(collector.bytes, BYTES.subarray(0, SIZE - BUFFER));
  assert.equal(collector.out, 0);
});

Deno.test("blob: a registry that sends the whole blob for a range is told apart, at once", async () => {
  await using here = world({ [REGISTRY]: () => new Response(BYTES) });
  const failure = await failureOf(() => here.blob.read(1000, 2000, new Collector(1000)));
  assert.ok(failure instanceof IgnoredRange);
  assert.equal(here.network.visits.length, 1);
});

Deno.test("blob: the whole blob for a range that is the whole blob is taken", async () => {
  await using here = world({ [REGISTRY]: () => new Response(BYTES) });
  assert.deepEqual(await readAll(here), BYTES);
});

Deno.test("blob: a connection that stalls is a timeout, then tried again where it was", async () => {
  using _ = withoutJitter();
  let count = 0;
  await using here = world({
    [REGISTRY]: (visit) =>
      answerBlob(
        visit,
        BYTES,
        (part) => ++count === 1 ? here.network.stalling(part.slice(0, 3000)) : part,
      ),
  }, { stallTimeout: 80 });
  assert.deepEqual(await readAll(here), BYTES);
  assert.deepEqual(here.ranges().map((range) => range![0]), [0, 3000]);
  assert.deepEqual(here.retries.map(({ outcome }) => outcome), ["timeout"]);
});

Deno.test("blob: a registry that never answers is a timeout in the end", async () => {
  using _ = withoutJitter();
  await using here = world({ [REGISTRY]: () => here.network.never() }, {
    stallTimeout: 40,
    attempts: 2,
  });
  const failure = await failureOf(() => here.blob.read(0, SIZE, new Collector(SIZE)));
  assert.equal(failure.outcome, "timeout");
  assert.match(failure.message, /no byte for 0\.04 s/);
  assert.equal(here.network.visits.length, 2);
});

Deno.test("blob: a reader that is slow to hand out buffers is no stall", async () => {
  using clock = new FakeClock();
  await using here = world({ [REGISTRY]: (visit) => answerBlob(visit, BYTES) }, {
    stallTimeout: 1000,
  });
  const collector = new Collector(SIZE, () => clock.tick(60_000));
  await here.blob.read(0, SIZE, collector);
  assert.deepEqual(collector.bytes, BYTES);
  assert.deepEqual(here.retries, []);
});

Deno.test("blob: the end of the run ends it with the run's own reason", async () => {
  const run = new AbortController();
  await using here = world({
    [REGISTRY]: (visit) =>
      answerBlob(visit, BYTES, () => here.network.stalling(BYTES.slice(0, 10))),
  }, { signal: run.signal });
  const over = new Failure("terminated", "Ended");
  const collector = new Collector(SIZE, () => void setTimeout(() => run.abort(over), 20));
  assert.equal(await failureOf(() => here.blob.read(0, SIZE, collector)), over);
  assert.equal(collector.out, 0);
});

const expired = [301, 400, 401, 403, 404, 410];

for (const status of expired) {
  Deno.test(`blob: a redirect is remembered, and renewed when it ends with ${status}`, async () => {
    let signature = 0;
    let valid = 0;
    await using here = world({
      [REGISTRY]: () => {
        valid = ++signature;
        const Location = `${STORAGE}/blob?signature=${signature}`;
        return new Response(null, { status: 307, headers: { Location } });
      },
      [STORAGE]: (visit) =>
        visit.path.endsWith(`=${valid}`)
          ? answerBlob(visit, BYTES)
          : new Response("", { status, headers: status === 301 ? { Location: "/x" } : {} }),
    });
    const ends = [2000, 4000, 6000, 8000];
    for (const end of ends) {
      if (end === 6000) valid = 0;
      assert.deepEqual(await readAll(here, end - 2000, end), BYTES.slice(end - 2000, end));
    }
    assert.equal(here.network.of(REGISTRY).length, 2);
    assert.deepEqual(here.network.of(STORAGE).map(({ path }) => path.at(-1)), [..."11122"]);
    assert.deepEqual(here.retries, []);
  });
}

Deno.test("blob: a stream of the whole, and one of another size is refused", async () => {
  await using here = world({ [REGISTRY]: () => new Response(BYTES) });
  using guard = new StallGuard(60_000, new AbortController().signal, "read");
  const stream = await here.blob.stream(guard);
  assert.deepEqual(new Uint8Array(await new Response(stream).arrayBuffer()), BYTES);
  await using other = world({ [REGISTRY]: () => new Response("short") });
  assert.equal((await failureOf(() => other.blob.stream(guard))).outcome, "integrity");
});
