import type { Fill } from "./connection.ts";
import type { StallGuard } from "./stall_guard.ts";

/** Where bytes go: one buffer after the other, each handed out empty and given back full. */
export interface Chunks {
  /** Waits for a buffer. Only its first `length` bytes are wanted. */
  next(): Promise<{ buffer: ArrayBuffer; length: number }>;
  full(buffer: ArrayBuffer): void;
  /** The buffer will not be filled. */
  abandon(buffer: ArrayBuffer): void;
}

/** How far one range has come. What has been read is kept when the connection breaks. */
export interface ReadState {
  /** The next byte to read. */
  position: number;
  end: number;
  chunks: Chunks;
  current?: { buffer: ArrayBuffer; length: number };
  /** Bytes that are in the current buffer. */
  filled: number;
  /** Told of bytes as they come: on a slow network a buffer takes minutes. */
  onBytes?(count: number): void;
}

/** Reads into the buffers until the range or what is sent of it ends. */
export async function readInto(fill: Fill, state: ReadState, guard: StallGuard): Promise<void> {
  const took = (count: number) => {
    guard.took(count);
    state.position += count;
    state.filled += count;
    state.onBytes?.(count);
  };
  while (state.position < state.end) {
    if (state.current === undefined) {
      // A slow reader is no stall of the network.
      guard.pause();
      state.current = await state.chunks.next();
      guard.resume();
    }
    const { buffer, length } = state.current;
    await fill(new Uint8Array(buffer, state.filled, length - state.filled), took);
    if (state.filled < length) return;
    state.chunks.full(buffer);
    state.current = undefined;
    state.filled = 0;
  }
}
