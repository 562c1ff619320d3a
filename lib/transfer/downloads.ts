import { createHash, type Hash } from "node:crypto";
import { Failure } from "../errors.ts";
import { IgnoredRange, type RemoteBlob } from "../registry/blob.ts";
import { StallGuard } from "../registry/stall_guard.ts";
import type { Concurrency } from "./concurrency.ts";

/** Bytes of a range. Smaller ones cost more requests, larger ones more memory. */
export const CHUNK_BYTES = 2 * 1024 * 1024;
/** Buffers that only the blobs that kit has opened may use, so that what is fetched ahead cannot block them. */
const RESERVED = 2;

/** Takes bytes of a blob in order. They may be used again when it is done; it rejects when nobody reads any more. */
export type Sink = (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

/** What the transfer cost, in bytes and in milliseconds that the delivery waited for each part. */
export interface TransferStats {
  bytes: number;
  retries: number;
  connections: number;
  networkMs: number;
  hashMs: number;
  kitMs: number;
}

export interface DownloadsOptions {
  concurrency: Concurrency;
  /** Buffers in all: with CHUNK_BYTES the memory that the transfer takes, whatever the model's size. */
  buffers: number;
  /** What kit will open, in its order: fetched ahead while it writes. */
  plan: RemoteBlob[];
  stallTimeout: number;
  stats: TransferStats;
  signal: AbortSignal;
}

/** One blob on its way. */
interface Job {
  blob: RemoteBlob;
  chunks: number;
  /** The next chunk to ask for. */
  next: number;
  ready: Map<number, ArrayBuffer>;
  isOpen: boolean;
  failure?: unknown;
  wake?: () => void;
}

/**
 * Fetches blobs in ranges on several connections and delivers each in order, hashed. Buffers are given to chunks in
 * the order in which they will be needed, so the chunk that is waited for always has one.
 */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #free: ArrayBuffer[] = [];
  readonly #jobs: Job[];
  #allocated = 0;
  #inFlight = 0;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#jobs = options.plan.map(createJob);
  }

  /** Begins to fetch what is planned. */
  start(): void {
    this.#pump();
  }

  /**
   * Delivers a whole blob to `sink` and checks its digest. When the sink no longer takes anything the rest is read
   * and hashed all the same: kit stops at the end of the tar, and what comes after it counts too.
   *
   * @throws {Failure} `integrity` where the digest is another one, or why the blob could not be read
   */
  async deliver(blob: RemoteBlob, sink: Sink): Promise<void> {
    const job = this.#open(blob);
    const delivery = new Delivery(sink, blob, this.#options.stats);
    try {
      for (let index = 0; index < job.chunks; index++) {
        const started = performance.now();
        const buffer = await this.#chunk(job, index);
        this.#options.stats.networkMs += performance.now() - started;
        await delivery.take(new Uint8Array(buffer, 0, lengthOf(blob, index)));
        this.#release(buffer);
      }
    } catch (error) {
      if (!(error instanceof IgnoredRange)) throw error;
      this.#close(job);
      await this.#deliverStream(blob, delivery);
    } finally {
      this.#close(job);
    }
    delivery.verify();
  }

  #open(blob: RemoteBlob): Job {
    const known = this.#jobs.find((job) => job.blob.digest === blob.digest && !job.isOpen);
    const job = known ?? createJob(blob);
    if (known === undefined) this.#jobs.push(job);
    job.isOpen = true;
    this.#pump();
    return job;
  }

  #close(job: Job): void {
    const index = this.#jobs.indexOf(job);
    if (index !== -1) this.#jobs.splice(index, 1);
    for (const buffer of job.ready.values()) this.#free.push(buffer);
    job.ready.clear();
    this.#pump();
  }

  async #chunk(job: Job, index: number): Promise<ArrayBuffer> {
    for (;;) {
      this.#options.signal.throwIfAborted();
      const buffer = job.ready.get(index);
      if (buffer !== undefined) {
        job.ready.delete(index);
        return buffer;
      }
      if (job.failure !== undefined) throw job.failure;
      await new Promise<void>((resolve) => job.wake = resolve);
    }
  }

  #release(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#pump();
  }

  /** Starts as many ranges as connections and buffers allow. */
  #pump(): void {
    const { concurrency, signal } = this.#options;
    while (this.#inFlight < concurrency.limit && !signal.aborted) {
      const job = this.#nextJob();
      if (job === undefined) return;
      const buffer = this.#free.pop() ?? new ArrayBuffer(CHUNK_BYTES);
      this.#inFlight++;
      this.#options.stats.connections = Math.max(this.#options.stats.connections, this.#inFlight);
      this.#fetch(job, job.next++, buffer);
    }
  }

  #nextJob(): Job | undefined {
    const available = this.#free.length + this.#options.buffers - this.#allocated;
    if (available <= 0) return undefined;
    const isWanting = (job: Job) => job.next < job.chunks && job.failure === undefined;
    const open = this.#jobs.find((job) => job.isOpen && isWanting(job));
    const job = open ?? (available > RESERVED ? this.#jobs.find(isWanting) : undefined);
    if (job !== undefined && this.#free.length === 0) this.#allocated++;
    return job;
  }

  async #fetch(job: Job, index: number, buffer: ArrayBuffer): Promise<void> {
    const { concurrency } = this.#options;
    const length = lengthOf(job.blob, index);
    try {
      const filled = await job.blob.read(index * CHUNK_BYTES, length, buffer);
      concurrency.succeeded(length);
      if (this.#jobs.includes(job)) job.ready.set(index, filled);
      else this.#free.push(filled);
    } catch (error) {
      job.failure ??= error;
      this.#free.push(buffer.detached ? new ArrayBuffer(CHUNK_BYTES) : buffer);
    } finally {
      this.#inFlight--;
      job.wake?.();
      this.#pump();
    }
  }

  /** One stream for a registry that ignores ranges; after a break what has been delivered is read over. */
  async #deliverStream(blob: RemoteBlob, delivery: Delivery): Promise<void> {
    const { stallTimeout, signal } = this.#options;
    await blob.retrying(async () => {
      using guard = new StallGuard(stallTimeout, signal, `read the blob ${blob.digest}`);
      let position = 0;
      try {
        for await (const chunk of await blob.stream(guard)) {
          const skipped = Math.min(chunk.byteLength, Math.max(0, delivery.bytes - position));
          position += chunk.byteLength;
          if (skipped < chunk.byteLength) await delivery.take(chunk.subarray(skipped));
          guard.touch();
        }
      } catch (error) {
        guard.throwIfStalled();
        throw error;
      }
      if (position < blob.size) throw new TypeError("the connection ended too early");
    }, () => delivery.bytes);
  }
}

