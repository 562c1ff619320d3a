import { TextLineStream } from "@std/streams/text-line-stream";

/**
 * The lines of a stream of UTF-8 bytes, each at most `limit` characters long; what a longer one has more is
 * dropped, since a stream that never ends a line would otherwise fill the memory.
 */
export function linesOf(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  limit: number,
): ReadableStream<string> {
  return bytes
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(boundLines(limit))
    .pipeThrough(new TextLineStream());
}

function boundLines(limit: number): TransformStream<string, string> {
  let room = limit;
  return new TransformStream({
    transform(chunk, controller) {
      let kept = "";
      for (const [index, part] of chunk.split("\n").entries()) {
        if (index > 0) {
          kept += "\n";
          room = limit;
        }
        kept += part.slice(0, room);
        room = Math.max(0, room - part.length);
      }
      if (kept !== "") controller.enqueue(kept);
    },
  });
}
