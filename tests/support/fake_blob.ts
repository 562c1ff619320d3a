import { createHash } from "node:crypto";
import type { RemoteBlob } from "../../lib/registry/blob.ts";
import type { Chunks } from "../../lib/registry/chunks.ts";
import type { StallGuard } from "../../lib/registry/stall_guard.ts";

/** Bytes that are different at every place where a mistake could put them. */
export function patterned(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let index = 0, state = seed; index < words.length; index++) {
    words[index] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  }
  return new Uint8Array(words.buffer, 0, size);
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** A blob in memory. */
export class FakeBlob {
  readonly digest: string;
  readonly size: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The ranges that were asked for. */
  readonly ranges: [number, number][] = [];
  /** Every buffer that was ever handed out. */
  readonly buffers: Set<ArrayBuffer>;
  /** Before each buffer: may wait, or throw what the range ends with. */
  before?: (position: number) => void | Promise<void>;
  /** The answer of a registry that ignores ranges; with it `read` is not to be used. */
  whole?: () => ReadableStream<Uint8Array<ArrayBuffer>>;
  /** As that of a blob that came from mirrors. */
  distrust?: () => boolean;

  constructor(bytes: Uint8Array<ArrayBuffer>, buffers = new Set<ArrayBuffer>()) {
    this.bytes = bytes;
    this.size = bytes.byteLength;
    this.digest = sha256(bytes);
    this.buffers = buffers;
  }

  async read(start: number, end: number, chunks: Chunks): Promise<void> {
    this.ranges.push([start, end]);
    for (let position = start; position < end;) {
      const { buffer, length } = await chunks.next();
      this.buffers.add(buffer);
      try {
        await this.before?.(position);
      } catch (error) {
        chunks.abandon(buffer);
        throw error;
      }
      const part = this.bytes.subarray(position, Math.min(end, position + length));
      new Uint8Array(buffer).set(part);
      position += length;
      // As the real one: what is less than was wanted is not full.
      if (part.byteLength === length) chunks.full(buffer);
    }
  }

  async retrying(attempt: () => Promise<void>): Promise<void> {
    for (let count = 1;; count++) {
      try {
        return await attempt();
      } catch (error) {
        if (count === 3) throw error;
      }
    }
  }

  stream(_guard: StallGuard): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    return Promise.resolve(this.whole!());
  }

  /** For what takes a blob of a registry: it uses nothing else of one. */
  get remote(): RemoteBlob {
    return this as unknown as RemoteBlob;
  }
}