/** What has been delivered of one blob: the same bytes go to the hash and to the sink. */
class Delivery {
  bytes = 0;
  readonly #hash: Hash;
  readonly #blob: RemoteBlob;
  readonly #stats: TransferStats;
  #sink: Sink | undefined;

  constructor(sink: Sink, blob: RemoteBlob, stats: TransferStats) {
    this.#sink = sink;
    this.#blob = blob;
    this.#stats = stats;
    this.#hash = createHash(blob.digest.split(":")[0]);
  }

  async take(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Kit reads while we hash; the buffer is touched by nobody until both are done.
    const written = this.#sink?.(bytes).catch(() => this.#sink = undefined);
    const started = performance.now();
    this.#hash.update(bytes);
    const hashed = performance.now();
    await written;
    this.bytes += bytes.byteLength;
    this.#stats.bytes += bytes.byteLength;
    this.#stats.hashMs += hashed - started;
    this.#stats.kitMs += performance.now() - hashed;
  }

  verify(): void {
    const { digest } = this.#blob;
    const found = `${digest.split(":")[0]}:${this.#hash.digest("hex")}`;
    if (found === digest) return;
    throw new Failure(
      "integrity",
      `Cannot trust the blob ${digest}: what the registry sent has ${found}`,
      {
        hint: "Push the ModelKit again, or look at what stands between here and the registry",
      },
    );
  }
}

function createJob(blob: RemoteBlob): Job {
  const chunks = Math.ceil(blob.size / CHUNK_BYTES);
  return { blob, chunks, next: 0, ready: new Map(), isOpen: false };
}

function lengthOf(blob: RemoteBlob, index: number): number {
  return Math.min(CHUNK_BYTES, blob.size - index * CHUNK_BYTES);
}
