import assert from "node:assert/strict";
import { openBody } from "../../lib/registry/body.ts";
import { RangeResponse } from "../../lib/registry/range_fetch.ts";
import { patterned } from "../support/fake_blob.ts";

/** A response with a byte stream of these parts, as fetch gives one; tells whether it was cancelled. */
function stream(...parts: Uint8Array<ArrayBuffer>[]) {
  const state = { isCancelled: false };
  let index = 0;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      if (index < parts.length) return controller.enqueue(parts[index++].slice());
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: () => void (state.isCancelled = true),
  });
  return { state, response: new Response(body) };
}

const BYTES = patterned(200_000);

for (const size of [1000, 65_536, 65_537, 200_000]) {
  Deno.test(`body: in views of ${size} bytes, whatever the parts are that it comes in`, async () => {
    const { response } = stream(BYTES.slice(0, 70_000), BYTES.slice(70_000));
    using body = openBody(response, BYTES.length);
    const read = new Uint8Array(BYTES.length);
    for (let offset = 0; offset < read.length; offset += size) {
      const view = read.subarray(offset, offset + size);
      let count = 0;
      await body.fill(view, (more) => count += more);
      assert.equal(count, view.length);
    }
    assert.deepEqual(read, BYTES);
  });
}

Deno.test("body: one that ends too early gives what there is", async () => {
  using body = openBody(stream(BYTES.slice(0, 10)).response, 20);
  const counts: number[] = [];
  await body.fill(new Uint8Array(20), (count) => counts.push(count));
  assert.deepEqual(counts, [10]);
});

Deno.test("body: one that is longer than its range is refused", async () => {
  using body = openBody(stream(BYTES.slice(0, 10), BYTES.slice(0, 1)).response, 10);
  await assert.rejects(body.fill(new Uint8Array(10), () => {}), /longer than its range/);
});

Deno.test("body: where it is left before its end the answer is cancelled", async () => {
  const { state, response } = stream(BYTES, BYTES);
  {
    using body = openBody(response, 2 * BYTES.length);
    await body.fill(new Uint8Array(10), () => {});
  }
  assert.equal(state.isCancelled, true);
});

Deno.test("body: an answer without one is an error", () => {
  assert.throws(() => openBody(new Response(null), 5), /no body/);
});

Deno.test("body: an answer that fills views itself does so, and is cancelled at the end", async () => {
  let isCancelled = false;
  const ignored = new ReadableStream({
    pull: () => assert.fail("the stream must not be read"),
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  const response = new RangeResponse(ignored, { status: 206 }, (view, took) => {
    view.fill(7);
    took(view.byteLength);
    return Promise.resolve();
  });
  const view = new Uint8Array(3);
  {
    using body = openBody(response, 3);
    let count = 0;
    await body.fill(view, (more) => count += more);
    assert.equal(count, 3);
    assert.equal(isCancelled, false);
  }
  assert.deepEqual([...view], [7, 7, 7]);
  assert.equal(isCancelled, true);
});
