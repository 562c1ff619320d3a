import type { ReadableBlob } from "../registry/mirrored_blob.ts";

/** Bytes of a buffer. Several of them are read with one request where few connections are enough. */
export const CHUNK_BYTES = 1024 * 1024;

/** One blob on its way. */
export interface Job {
  blob: ReadableBlob;
  chunks: number;
  /** The next chunk to ask for. */
  next: number;
  /** The chunk that kit gets now, or next. */
  head: number;
  /** Requests under way. */
  running: number;
  ready: Map<number, ArrayBuffer>;
  isOpen: boolean;
  failure?: unknown;
  wake?: () => void;
}

/** The blobs that are still to come: those that kit has opened, and those of the plan that it will open. */
export class Jobs {
  /** In the order of the plan; what nobody planned comes last. */
  readonly #all: Job[];
  /** How many are open. */
  #opened = 0;

  constructor(plan: ReadableBlob[]) {
    this.#all = plan.map(createJob);
  }

  /** The job of a blob that kit opens: the planned one, where there is one. */
  open(blob: ReadableBlob): Job {
    let job = this.#all.find((job) => job.blob.digest === blob.digest && !job.isOpen);
    if (job === undefined) this.#all.push(job = createJob(blob));
    job.isOpen = true;
    this.#opened++;
    return job;
  }

  /** Takes an opened job off the list. May be called more than once. */
  close(job: Job): void {
    const index = this.#all.indexOf(job);
    if (index === -1) return;
    this.#all.splice(index, 1);
    this.#opened--;
  }

  has(job: Job): boolean {
    return this.#all.includes(job);
  }

  /** How many come before it. */
  indexOf(job: Job): number {
    return this.#all.indexOf(job);
  }

  /** The job whose next request comes first: an opened one that has none, an opened one, or what is next. */
  mostUrgent(): { job?: Job; isStarved: boolean } {
    let open: Job | undefined;
    let next: Job | undefined;
    let unseen = this.#opened;
    for (const job of this.#all) {
      // There may be a thousand, and all of them but a few are only planned.
      if (unseen === 0 && next !== undefined) break;
      if (job.isOpen) unseen--;
      if (job.next === job.chunks || job.failure !== undefined) continue;
      if (job.isOpen && job.running === 0) return { job, isStarved: true };
      if (job.isOpen) open ??= job;
      next ??= job;
    }
    return { job: open ?? next, isStarved: false };
  }
}

function createJob(blob: ReadableBlob): Job {
  const chunks = Math.ceil(blob.size / CHUNK_BYTES);
  return { blob, chunks, next: 0, head: 0, running: 0, ready: new Map(), isOpen: false };
}

/** Bytes of one chunk of a blob. */
export function lengthOf(blob: ReadableBlob, index: number): number {
  return Math.min(CHUNK_BYTES, blob.size - index * CHUNK_BYTES);
}
