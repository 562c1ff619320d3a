import assert from "node:assert/strict";
import { Rate } from "../lib/rate.ts";

/** A rate after so many seconds, of which each adds what `growth` says, looked at 5 times a second. */
function after(seconds: number, growth: (second: number) => number, rate = new Rate(0, 0)): Rate {
  let amount = 0;
  for (let tick = 1; tick <= 5 * seconds; tick++) {
    amount += growth(Math.floor((tick - 1) / 5)) / 5;
    rate.add(amount, 200 * tick);
  }
  return rate;
}

const near = (found: number | undefined, wanted: number, part = 0.02) =>
  assert.ok(Math.abs(found! - wanted) <= part * wanted, `${found} is not about ${wanted}`);

Deno.test("rate: of an even growth speed and time left are exact", () => {
  for (const seconds of [3, 30, 300]) {
    const rate = after(seconds, () => 100);
    near(rate.speed, 100, 1e-9);
    near(rate.left(500), 5, 1e-9);
  }
});

Deno.test("rate: the speed is that of the last 5 seconds", () => {
  near(after(65, (second) => second < 60 ? 100 : 10).speed, 10);
  assert.equal(after(65, (second) => second < 60 ? 100 : 0).speed, 0);
});

Deno.test("rate: the time left does not jump with a gust, and follows a change that stays", () => {
  const calm = after(60, () => 100).left(6000)!;
  near(after(62, (second) => second < 60 ? 100 : 500).left(6000), calm, 0.4);
  near(after(62, (second) => second < 60 ? 100 : 0).left(6000), calm, 0.2);
  near(after(180, (second) => second < 60 ? 100 : 50).left(6000), 2 * calm, 0.02);
});

Deno.test("rate: what begins slowly does not count for ever", () => {
  near(after(90, (second) => second < 10 ? 0 : 100).left(1000), 10, 0.02);
});

Deno.test("rate: in the first 2 s nobody can tell the time left", () => {
  assert.equal(after(1, () => 100).left(500), undefined);
  assert.notEqual(after(3, () => 100).left(500), undefined);
});

Deno.test("rate: nothing comes: no speed, and no time left", () => {
  const rate = after(30, () => 0);
  assert.deepEqual([rate.speed, rate.left(1)], [0, undefined]);
});

Deno.test("rate: of something that takes for ever there is no time left", () => {
  assert.equal(after(30, () => 0.001).left(1e12), undefined);
});

Deno.test("rate: before the first look there is no speed", () => {
  assert.deepEqual([new Rate(0, 0).speed, new Rate(0, 0).left(1)], [0, undefined]);
});

Deno.test("rate: an amount that goes back begins anew", () => {
  const rate = after(30, () => 1000);
  rate.add(0, 30_200);
  assert.deepEqual([rate.speed, rate.left(1)], [0, undefined]);
  for (let tick = 1; tick <= 15; tick++) rate.add(2 * tick, 30_200 + 200 * tick);
  near(rate.speed, 10);
  near(rate.left(100), 10);
});

Deno.test("rate: two looks at the same moment are one", () => {
  const rate = after(3, () => 100);
  rate.add(1e9, 3000);
  near(rate.speed, 100);
});
