import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { MIN_RATE, StallGuard } from "../../lib/registry/stall_guard.ts";
import { FakeClock } from "../support/fake_clock.ts";

const LIMIT = 10_000;
const never = new AbortController().signal;

Deno.test("stall guard: ends the request when no byte came for the limit, as a timeout", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  await clock.tick(LIMIT - 1);
  assert.equal(guard.signal.aborted, false);
  guard.throwIfStalled();
  await clock.tick(1001);
  assert.equal(guard.signal.aborted, true);
  assert.throws(() => guard.throwIfStalled(), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.outcome, "timeout");
    assert.equal(error.transient, true);
    assert.equal(error.message, "Cannot read the blob: no byte for 10 s");
    assert.match(error.hint ?? "", /KIT_STALL_TIMEOUT/);
    assert.equal(guard.signal.reason, error);
    return true;
  });
});

Deno.test("stall guard: as little as the lowest rate keeps it alive", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  for (let second = 0; second < 10 * LIMIT / 1000; second++) {
    await clock.tick(1000 - 1);
    guard.took(MIN_RATE);
  }
  assert.equal(guard.signal.aborted, false);
});

Deno.test("stall guard: a little within each limit is no progress, and said to be little", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  for (let second = 0; second < LIMIT / 1000; second++) {
    await clock.tick(1000);
    guard.took(10);
  }
  await clock.tick(1001);
  assert.equal(guard.signal.aborted, true);
  assert.throws(
    () => guard.throwIfStalled(),
    /^Failure: Cannot read the blob: only 90 bytes in 10 s$/,
  );
});

Deno.test("stall guard: a pause counts for nothing", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  guard.pause();
  await clock.tick(100 * LIMIT);
  guard.resume();
  await clock.tick(LIMIT - 1);
  assert.equal(guard.signal.aborted, false);
  await clock.tick(1001);
  assert.equal(guard.signal.aborted, true);
});

Deno.test("stall guard: pauses between two drops do not let it drip for ever", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  for (let second = 0; second <= LIMIT / 1000; second++) {
    await clock.tick(1000);
    guard.took(1);
    guard.pause();
    guard.resume();
  }
  assert.equal(guard.signal.aborted, true);
});

Deno.test("stall guard: a short limit is kept to a quarter of it", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(100, never, "read the blob");
  await clock.tick(99);
  assert.equal(guard.signal.aborted, false);
  await clock.tick(26);
  assert.equal(guard.signal.aborted, true);
});

Deno.test("stall guard: the run's end ends it with the run's reason, which is no stall", () => {
  using _clock = new FakeClock();
  const run = new AbortController();
  using guard = new StallGuard(LIMIT, run.signal, "read the blob");
  run.abort("terminated");
  assert.equal(guard.signal.reason, "terminated");
  guard.throwIfStalled();
});

Deno.test("stall guard: begun after the run's end it is over at once", () => {
  using _clock = new FakeClock();
  using guard = new StallGuard(LIMIT, AbortSignal.abort("terminated"), "read the blob");
  assert.equal(guard.signal.reason, "terminated");
});

Deno.test("stall guard: disposed of it leaves no timer and no listener", () => {
  using clock = new FakeClock();
  const run = new AbortController();
  const guard = new StallGuard(LIMIT, run.signal, "read the blob");
  assert.equal(clock.intervals, 1);
  guard[Symbol.dispose]();
  assert.equal(clock.intervals, 0);
  run.abort();
  assert.equal(guard.signal.aborted, false);
});
