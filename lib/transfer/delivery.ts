import { createHash, type Hash } from "node:crypto";
import type { ReadableBlob } from "../registry/mirrored_blob.ts";
import { StallGuard } from "../registry/stall_guard.ts";
import { damageFailure } from "../registry/status.ts";

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

/** What has been delivered of one blob: the same bytes go to the hash and to the sink. */
export class Delivery {
  bytes = 0;
  readonly #hash: Hash;
  readonly #blob: ReadableBlob;
  readonly #stats: TransferStats;
  #sink: Sink | undefined;
  /** The last bytes that the sink was given, or is still to be given. */
  #writing: Promise<void> | undefined;

  constructor(sink: Sink, blob: ReadableBlob, stats: TransferStats) {
    this.#sink = sink;
    this.#blob = blob;
    this.#stats = stats;
    this.#hash = createHash(blob.digest.split(":")[0]);
  }

  /**
   * Hashes bytes at once, and gives them to the sink after those before. When what this answers with is done they
   * may be used again; until then nobody touches them, so that both get the same.
   */
  take(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Kit reads while we hash.
    const written = this.#writing?.then(() => this.#write(bytes)) ?? this.#write(bytes);
    this.#writing = written;
    const started = performance.now();
    this.#hash.update(bytes);
    this.#stats.hashMs += performance.now() - started;
    this.bytes += bytes.byteLength;
    return written.then(() => {
      if (this.#writing === written) this.#writing = undefined;
      this.#stats.bytes += bytes.byteLength;
    });
  }

  async #write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#sink?.(bytes);
    } catch {
      this.#sink = undefined;
    }
  }

  verify(): void {
    const { digest } = this.#blob;
    const found = `${digest.split(":")[0]}:${this.#hash.digest("hex")}`;
    if (found === digest) return;
    throw damageFailure(`blob ${digest}`, `what the registry sent has ${found}`, {
      transient: this.#blob.distrust?.(),
    });
  }
}

/** One stream for a registry that ignores ranges; after a break what has been delivered is read over. */
export async function deliverStream(
  blob: ReadableBlob,
  delivery: Delivery,
  { stallTimeout, signal }: { stallTimeout: number; signal: AbortSignal },
): Promise<void> {
  await blob.retrying(async () => {
    using guard = new StallGuard(stallTimeout, signal, `read the blob ${blob.digest}`);
    let position = 0;
    try {
      for await (const chunk of await blob.stream(guard)) {
        const skipped = Math.min(chunk.byteLength, Math.max(0, delivery.bytes - position));
        position += chunk.byteLength;
        if (position > blob.size) throw new TypeError("the answer is longer than the blob");
        guard.took(chunk.byteLength);
        // A slow reader is no stall of the network.
        guard.pause();
        if (skipped < chunk.byteLength) await delivery.take(chunk.subarray(skipped));
        guard.resume();
      }
    } catch (error) {
      guard.throwIfStalled();
      throw error;
    }
    if (position < blob.size) throw new TypeError("the connection ended too early");
  }, () => delivery.bytes);
}
