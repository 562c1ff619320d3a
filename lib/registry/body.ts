import type { Fill } from "./connection.ts";
import { RangeResponse } from "./range_fetch.ts";

/** The bytes of an answer, to be read once. Where they are not read to the end the connection is closed. */
export interface Body extends Disposable {
  fill: Fill;
}

/** Bytes that are read from a stream at once. */
const SCRATCH_BYTES = 64 * 1024;

/** @param length bytes that are wanted: after them the end is looked for, so that the connection can be used again */
export function openBody(response: Response, length: number): Body {
  const { body } = response;
  if (body === null) throw new TypeError("the answer has no body");
  if (response instanceof RangeResponse) {
    return { fill: response.fill, [Symbol.dispose]: () => void body.cancel().catch(() => {}) };
  }
  const reader = body.getReader({ mode: "byob" });
  // One small buffer: a stream keeps the buffer of a read that fails, and fresh ones would be garbage to collect.
  let scratch = new ArrayBuffer(SCRATCH_BYTES);
  let left = length;
  return {
    async fill(view, took) {
      for (let offset = 0; offset < view.byteLength;) {
        const wanted = Math.min(view.byteLength - offset, SCRATCH_BYTES);
        const { value, done } = await reader.read(new Uint8Array(scratch, 0, wanted));
        if (value === undefined || done) return;
        scratch = value.buffer;
        view.set(value, offset);
        offset += value.byteLength;
        left -= value.byteLength;
        if (left === 0 && !(await reader.read(new Uint8Array(1))).done) {
          throw new TypeError("the answer is longer than its range");
        }
        took(value.byteLength);
      }
    },
    [Symbol.dispose]: () => void reader.cancel().catch(() => {}),
  };
}
