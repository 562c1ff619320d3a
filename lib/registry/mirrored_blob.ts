import { IgnoredRange, type RemoteBlob } from "./blob.ts";
import type { Chunks } from "./chunks.ts";
import type { Mirror } from "./mirror.ts";
import type { StallGuard } from "./stall_guard.ts";

/** A blob that can be read in ranges, or as one stream where ranges are ignored. */
export type ReadableBlob = Pick<RemoteBlob, "digest" | "size" | "read" | "retrying" | "stream"> & {
  /**
   * What was read of it has another digest.
   *
   * @returns whether it may be had elsewhere from now on
   */
  distrust?(): boolean;
};

/** A mirror's blob. */
export interface Replica {
  mirror: Mirror;
  blob: RemoteBlob;
}

/** One blob in a registry and in its mirrors: what a mirror cannot finish the next one goes on with. */
export class MirroredBlob implements ReadableBlob {
  readonly digest: string;
  readonly size: number;
  readonly #origin: RemoteBlob;
  readonly #replicas: Replica[];
  readonly #signal: AbortSignal;
  /** Those whose bytes were taken. */
  readonly #served = new Set<Mirror>();
  /** Where the present stream comes from. */
  #source: { blob: RemoteBlob; mirror?: Mirror };

  /** @param signal ends what is read, without anybody's fault */
  constructor(origin: RemoteBlob, replicas: Replica[], signal: AbortSignal) {
    this.digest = origin.digest;
    this.size = origin.size;
    this.#origin = origin;
    this.#source = { blob: origin };
    this.#replicas = replicas;
    this.#signal = signal;
  }

  async read(start: number, end: number, chunks: Chunks): Promise<void> {
    let position = start;
    let length = 0;
    await this.#first((blob, mirror) =>
      blob.read(position, end, {
        next: async () => {
          const chunk = await chunks.next();
          length = chunk.length;
          return chunk;
        },
        full: (buffer) => {
          if (mirror !== undefined) this.#served.add(mirror);
          position += length;
          chunks.full(buffer);
        },
        abandon: (buffer) => chunks.abandon(buffer),
      })
    );
  }

  async retrying(attempt: () => Promise<void>, progress: () => number): Promise<void> {
    await this.#first((blob, mirror) => {
      this.#source = { blob, mirror };
      return blob.retrying(attempt, progress);
    });
  }

  async stream(guard: StallGuard): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const { blob, mirror } = this.#source;
    const body = await blob.stream(guard);
    if (mirror !== undefined) this.#served.add(mirror);
    return body;
  }

  distrust(): boolean {
    for (const mirror of this.#served) mirror.distrust();
    return this.#served.size > 0;
  }

  async #first(work: (blob: RemoteBlob, mirror?: Mirror) => Promise<void>): Promise<void> {
    for (const { blob, mirror } of this.#replicas) {
      if (mirror.isOut) continue;
      try {
        await work(blob, mirror);
        return mirror.succeeded();
      } catch (error) {
        this.#signal.throwIfAborted();
        // No fault: a cache that has to fetch the blob itself sends the whole of it.
        if (error instanceof IgnoredRange) throw error;
        mirror.failed(error);
      }
    }
    await work(this.#origin);
  }
}
