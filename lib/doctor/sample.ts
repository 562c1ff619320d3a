import { formatBytes } from "../format_bytes.ts";
import { IgnoredRange } from "../registry/blob.ts";
import type { ReadableBlob } from "../registry/mirrored_blob.ts";
import { type Remark, Warning } from "./finding.ts";

const SAMPLE_BYTES = 1024 * 1024;

/**
 * Reads the beginning of a blob as a run does, and throws it away: whoever it is redirected to answers too, and how fast
 * one connection is shows. It is a true part of the blob, so that a registry without ranges is found.
 */
export async function readStart(blob: ReadableBlob): Promise<Remark> {
  const length = Math.min(SAMPLE_BYTES, Math.max(1, Math.floor(blob.size / 2)));
  const started = performance.now();
  let first = 0;
  try {
    await blob.read(0, length, {
      next: () => {
        first ||= performance.now() - started;
        return Promise.resolve({ buffer: new ArrayBuffer(length), length });
      },
      full: () => {},
      abandon: () => {},
    });
  } catch (error) {
    if (!(error instanceof IgnoredRange)) throw error;
    return new Warning(
      "The registry sends layers only as a whole: one connection, and one that breaks begins again",
      "Use a registry, or a mirror in KIT_MIRRORS, that answers requests with Range",
    );
  }
  const ms = performance.now() - started;
  const speed = `${formatBytes(length / ms * 1000)}/s`;
  return `${formatBytes(length)} of a layer, the first after ${
    Math.round(first)
  } ms, ${speed} on one connection`;
}
