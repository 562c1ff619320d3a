import { Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoff, sleep } from "../retry.ts";
import type { RegistryClient, RegistryRequest } from "./client.ts";
import { networkFailure, statusFailure } from "./status.ts";
import { StallGuard } from "./stall_guard.ts";

export interface BlobOptions {
  client: RegistryClient;
  repository: string;
  digest: string;
  /** Bytes, as the manifest says. */
  size: number;
  /** How often a range is tried without progress. */
  attempts: number;
  /** Milliseconds without a byte after which a connection is given up. */
  stallTimeout: number;
  log: Log;
  signal: AbortSignal;
  /** Told of every attempt that failed for a passing reason. */
  onRetry?(failure: Failure): void;
}

/** Statuses of an object storage whose presigned URL is used up. */
const EXPIRED_STATUSES = [400, 401, 403, 404, 410];

/** One blob in a registry, read in ranges; a range that breaks goes on where it broke. */
export class RemoteBlob {
  readonly digest: string;
  readonly size: number;
  readonly #options: BlobOptions;
  /** Where the registry redirected to, until that no longer works. */
  #location: string | undefined;

  constructor(options: BlobOptions) {
    this.digest = options.digest;
    this.size = options.size;
    this.#options = options;
  }

  /**
   * Reads the bytes from `start` up to `end` with one request, into the buffers that `chunks` hands out.
   *
   * @throws {Failure} `integrity` where the registry has another size than the manifest says
   */
  async read(start: number, end: number, chunks: Chunks): Promise<void> {
    const state: ReadState = { position: start, end, chunks, filled: 0 };
    try {
      await this.retrying(() => this.#attempt(state), () => state.position);
    } catch (error) {
      if (state.current !== undefined) chunks.abandon(state.current.buffer);
      throw error;
    }
  }

  /** Repeats an attempt that failed for a passing reason, counted anew after progress. */
  async retrying(attempt: () => Promise<void>, progress: () => number): Promise<void> {
    const { attempts, signal, log, onRetry, client } = this.#options;
    for (let count = 1, before = 0;; count++) {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        const failure = networkFailure(error, this.#purpose, client.host);
        if (!(failure instanceof Failure) || !failure.transient) throw failure;
        if (progress() > before) count = 1;
        before = progress();
        if (count >= attempts) throw failure;
        onRetry?.(failure);
        const wait = backoff(count) + (failure.retryAfter ?? 0);
        log.debug(`${failure.message}: trying again in ${wait} ms`, {
          attempt: count,
          attempts,
          host: client.host,
        });
        await sleep(wait, signal);
      }
    }
  }

  /** The whole blob as one stream, for a registry that ignores ranges. */
  async stream(guard: StallGuard): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { client } = this.#options;
    const { response } = await client.request(this.#request(guard.signal));
    this.#check(response, 0, this.size);
    return response.body ?? new ReadableStream({ start: (controller) => controller.close() });
  }

  get #purpose(): string {
    return `read the blob ${this.digest} of "${this.#options.client.host}/${this.#options.repository}"`;
  }

  #request(signal: AbortSignal, headers?: Record<string, string>): RegistryRequest {
    const { repository, digest } = this.#options;
    return { repository, path: `blobs/${digest}`, headers, purpose: this.#purpose, signal };
  }

  async #attempt(state: ReadState): Promise<void> {
    const { stallTimeout, signal } = this.#options;
    using guard = new StallGuard(stallTimeout, signal, this.#purpose);
    const from = state.position;
    const response = await this.#open(from, state.end - 1, guard);
    this.#check(response, from, state.end - from);
    if (response.body === null) throw new TypeError("the answer has no body");
    try {
      if (state.isBroken === true) await readCopying(response.body, state, guard);
      else await readInto(response.body, state, guard);
    } catch (error) {
      guard.throwIfStalled();
      throw error;
    } finally {
      state.isBroken = true;
    }
    if (state.position < state.end) throw new TypeError("the connection ended too early");
  }

