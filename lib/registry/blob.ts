import { Failure } from "../errors.ts";
import type { Log } from "../log.ts";
import { backoff, sleep } from "../retry.ts";
import type { RegistryClient, RegistryRequest } from "./client.ts";
import { damageFailure, networkFailure, statusFailure } from "./status.ts";
import { openBody } from "./body.ts";
import { type Chunks, readInto, type ReadState } from "./chunks.ts";
import { MIN_RATE, StallGuard } from "./stall_guard.ts";

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
  /** Told of the bytes of ranges as they come. */
  onBytes?(count: number): void;
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
    const { onBytes } = this.#options;
    const state: ReadState = { position: start, end, chunks, filled: 0, onBytes };
    try {
      await this.retrying(() => this.#attempt(state), () => state.position);
    } catch (error) {
      if (state.current !== undefined) chunks.abandon(state.current.buffer);
      throw error;
    }
  }

  /** Repeats an attempt that failed for a passing reason, counted anew after progress that is worth the name. */
  async retrying(attempt: () => Promise<void>, progress: () => number): Promise<void> {
    const { attempts, signal, log, onRetry, client } = this.#options;
    for (let count = 1, before = progress(), since = performance.now();; count++) {
      try {
        return await attempt();
      } catch (error) {
        signal.throwIfAborted();
        const failure = networkFailure(error, this.#purpose, client.host);
        if (!(failure instanceof Failure) || !failure.transient) throw failure;
        const [now, position] = [performance.now(), progress()];
        const rate = (position - before) * 1000 / (now - since);
        if (position > before && rate >= MIN_RATE) count = 1;
        [before, since] = [position, now];
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
    using body = openBody(response, state.end - from);
    try {
      await readInto(body.fill, state, guard);
    } catch (error) {
      guard.throwIfStalled();
      throw error;
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
        await response.body?.cancel().catch(() => {});
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
      response.body?.cancel().catch(() => {});
      throw damageFailure(
        `blob ${this.digest}`,
        `it has ${total} bytes, and the manifest says ${this.size}`,
        { host: this.#options.client.host },
      );
    }
    if (status === 200 && from === 0 && length === this.size) return;
    const sent = Number(headers.get("Content-Length") ?? length);
    const isWanted = Number(range?.[1]) === from && Number(range?.[2]) === from + length - 1;
    if (status === 206 && isWanted && sent === length) return;
    response.body?.cancel().catch(() => {});
    if (status === 200) throw new IgnoredRange();
    throw new TypeError(
      `asked for bytes ${from}-${from + length - 1}, got ${
        range?.[0] ?? `status ${status}`
      } in ${sent} bytes`,
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
