/** Bytes that may wait for a slow reader; lines that come then are dropped, since memory is all there is for them. */
const MAX_WAITING = 1024 * 1024;
/** At the end a reader is waited for so many milliseconds; after a signal main.ts leaves before that. */
const DRAIN_MS = 2000;

/** A stream that somebody reads, or nobody: the writer never waits for them, only at the end and not for long. */
export class Output {
  readonly #write: (bytes: Uint8Array) => Promise<number>;
  #waiting: string[] = [];
  #length = 0;
  #dropped = 0;
  #isJson = false;
  #isClosed = false;
  #writing: Promise<void> | undefined;

  /** @param write as `Deno.stderr.write`: answers how many bytes it took */
  constructor(write: (bytes: Uint8Array) => Promise<number>) {
    this.#write = write;
  }

  /** Whether something waits to be written. */
  get isBusy(): boolean {
    return this.#writing !== undefined;
  }

  /** Takes a text with whole lines, or one that may be lost. */
  write(text: string): void {
    if (this.#isClosed) return;
    this.#isJson = text.startsWith("{");
    if (this.#length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(text);
    this.#length += text.length;
    this.#writing ??= this.#run();
  }

  /** Waits until all is written, but no longer than `limit` milliseconds. */
  async drain(limit = DRAIN_MS): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, limit));
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  /** A line like those before it. */
  #noteDropped(): string {
    const time = new Date().toISOString();
    const message = `${this.#dropped} lines were dropped: nobody read the log`;
    return this.#isJson
      ? `${JSON.stringify({ time, level: "warn", message })}\n`
      : `${time} WARN  ${message}\n`;
  }

  async #run(): Promise<void> {
    const encoder = new TextEncoder();
    try {
      while (this.#waiting.length > 0 || this.#dropped > 0) {
        if (this.#waiting.length === 0) {
          this.#waiting.push(this.#noteDropped());
          this.#dropped = 0;
        }
        const bytes = encoder.encode(this.#waiting.join(""));
        this.#waiting = [];
        for (let offset = 0; offset < bytes.length;) {
          offset += await this.#write(bytes.subarray(offset));
        }
        this.#length = this.#waiting.reduce((sum, text) => sum + text.length, 0);
      }
    } catch {
      // Nobody will ever read; the work is worth finishing all the same.
      this.#isClosed = true;
    } finally {
      this.#writing = undefined;
    }
  }
}
