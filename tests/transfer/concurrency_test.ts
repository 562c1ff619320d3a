import assert from "node:assert/strict";
import { Concurrency } from "../../lib/transfer/concurrency.ts";

/** A line whose whole speed, in chunks a second, depends on the number of connections. */
function run(max: number, speed: (connections: number) => number, chunks = 2000) {
  let now = 0;
  const concurrency = new Concurrency(max, () => now);
  const limits = [concurrency.limit];
  const advance = (count: number) => {
    for (let index = 0; index < count; index++) {
      now += 1000 / speed(concurrency.limit);
      concurrency.succeeded(1_000_000);
      if (concurrency.limit !== limits.at(-1)) limits.push(concurrency.limit);
    }
  };
  advance(chunks);
  return { concurrency, limits, advance, wait: (ms: number) => now += ms };
}

const CASES: [name: string, max: number, speed: (connections: number) => number, last: number][] = [
  ["each connection adds as much", 32, (n) => 10 * n, 32],
  ["more connections than two add nothing", 32, () => 40, 2],
  ["more connections than four add nothing", 32, (n) => 10 * Math.min(n, 4), 4],
  ["more connections than eight add nothing", 32, (n) => 10 * Math.min(n, 8), 8],
  ["more connections are slower", 32, (n) => 100 / n, 2],
  ["more than eight are a little faster", 32, (n) => n <= 8 ? 10 * n : 85, 8],
  ["only one is allowed", 1, (n) => 10 * n, 1],
  ["only three are allowed", 3, (n) => 10 * n, 3],
  ["ten are allowed, which is no power of two", 10, (n) => 10 * n, 10],
];

for (const [name, max, speed, last] of CASES) {
  Deno.test(`connections: ${name}: ends with ${last}, and never more than ${max}`, () => {
    const { limits } = run(max, speed);
    assert.equal(limits.at(-1), last);
    assert.ok(limits.every((limit) => limit >= 1 && limit <= max), `${limits}`);
  });
}

Deno.test("connections: few at first, then twice as many each time", () => {
  assert.deepEqual(run(32, (n) => 10 * n).limits, [2, 4, 8, 16, 32]);
});

/** So many chunks without trouble bring one connection back. */
const CALM = 64;

Deno.test("connections: trouble that goes on halves them, down to one", () => {
  const { concurrency, wait } = run(32, (n) => 10 * n);
  const limits = Array.from({ length: 7 }, () => {
    wait(1000);
    concurrency.troubled();
    return concurrency.limit;
  });
  assert.deepEqual(limits, [16, 8, 4, 2, 1, 1, 1]);
});

Deno.test("connections: complaints within a second are one", () => {
  const { concurrency, wait } = run(32, (n) => 10 * n);
  for (let count = 0; count < 10; count++) {
    concurrency.troubled();
    wait(99);
  }
  assert.equal(concurrency.limit, 16);
  wait(10);
  concurrency.troubled();
  assert.equal(concurrency.limit, 8);
});

Deno.test("connections: after trouble one by one as many as before, and no more", () => {
  const { concurrency, advance, limits } = run(32, (n) => 10 * Math.min(n, 8));
  concurrency.troubled();
  limits.length = 0;
  limits.push(concurrency.limit);
  advance(CALM - 1);
  assert.deepEqual(limits, [4]);
  advance(1);
  assert.deepEqual(limits, [4, 5]);
  advance(2000);
  assert.deepEqual(limits, [4, 5, 6, 7, 8]);
});

Deno.test("connections: trouble on the way back counts from anew, up to as many as at first", () => {
  const { concurrency, advance, wait, limits } = run(32, (n) => 10 * Math.min(n, 8));
  concurrency.troubled();
  advance(CALM);
  assert.equal(concurrency.limit, 5);
  advance(CALM - 1);
  wait(1000);
  concurrency.troubled();
  limits.length = 0;
  advance(2000);
  assert.deepEqual(limits, [2, 3, 4, 5, 6, 7, 8]);
});

for (
  const [name, speed, chunks, before, last] of [
    ["at the start", (n: number) => 10 * n, 0, 2, 32],
    ["while they grow", (n: number) => 10 * n, 70, 8, 32],
    ["before it was seen that fewer are enough", (n: number) => 10 * Math.min(n, 4), 60, 8, 4],
    ["after that", (n: number) => 10 * Math.min(n, 4), 2000, 4, 4],
  ] as [string, (n: number) => number, number, number, number][]
) {
  Deno.test(`connections: trouble ${name} does not keep them from ending with ${last}`, () => {
    const { concurrency, advance } = run(32, speed, chunks);
    assert.equal(concurrency.limit, before);
    concurrency.troubled();
    advance(5000);
    assert.equal(concurrency.limit, last);
  });
}

Deno.test("connections: a clock that stands still breaks nothing", () => {
  const concurrency = new Concurrency(8, () => 5);
  for (let count = 0; count < 500; count++) concurrency.succeeded(1);
  assert.ok(concurrency.limit >= 1 && concurrency.limit <= 8);
});
