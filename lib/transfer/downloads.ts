import { IgnoredRange } from "../registry/blob.ts";
import type { Chunks } from "../registry/chunks.ts";
import type { ReadableBlob } from "../registry/mirrored_blob.ts";
import type { Concurrency } from "./concurrency.ts";
import { deliverStream, Delivery, type Sink, type TransferStats } from "./delivery.ts";
import { CHUNK_BYTES, type Job, Jobs, lengthOf } from "./jobs.ts";

/** Buffers that only what is waited for may take, so that what is fetched ahead cannot block it. */
const RESERVED = 2;

export interface DownloadsOptions {
  concurrency: Concurrency;
  /** Buffers in all: with CHUNK_BYTES the memory that the transfer takes, whatever the model's size. */
  buffers: number;
  /** What kit will open, in its order: fetched ahead while it writes. */
  plan: ReadableBlob[];
  stallTimeout: number;
  stats: TransferStats;
  signal: AbortSignal;
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
  readonly #jobs: Jobs;
  readonly #waiters: Waiter[] = [];
  #allocated = 0;
  #inFlight = 0;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#jobs = new Jobs(options.plan);
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
  async deliver(wanted: ReadableBlob, sink: Sink): Promise<void> {
    const job = this.#open(wanted);
    // The one that was planned, where there is one: it knows who has sent what was fetched ahead.
    const { blob } = job;
    const { stats } = this.#options;
    const delivery = new Delivery(sink, blob, stats);
    // While kit takes one chunk the next is awaited and hashed.
    let before = Promise.resolve();
    try {
      for (let index = 0; index < job.chunks; index++) {
        const asked = performance.now();
        const buffer = await this.#chunk(job, index);
        stats.networkMs += performance.now() - asked;
        const taken = delivery.take(new Uint8Array(buffer, 0, lengthOf(blob, index)))
          .then(() => {
            job.head = index + 1;
            this.#release(buffer);
          });
        const hashed = performance.now();
        await before;
        stats.kitMs += performance.now() - hashed;
        before = taken;
      }
    } catch (error) {
      if (!(error instanceof IgnoredRange)) throw error;
      this.#close(job);
      await deliverStream(blob, delivery, this.#options);
    } finally {
      await before;
      this.#close(job);
    }
    delivery.verify();
  }

  #open(blob: ReadableBlob): Job {
    const job = this.#jobs.open(blob);
    // What waited for a buffer ahead of its time may have one now, and nobody else need give one back.
    this.#serveWaiters();
    this.#pump();
    return job;
  }

  #close(job: Job): void {
    this.#jobs.close(job);
    const buffers = [...job.ready.values()];
    job.ready.clear();
    for (const buffer of buffers) this.#release(buffer);
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
    this.#serveWaiters();
    this.#pump();
  }

  /** Starts as many requests as the limit allows, and one for each opened blob that has none. */
  #pump(): void {
    const { concurrency, signal, stats } = this.#options;
    while (!signal.aborted) {
      const { job, isStarved } = this.#jobs.mostUrgent();
      if (job === undefined || (!isStarved && this.#inFlight >= concurrency.limit)) return;
      if (!job.isOpen && this.#available <= this.#ahead) return;
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
        if (!this.#jobs.has(job)) return this.#release(buffer);
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

  /** Buffers that what is fetched ahead leaves free: kit may open something that nobody planned. */
  get #ahead(): number {
    return Math.max(RESERVED, this.#options.buffers >> 1);
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
      const reserved = !best.job.isOpen ? this.#ahead : rank(best) > 0 ? RESERVED : 0;
      if (this.#available <= reserved) return;
      this.#waiters.splice(this.#waiters.indexOf(best), 1);
      let buffer = this.#free.pop();
      if (buffer === undefined) {
        buffer = new ArrayBuffer(CHUNK_BYTES);
        this.#allocated++;
      }
      best.resolve(buffer);
    }
  }
}
