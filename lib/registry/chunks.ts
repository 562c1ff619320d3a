import type { StallGuard } from "./stall_guard.ts";

/** Where bytes go: one buffer after the other, each handed out empty and given back full. */
export interface Chunks {
  /** Waits for a buffer. Only its first `length` bytes are wanted. */
  next(): Promise<{ buffer: ArrayBuffer; length: number }>;
  /** The buffer, or another one of the same size in its place, is full. */
  full(buffer: ArrayBuffer): void;
  /** The buffer will not be filled. */
  abandon(buffer: ArrayBuffer): void;
}

/** How far one range has come. */
export interface ReadState {
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
export async function readInto(
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

/** Reads into the buffers by copying: what has come is kept when the stream breaks. */
export async function readCopying(
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
