// Blobs that a kit opens in any order, from a registry that answers in any order: each arrives in whole.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { Concurrency } from "../../lib/transfer/concurrency.ts";
import { Downloads } from "../../lib/transfer/downloads.ts";
import { CHUNK_BYTES } from "../../lib/transfer/jobs.ts";
import { FakeBlob, patterned, sha256 } from "../support/fake_blob.ts";
import { fuzz } from "./fuzz.ts";

/** Rounds of the event loop in which nothing happens before a delivery counts as stuck. */
const PATIENCE = 200;
const PATTERN = patterned(3 * CHUNK_BYTES + 7);

const blobs = fc.array(
  fc.record({
    size: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 100 }) },
      { weight: 1, arbitrary: fc.integer({ min: CHUNK_BYTES - 1, max: PATTERN.length }) },
    ),
    isPlanned: fc.boolean(),
    /** Rounds of the event loop until the registry answers, and until kit takes what it is given. */
    answers: fc.nat(6),
    takes: fc.nat(3),
  }),
  { minLength: 1, maxLength: 14 },
);

fuzz(
  "no order of answers and of opened blobs keeps one from arriving",
  [blobs, fc.integer({ min: 3, max: 16 }), fc.integer({ min: 1, max: 8 }), fc.nat(), fc.nat(2)],
  async (specs, buffers, connections, order, together) => {
    const all = specs.map((spec, index) => {
      const blob = new FakeBlob(PATTERN.slice(index % 5, index % 5 + spec.size));
      const read = blob.read.bind(blob);
      blob.read = async (...range) => {
        await rounds(spec.answers);
        await read(...range);
      };
      return { ...spec, blob };
    });
    const downloads = new Downloads({
      concurrency: new Concurrency(connections),
      buffers,
      plan: all.filter(({ isPlanned }) => isPlanned).map(({ blob }) => blob.remote),
      stallTimeout: 60_000,
      stats: { bytes: 0, retries: 0, connections: 0, networkMs: 0, hashMs: 0, kitMs: 0 },
      signal: new AbortController().signal,
    });
    downloads.start();
    let steps = 0;
    let isDone = false;
    // So many at once as connections of a kit; each goes on with the next one.
    const queue = shuffled(all, order);
    const work = Promise.all(Array.from({ length: together + 1 }, async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { blob, takes } = next;
        const parts: Uint8Array[] = [];
        await downloads.deliver(blob.remote, async (bytes) => {
          await rounds(takes);
          parts.push(bytes.slice());
          steps++;
        });
        assert.equal(sha256(Buffer.concat(parts)), blob.digest);
        steps++;
      }
    })).finally(() => isDone = true);
    for (let idle = 0, seen = 0; !isDone; idle = steps === seen ? idle + 1 : 0, seen = steps) {
      assert.ok(idle < PATIENCE, "a delivery waits for ever");
      await rounds(1);
    }
    await work;
  },
  { cost: 10 },
);

async function rounds(count: number): Promise<void> {
  for (; count > 0; count--) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Every order can come of some `seed`. */
function shuffled<T>(items: T[], seed: number): T[] {
  const left = [...items];
  const result: T[] = [];
  for (let rest = seed; left.length > 0; rest = Math.floor(rest / items.length)) {
    result.push(...left.splice(rest % left.length, 1));
  }
  return result;
}
