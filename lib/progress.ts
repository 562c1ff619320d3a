import { barLines, percentOf, type Row } from "./bars.ts";
import { formatDuration } from "./duration.ts";
import { formatBytes } from "./format_bytes.ts";
import type { Log } from "./log.ts";
import { Rate } from "./rate.ts";
import type { Screen } from "./terminal.ts";

const LINE_EVERY_MS = 10_000;
const DRAW_EVERY_MS = 200;
const LOOK_EVERY_MS = 1000;
/** To look may mean to walk through many files: it takes at most one part in so many of the time. */
const LOOK_COST = 20;
/** Bytes that nobody looks at are a stall to who watches kit, so they are looked at well within KIT_STALL_TIMEOUT. */
const MAX_WAIT_MS = 5000;

/** A layer that is under way. */
export interface LayerProgress {
  /** As people know it: its path. */
  name: string;
  bytes: number;
  size: number;
}

/** How far a transfer is. */
export interface Measured {
  bytes: number;
  /** Bytes expected, 0 if unknown. */
  total: number;
  /** Where they can be told apart. */
  layers?: LayerProgress[];
}

export interface ProgressOptions {
  log: Log;
  /** What is under way. */
  uri: string;
  measure(): Promise<Measured>;
  /** Where bars are drawn, instead of lines of the log. */
  screen?: Screen;
}

/** Shows how far a transfer is: bars on a terminal, otherwise a line of the log every 10 s. */
export class Progress implements Disposable {
  /** Bytes at the last look. */
  bytes = 0;
  readonly #options: ProgressOptions;
  readonly #started = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #rate: Rate;
  #layerRates = new Map<string, Rate>();
  #lastLine = this.#started;
  #nextLook = this.#started;
  #looking = false;
  #disposed = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#rate = new Rate(0, this.#started);
    const every = options.screen === undefined ? LOOK_EVERY_MS : DRAW_EVERY_MS;
    this.#timer = setInterval(() => this.#look(), every);
  }

  async #look(): Promise<void> {
    const asked = performance.now();
    if (this.#looking || asked < this.#nextLook) return;
    this.#looking = true;
    try {
      const measured = await this.#options.measure();
      const now = performance.now();
      this.#nextLook = now + Math.min(MAX_WAIT_MS, LOOK_COST * (now - asked));
      this.bytes = measured.bytes;
      this.#rate.add(measured.bytes, now);
      if (!this.#disposed) this.#show(measured, now);
    } finally {
      this.#looking = false;
    }
  }

  #show({ bytes, total, layers = [] }: Measured, now: number): void {
    const { log, uri, screen } = this.#options;
    // More than was expected: what is on disk may be more than the layers, and then nobody knows how much it will be.
    const all = rowOf({ name: "Total", bytes, size: bytes > total ? 0 : total }, this.#rate);
    if (screen !== undefined) {
      return screen.draw(barLines(this.#rows(all, layers, now), screen.size()));
    }
    if (now - this.#lastLine < LINE_EVERY_MS) return;
    this.#lastLine = now;
    const { size, speed, left } = all;
    const part = size === 0 ? "" : ` of ${formatBytes(size)} (${percentOf(bytes, size)} %)`;
    const rest = left === undefined ? "" : `, ${formatDuration(left)} left`;
    log.info(`Unpacking: ${formatBytes(bytes)}${part}, ${formatBytes(speed)}/s${rest}`, {
      uri,
      bytes,
      total: size || undefined,
      percent: size === 0 ? undefined : percentOf(bytes, size),
      bytesPerSecond: Math.round(speed),
      seconds: Math.round((now - this.#started) / 1000),
      secondsLeft: left === undefined ? undefined : Math.round(left),
    });
  }

  /** Those of the layers, then that of all; of a single layer there is nothing more to say. */
  #rows(all: Row, layers: LayerProgress[], now: number): Row[] {
    const rates = new Map<string, Rate>();
    const rows = layers.map((layer) => {
      const rate = this.#layerRates.get(layer.name) ?? new Rate(layer.bytes, now);
      rate.add(layer.bytes, now);
      rates.set(layer.name, rate);
      return rowOf(layer, rate);
    });
    this.#layerRates = rates;
    const isWhole = layers.length === 1 && layers[0].size > 0.99 * all.size;
    return isWhole ? rows : [...rows, all];
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearInterval(this.#timer);
    this.#options.screen?.draw([]);
  }
}

function rowOf({ name, bytes, size }: LayerProgress, rate: Rate): Row {
  return {
    name,
    bytes,
    size,
    speed: rate.speed,
    left: size === 0 ? undefined : rate.left(size - bytes),
  };
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
