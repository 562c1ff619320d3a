import { Failure } from "../errors.ts";

/**
 * Bytes a second, for each connection. What comes more slowly is no progress: a registry that sends a little within each
 * limit would else hold a pod for ever. A modem's line that eight connections share gives each of them more.
 */
export const MIN_RATE = 256;

/** Ends one request when nothing, or next to nothing, has come for too long. */
export class StallGuard implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #limit: number;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #parent: AbortSignal;
  readonly #abort: () => void;
  readonly #enough: number;
  /** Since when, and how much has come since then. */
  #since = performance.now();
  #bytes = 0;
  #pausedAt: number | undefined;
  #stall: Failure | undefined;

  /** @param limit milliseconds */
  constructor(limit: number, parent: AbortSignal, purpose: string) {
    this.#limit = limit;
    this.#enough = MIN_RATE * limit / 1000;
    this.#parent = parent;
    this.signal = this.#controller.signal;
    this.#abort = () => this.#controller.abort(parent.reason);
    parent.addEventListener("abort", this.#abort, { once: true });
    if (parent.aborted) this.#abort();
    this.#timer = setInterval(() => {
      if (this.#pausedAt !== undefined || performance.now() - this.#since < this.#limit) return;
      clearInterval(this.#timer);
      const came = this.#bytes === 0
        ? `no byte for ${limit / 1000} s`
        : `only ${this.#bytes} bytes in ${limit / 1000} s`;
      this.#stall = new Failure("timeout", `Cannot ${purpose}: ${came}`, {
        hint: "Check the network to the registry, or raise KIT_STALL_TIMEOUT",
      });
      this.#controller.abort(this.#stall);
    }, Math.min(1000, limit / 4));
  }

  /** Nothing is expected from the network until `resume`: that time does not count. */
  pause(): void {
    this.#pausedAt = performance.now();
  }

  resume(): void {
    if (this.#pausedAt !== undefined) this.#since += performance.now() - this.#pausedAt;
    this.#pausedAt = undefined;
  }

  /** So many bytes have come. The time begins anew when together they are worth it. */
  took(count: number): void {
    this.#bytes += count;
    if (this.#bytes < this.#enough) return;
    this.#bytes = 0;
    this.#since = performance.now();
  }

  /** @throws {Failure} `timeout` where this guard ended the request */
  throwIfStalled(): void {
    if (this.#stall !== undefined) throw this.#stall;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#parent.removeEventListener("abort", this.#abort);
  }
}
