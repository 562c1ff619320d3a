import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { StallGuard } from "../../lib/registry/stall_guard.ts";
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

Deno.test("stall guard: a byte now and then keeps it alive", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  for (let count = 0; count < 10; count++) {
    await clock.tick(LIMIT - 1);
    guard.touch();
  }
  assert.equal(guard.signal.aborted, false);
});

Deno.test("stall guard: a pause counts for nothing, and the time begins anew after it", async () => {
  using clock = new FakeClock();
  using guard = new StallGuard(LIMIT, never, "read the blob");
  guard.pause();
  await clock.tick(100 * LIMIT);
  guard.touch();
  await clock.tick(LIMIT - 1);
  assert.equal(guard.signal.aborted, false);
  await clock.tick(1001);
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
