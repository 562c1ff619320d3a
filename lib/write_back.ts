import { orAborted } from "./abort.ts";
import { sync } from "./tree.ts";

const EVERY_MS = 250;
/** Bytes that a file must have grown by to be worth it; small ones are written in no time at the end. */
export const WORTH_BYTES = 32 * 1024 * 1024;

/**
 * Writes large files that another process is filling to the disk as they grow. Publishing waits until everything is
 * there; without this it would wait for the whole model at the end, with the network idle.
 */
export class WriteBack implements AsyncDisposable {
  readonly #root: string;
  readonly #written = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #signal: AbortSignal;
  #running: Promise<void> | undefined;

  /** @param signal ends the waiting for the disk when it is disposed of */
  constructor(root: string, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
    this.#timer = setInterval(() => {
      this.#running ??= this.#write(this.#root)
        // What fails here fails again, and is said, when it is published.
        .catch(() => {})
        .finally(() => this.#running = undefined);
    }, EVERY_MS);
  }

  async #write(folder: string): Promise<void> {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await this.#write(path);
      else if (entry.isFile) {
        const { size } = await Deno.lstat(path);
        if (size - (this.#written.get(path) ?? 0) < WORTH_BYTES) continue;
        await sync(path);
        this.#written.set(path, size);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await orAborted(Promise.resolve(this.#running), this.#signal).catch(() => {});
  }
}
