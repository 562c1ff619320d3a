import { createHash, type Hash } from "node:crypto";
import { Failure } from "../errors.ts";
import { type Chunks, IgnoredRange, type RemoteBlob } from "../registry/blob.ts";
import { StallGuard } from "../registry/stall_guard.ts";
import type { Concurrency } from "./concurrency.ts";

/** Bytes of a buffer. Several of them are read with one request where few connections are enough. */
export const CHUNK_BYTES = 1024 * 1024;
/** Buffers that only what is waited for may take, so that what is fetched ahead cannot block it. */
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
  /** The chunk that kit gets next. */
  head: number;
  /** Requests under way. */
  running: number;
  ready: Map<number, ArrayBuffer>;
  isOpen: boolean;
  failure?: unknown;
  wake?: () => void;
}

/** A request that waits for a buffer for one chunk. */
interface Waiter {
  job: Job;
  index: number;
  resolve(buffer: ArrayBuffer): void;
  reject(reason: unknown): void;
}

/**
 * Fetches blobs in ranges on several connections and delivers each in order, hashed. The chunk that is waited for
 * always gets a buffer, and an opened blob always a connection: nothing else can keep it from going on.
 */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #free: ArrayBuffer[] = [];
  readonly #jobs: Job[];
  readonly #waiters: Waiter[] = [];
  #allocated = 0;
  #inFlight = 0;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#jobs = options.plan.map(createJob);
    options.signal.addEventListener("abort", () => {
      for (const { reject } of this.#waiters.splice(0)) reject(options.signal.reason);
    }, { once: true });
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
    const buffers = [...job.ready.values()];
    job.ready.clear();
    for (const buffer of buffers) this.#release(buffer);
    this.#pump();
  }

  async #chunk(job: Job, index: number): Promise<ArrayBuffer> {
    job.head = index;
    this.#serveWaiters();
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
    this.#serveWaiters();
    this.#pump();
  }

  /** Starts as many requests as the limit allows, and one for each opened blob that has none. */
  #pump(): void {
    const { concurrency, signal, stats } = this.#options;
    while (!signal.aborted) {
      const wanting = this.#jobs.filter((job) =>
        job.next < job.chunks && job.failure === undefined
      );
      const starved = wanting.find((job) => job.isOpen && job.running === 0);
      const job = starved ?? wanting.find(({ isOpen }) => isOpen) ?? wanting[0];
      if (job === undefined || (starved === undefined && this.#inFlight >= concurrency.limit)) {
        return;
      }
      if (!job.isOpen && this.#available <= RESERVED) return;
      const first = job.next;
      job.next = Math.min(job.chunks, first + this.#span());
      job.running++;
      this.#inFlight++;
      stats.connections = Math.max(stats.connections, this.#inFlight);
      this.#fetch(job, first, job.next);
    }
  }

  /** Chunks for one request: together the requests fill all buffers. */
  #span(): number {
    return Math.max(1, Math.floor(this.#options.buffers / this.#options.concurrency.limit));
  }

  async #fetch(job: Job, first: number, end: number): Promise<void> {
    const { blob } = job;
    let index = first;
    const chunks: Chunks = {
      next: async () => ({
        buffer: await this.#acquire(job, index),
        length: lengthOf(blob, index),
      }),
      full: (buffer) => {
        this.#options.concurrency.succeeded(lengthOf(blob, index));
        const done = index++;
        if (!this.#jobs.includes(job)) return this.#release(buffer);
        job.ready.set(done, buffer);
        job.wake?.();
      },
      abandon: (buffer) => this.#release(buffer),
    };
    try {
      await blob.read(first * CHUNK_BYTES, Math.min(blob.size, end * CHUNK_BYTES), chunks);
    } catch (error) {
      job.failure ??= error;
    } finally {
      job.running--;
      this.#inFlight--;
      job.wake?.();
      this.#pump();
    }
  }

  get #available(): number {
    return this.#free.length + this.#options.buffers - this.#allocated;
  }

  #acquire(job: Job, index: number): Promise<ArrayBuffer> {
    this.#options.signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ job, index, resolve, reject });
      this.#serveWaiters();
    });
  }

  /** Hands out buffers: first for what kit waits for, then in order for opened blobs, then for what is ahead. */
  #serveWaiters(): void {
    while (this.#waiters.length > 0 && this.#available > 0) {
      const rank = ({ job, index }: Waiter) =>
        job.isOpen ? index - job.head : Number.MAX_SAFE_INTEGER / 2 + this.#jobs.indexOf(job);
      const best = this.#waiters.reduce((a, b) => rank(b) < rank(a) ? b : a);
      if (rank(best) > 0 && this.#available <= RESERVED) return;
      this.#waiters.splice(this.#waiters.indexOf(best), 1);
      let buffer = this.#free.pop();
      if (buffer === undefined) {
        buffer = new ArrayBuffer(CHUNK_BYTES);
        this.#allocated++;
      }
      best.resolve(buffer);
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
          if (position > blob.size) throw new TypeError("the answer is longer than the blob");
          // A slow reader is no stall of the network.
          guard.pause();
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
  return { blob, chunks, next: 0, head: 0, running: 0, ready: new Map(), isOpen: false };
}

function lengthOf(blob: RemoteBlob, index: number): number {
  return Math.min(CHUNK_BYTES, blob.size - index * CHUNK_BYTES);
}