  async #open(from: number, to: number, guard: StallGuard): Promise<Response> {
    const { client } = this.#options;
    const request = this.#request(guard.signal, { Range: `bytes=${from}-${to}` });
    try {
      if (this.#location !== undefined) {
        const response = await client.requestLocation(this.#location, request);
        if (response.ok) return response;
        const isRedirect = response.status >= 300 && response.status < 400;
        if (!isRedirect && !EXPIRED_STATUSES.includes(response.status)) {
          throw await statusFailure(response, this.#purpose, client.host);
        }
        await response.body?.cancel();
        this.#location = undefined;
      }
      const { response, location } = await client.request(request);
      this.#location = location;
      return response;
    } catch (error) {
      guard.throwIfStalled();
      throw error;
    }
  }

  /** Whether the answer is the range that was asked for, of a blob of the size that the manifest promises. */
  #check(response: Response, from: number, length: number): void {
    const { status, headers } = response;
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("Content-Range") ?? "");
    const total = status === 206 ? range?.[3] : headers.get("Content-Length") ?? undefined;
    if (total !== undefined && total !== "*" && Number(total) !== this.size) {
      response.body?.cancel();
      throw new Failure(
        "integrity",
        `Cannot trust the blob ${this.digest}: it has ${total} bytes, and the manifest says ${this.size}`,
        {
          host: this.#options.client.host,
          hint: "Push the ModelKit again: what the registry has is damaged",
        },
      );
    }
    if (status === 200 && from === 0 && length === this.size) return;
    if (status === 206 && Number(range?.[1]) === from && Number(range?.[2]) === from + length - 1) {
      return;
    }
    response.body?.cancel();
    if (status === 200) throw new IgnoredRange();
    throw new TypeError(
      `asked for bytes ${from}-${from + length - 1}, got ${range?.[0] ?? `status ${status}`}`,
    );
  }
}

/** The registry sends the whole blob where a range was asked for. */
export class IgnoredRange extends Failure {
  constructor() {
    super("unavailable", "Cannot read a range: the registry sends the whole blob", {
      transient: false,
    });
  }
}

/** Where bytes go: one buffer after the other, each handed out empty and given back full. */
export interface Chunks {
  /** Waits for a buffer. Only its first `length` bytes are wanted. */
  next(): Promise<{ buffer: ArrayBuffer; length: number }>;
  /** The buffer, or another one of the same size in its place, is full. */
  full(buffer: ArrayBuffer): void;
  /** The buffer will not be filled. */
  abandon(buffer: ArrayBuffer): void;
}

interface ReadState {
  /** The next byte to read. */
  position: number;
  end: number;
  chunks: Chunks;
  current?: { buffer: ArrayBuffer; length: number };
  /** Bytes that are in the current buffer. */
  filled: number;
  /** After a break the slower way is taken, which keeps what it has read when it breaks again. */
  isBroken?: boolean;
}

async function currentChunk(
  state: ReadState,
  guard: StallGuard,
): Promise<{ buffer: ArrayBuffer; length: number }> {
  if (state.current === undefined) {
    // A slow reader is no stall of the network.
    guard.pause();
    state.current = await state.chunks.next();
    guard.touch();
  }
  return state.current;
}

function advance(state: ReadState, bytes: number): void {
  state.position += bytes;
  state.filled += bytes;
  if (state.current === undefined || state.filled < state.current.length) return;
  state.chunks.full(state.current.buffer);
  state.current = undefined;
  state.filled = 0;
}

/** Reads straight into the buffers, which belong to the stream while a read is under way. */
async function readInto(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  state: ReadState,
  guard: StallGuard,
): Promise<void> {
  const reader = body.getReader({ mode: "byob" });
  try {
    while (state.position < state.end) {
      const current = await currentChunk(state, guard);
      const size = current.buffer.byteLength;
      const view = new Uint8Array(current.buffer, state.filled, current.length - state.filled);
      const { value, done } = await reader.read(view).catch((error: unknown) => {
        // The buffer of a read that failed is gone, and what was in it.
        current.buffer = new ArrayBuffer(size);
        state.position -= state.filled;
        state.filled = 0;
        throw error;
      });
      if (value !== undefined) {
        current.buffer = value.buffer;
        advance(state, value.byteLength);
      }
      if (done) return;
      guard.touch();
    }
    // The end is read too, so that the connection can be used again.
    const { value } = await reader.read(new Uint8Array(1));
    if (value !== undefined && value.byteLength > 0) {
      throw new TypeError("the answer is longer than its range");
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    throw error;
  } finally {
    reader.releaseLock();
  }
}

async function readCopying(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  state: ReadState,
  guard: StallGuard,
): Promise<void> {
  for await (const bytes of body) {
    for (let offset = 0; offset < bytes.byteLength;) {
      if (state.position === state.end) throw new TypeError("the answer is longer than its range");
      const { buffer, length } = await currentChunk(state, guard);
      const part = bytes.subarray(offset, offset + length - state.filled);
      new Uint8Array(buffer).set(part, state.filled);
      offset += part.byteLength;
      advance(state, part.byteLength);
    }
    guard.touch();
  }
}
