import assert from "node:assert/strict";
import { Failure } from "../lib/errors.ts";
import { retry, type RetryOptions, sleep } from "../lib/retry.ts";
import { recordLog } from "./support/recorded_log.ts";

/** An operation that fails as often as there are errors, and what it and its waits were. */
function flaky(errors: unknown[], options: Partial<RetryOptions> = {}) {
  const { log, lines } = recordLog();
  const world = { calls: 0, waits: [] as number[], lines };
  const result = retry(() => {
    const error = errors[world.calls++];
    return error === undefined ? Promise.resolve("done") : Promise.reject(error);
  }, {
    attempts: 6,
    signal: new AbortController().signal,
    log,
    random: () => 1,
    delay: (ms) => {
      world.waits.push(ms);
      return Promise.resolve();
    },
    ...options,
  });
  return { world, result };
}

const transient = (message = "Cannot reach it") =>
  new Failure("unavailable", message, { host: "h.io" });

Deno.test("retry: what succeeds is not repeated", async () => {
  const { world, result } = flaky([]);
  assert.equal(await result, "done");
  assert.deepEqual([world.calls, world.waits, world.lines], [1, [], []]);
});

Deno.test("retry: a transient failure is repeated, and each time said with its host", async () => {
  const { world, result } = flaky([transient(), transient()]);
  assert.equal(await result, "done");
  assert.equal(world.calls, 3);
  assert.deepEqual(world.lines.map((line) => line.replace(/^\S+ /, "")), [
    "WARN  Cannot reach it: trying again in 500 ms attempt=1 attempts=6 host=h.io",
    "WARN  Cannot reach it: trying again in 1000 ms attempt=2 attempts=6 host=h.io",
  ]);
});

Deno.test("retry: waits double up to 20 s", async () => {
  const { world, result } = flaky(Array.from({ length: 9 }, () => transient()), { attempts: 10 });
  await result;
  assert.deepEqual(world.waits, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
});

Deno.test("retry: jitter is full, from nothing to the whole wait", async () => {
  const numbers = [0, 0.5, 0.25];
  const { world, result } = flaky([transient(), transient(), transient()], {
    random: () => numbers.shift()!,
  });
  await result;
  assert.deepEqual(world.waits, [0, 500, 500]);
});

Deno.test("retry: what the other side asks to wait is added", async () => {
  const error = new Failure("unavailable", "Too many requests", { retryAfter: 7000 });
  const { world, result } = flaky([error]);
  await result;
  assert.deepEqual(world.waits, [7500]);
});

Deno.test("retry: the last attempt's error counts", async () => {
  const { world, result } = flaky([transient("one"), transient("two"), transient("three")], {
    attempts: 3,
  });
  await assert.rejects(result, { message: "three" });
  assert.deepEqual([world.calls, world.waits.length], [3, 2]);
});

const FINAL: [name: string, error: unknown][] = [
  ["a refused password", new Failure("auth", "no")],
  [
    "an outcome that is worth it, but not this time",
    new Failure("unavailable", "x", { transient: false }),
  ],
  ["an error that was not foreseen", new TypeError("bug")],
];
for (const [name, error] of FINAL) {
  Deno.test(`retry: ${name} is final`, async () => {
    const { world, result } = flaky([error]);
    await assert.rejects(result, error as Error);
    assert.deepEqual([world.calls, world.waits], [1, []]);
  });
}

Deno.test("retry: after an abort the reason is thrown, and nothing is repeated", async () => {
  const stop = new AbortController();
  const reason = new Failure("terminated", "Stopped");
  stop.abort(reason);
  const { world, result } = flaky([transient()], { signal: stop.signal });
  await assert.rejects(result, reason);
  assert.deepEqual([world.calls, world.waits], [1, []]);
});

Deno.test("retry: an abort ends the wait", async () => {
  const stop = new AbortController();
  const reason = new Failure("terminated", "Stopped");
  const { world, result } = flaky([transient()], {
    signal: stop.signal,
    delay: (_, signal) => {
      stop.abort(reason);
      return sleep(3_600_000, signal);
    },
  });
  await assert.rejects(result, reason);
  assert.equal(world.calls, 1);
});

Deno.test("retry: sleep ends by itself, and leaves no listener at the signal", async () => {
  const { signal } = new AbortController();
  const listeners = new Set<unknown>();
  signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
  signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
  const sleeping = sleep(1, signal);
  assert.equal(listeners.size, 1);
  await sleeping;
  assert.equal(listeners.size, 0);
});

Deno.test("retry: an abort in the middle of sleep is final, and its timer is gone", async () => {
  const stop = new AbortController();
  const sleeping = sleep(3_600_000, stop.signal);
  stop.abort(new Failure("interrupt", "Stopped"));
  await assert.rejects(sleeping, { message: "Stopped" });
});
