import type { Log } from "./log.ts";

/** A Kitfile is a page; one that is longer is cut, since each line of it becomes one of the log. */
const MAX_LINES = 200;
const MAX_BYTES = 16 * 1024;

/** Shows the Kitfile that was unpacked into a folder, as upstream's entrypoint does: its beginning, if it is long. */
export async function showKitfile(root: string, log: Log): Promise<void> {
  using file = await Deno.open(`${root}/Kitfile`);
  const { size } = await file.stat();
  const buffer = new Uint8Array(MAX_BYTES);
  const length = await file.read(buffer) ?? 0;
  // Streaming: a character that is cut in two is left out.
  const start = new TextDecoder().decode(buffer.subarray(0, length), { stream: true });
  const lines = start.split("\n").slice(0, MAX_LINES);
  const text = lines.join("\n");
  const rest = size - new TextEncoder().encode(text).length;
  log.info("Unpacked ModelKit:");
  for (const line of text.trimEnd().split("\n")) log.info(`  ${line}`);
  if (rest > 1) log.info(`  … and ${rest} more bytes of the Kitfile`);
}
