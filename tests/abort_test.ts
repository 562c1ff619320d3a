import assert from "node:assert/strict";
import { orAborted } from "../lib/abort.ts";

const REASON = new Error("stopped");

Deno.test("abort: what ends first is answered", async () => {
  const { signal } = new AbortController();
  assert.equal(await orAborted(Promise.resolve(7), signal), 7);
  await assert.rejects(orAborted(Promise.reject(new Error("broken")), signal), /broken/);
});

Deno.test("abort: what never ends is left when the signal comes", async () => {
  const stop = new AbortController();
  const waiting = orAborted(new Promise(() => {}), stop.signal);
  stop.abort(REASON);
  await assert.rejects(waiting, REASON);
});

Deno.test("abort: after the signal nothing is waited for, and a later failure is nobody's", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await assert.rejects(orAborted(promise, AbortSignal.abort(REASON)), REASON);
  reject(new Error("too late"));
  await promise.catch(() => {});
});
