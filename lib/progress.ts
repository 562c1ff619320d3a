import type { Log } from "./log.ts";

const LINE_EVERY_MS = 10_000;
const BAR_EVERY_MS = 200;
const BAR_WIDTH = 28;

export interface ProgressOptions {
  log: Log;
  /** What is under way, as the first word of a line: the URI. */
  uri: string;
  /** Bytes expected, 0 if unknown. */
  total: number;
  /** Bytes so far. */
  done(): Promise<number>;
  /** Draws on a terminal, where standard error is one and the log is text: replaces the line that it drew before. */
  draw?(text: string): void;
}

/** Shows how far a transfer is: a bar on a terminal, otherwise a line of the log every 10 s. */
export class Progress implements Disposable {
  /** Bytes at the last look. */
  bytes = 0;
  readonly #options: ProgressOptions;
  readonly #started = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastLine = performance.now();
  #looking = false;
  #disposed = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), options.draw === undefined ? 1000 : BAR_EVERY_MS);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.bytes = await this.#options.done();
      if (!this.#disposed) this.#show();
    } finally {
      this.#looking = false;
    }
  }

  #show(): void {
    const { log, uri, total, draw } = this.#options;
    const now = performance.now();
    const seconds = (now - this.#started) / 1000;
    // What is on disk can be a little more than the layers: folders and several files of one layer.
    const part = total === 0 ? 0 : Math.min(1, this.bytes / total);
    const rate = `${formatBytes(this.bytes / seconds)}/s`;
    if (draw !== undefined) {
      const filled = Math.round(part * BAR_WIDTH);
      const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
      draw(`${bar} ${Math.floor(part * 100)} % of ${formatBytes(total)}, ${rate}`);
      return;
    }
    if (now - this.#lastLine < LINE_EVERY_MS) return;
    this.#lastLine = now;
    log.info(`Unpacking: ${formatBytes(this.bytes)} of ${formatBytes(total)}, ${rate}`, {
      uri,
      bytes: this.bytes,
      total,
      percent: Math.floor(part * 100),
      seconds: Math.round(seconds),
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearInterval(this.#timer);
    this.#options.draw?.("");
  }
}

/** A number of bytes as people read it, in powers of 1000: `1.5 GB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** The total size in bytes of the files below a folder that another process is filling. */
export async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const entry of Deno.readDir(path)) {
      const child = `${path}/${entry.name}`;
      if (entry.isDirectory) bytes += await folderBytes(child);
      else bytes += (await Deno.lstat(child)).size;
    }
  } catch {
    // It is not there yet, or no longer.
  }
  return bytes;
}
