// A range of a blob, from a registry that answers whatever it likes.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../lib/errors.ts";
import { RemoteBlob } from "../../lib/registry/blob.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { recordLog } from "../support/recorded_log.ts";
import { withoutJitter } from "../support/without_jitter.ts";
import { fuzz, textOf } from "./fuzz.ts";

const SIZE = 400;
const BUFFER = 64;
const BYTES = Uint8Array.from({ length: SIZE }, (_, index) => (index * 7) ^ (index >> 4));

/** One answer to a request for the bytes from `first` to `last`. */
type Answer = (first: number, last: number) => Response | TypeError;

const stream = (bytes: Uint8Array<ArrayBuffer>, parts: number, breaks: boolean) =>
  new ReadableStream<Uint8Array<ArrayBuffer>>({
    type: "bytes",
    start(controller) {
      const length = Math.max(1, Math.ceil(bytes.length / parts));
      for (let at = 0; at < bytes.length; at += length) {
        controller.enqueue(bytes.slice(at, at + length));
      }
      if (breaks) controller.error(new TypeError("connection reset"));
      else controller.close();
    },
  });

const right = (first: number, last: number) => ({
  status: 206,
  headers: { "Content-Range": `bytes ${first}-${last}/${SIZE}` },
});
const parts = fc.integer({ min: 1, max: 9 });
const number = fc.oneof(
  fc.nat(SIZE + 2).map(String),
  fc.constantFrom("*", "-1", "1e3", "", "0x9", "9".repeat(30)),
);

/** What a registry that means well may do. */
const honest: fc.Arbitrary<Answer> = fc.oneof(
  fc.tuple(parts, fc.nat(SIZE), fc.boolean()).map(
    ([parts, keep, breaks]): Answer => (first, last) =>
      new Response(
        stream(BYTES.slice(first, Math.min(last + 1, first + keep)), parts, breaks),
        right(first, last),
      ),
  ),
  fc.constantFrom(429, 500, 503).map((status): Answer => () => new Response("busy", { status })),
  fc.constant<Answer>(() => new TypeError("connection refused")),
);
/** What one that is broken or hostile may do. */
const broken: fc.Arbitrary<Answer> = fc.oneof(
  fc.tuple(number, number, number).map(([from, to, total]): Answer => (first, last) =>
    new Response(stream(BYTES.slice(first, last + 1), 1, false), {
      status: 206,
      headers: { "Content-Range": `bytes ${from}-${to}/${total}` },
    })
  ),
  textOf("bytes ", "0-399", "/400", "*", "-", "/").filter((text) => /^[ -~]*$/.test(text)).map(
    (text): Answer => (first, last) =>
      new Response(stream(BYTES.slice(first, last + 1), 2, false), {
        status: 206,
        headers: { "Content-Range": text },
      }),
  ),
  fc.tuple(fc.integer({ min: -3, max: 3 }), parts).map(([more, parts]): Answer => (first, last) =>
    new Response(
      stream(BYTES.slice(first, Math.max(first, last + 1 + more)), parts, false),
      right(first, last),
    )
  ),
  fc.constantFrom(200, 201, 204, 304, 400, 403, 404, 410, 416).map((status): Answer => () =>
    new Response([204, 304].includes(status) ? null : BYTES, { status })
  ),
);

const range = fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: SIZE })).map((
  [start, length],
): [number, number] => [start, Math.min(SIZE, start + length)]);

/** Reads a range from a registry that gives these answers and then right ones. Counts the buffers. */
async function read([start, end]: [number, number], answers: Answer[], attempts: number) {
  const next = answers.values();
  const client = new RegistryClient({
    host: "registry.test",
    plainHttp: false,
    credentialsFor: () => Promise.resolve(undefined),
    fetch: (_, init) => {
      const asked = new Headers(init.headers).get("Range")!;
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked)!.map(Number);
      assert.ok(first >= start && first <= last && last === end - 1, `${asked} was asked for`);
      const answer = (next.next().value ?? right206)(first, last);
      return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer);
    },
  });
  const blob = new RemoteBlob({
    ...{ client, repository: "a", digest: `sha256:${"ab".repeat(32)}`, size: SIZE, attempts },
    ...{ stallTimeout: 60_000, log: recordLog().log, signal: new AbortController().signal },
  });
  const got: number[] = [];
  let [out, left] = [0, end - start];
  using _quick = withoutJitter();
  let failure: unknown;
  try {
    await blob.read(start, end, {
      next: () => {
        out++;
        return Promise.resolve({ buffer: new ArrayBuffer(BUFFER), length: Math.min(BUFFER, left) });
      },
      full: (buffer) => {
        out--;
        const part = new Uint8Array(buffer, 0, Math.min(BUFFER, left));
        got.push(...part);
        left -= part.length;
      },
      abandon: () => out--,
    });
  } catch (error) {
    failure = error;
  }
  assert.equal(out, 0, "every buffer comes back");
  assert.deepEqual(got, [...BYTES.slice(start, start + got.length)], "only right bytes");
  return { failure, isWhole: got.length === end - start };
}

const right206: Answer = (first, last) =>
  new Response(stream(BYTES.slice(first, last + 1), 3, false), right(first, last));

fuzz(
  "a range is put together from whatever breaks on the way",
  [range, fc.array(honest, { maxLength: 6 })],
  async (range, answers) => {
    const { failure, isWhole } = await read(range, answers, 7);
    assert.equal(failure, undefined);
    assert.ok(isWhole);
  },
  { cost: 4 },
);

fuzz(
  "a range is whole and right, or ends with a reason, whatever is answered",
  [range, fc.array(fc.oneof(broken, honest), { maxLength: 6 })],
  async (range, answers) => {
    const { failure, isWhole } = await read(range, answers, 3);
    if (failure === undefined) assert.ok(isWhole);
    else assert.ok(failure instanceof Failure, String(failure));
  },
  { cost: 4 },
);
