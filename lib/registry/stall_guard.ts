import { Failure } from "../errors.ts";

/** Ends one request when no byte has come for too long. */
export class StallGuard implements Disposable {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #limit: number;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #parent: AbortSignal;
  readonly #abort: () => void;
  #last = performance.now();
  #isPaused = false;
  #stall: Failure | undefined;

  /** @param limit milliseconds */
  constructor(limit: number, parent: AbortSignal, purpose: string) {
    this.#limit = limit;
    this.#parent = parent;
    this.signal = this.#controller.signal;
    this.#abort = () => this.#controller.abort(parent.reason);
    parent.addEventListener("abort", this.#abort, { once: true });
    if (parent.aborted) this.#abort();
    this.#timer = setInterval(() => {
      if (this.#isPaused || performance.now() - this.#last < this.#limit) return;
      clearInterval(this.#timer);
      this.#stall = new Failure("timeout", `Cannot ${purpose}: no byte for ${limit / 1000} s`, {
        hint: "Check the network to the registry, or raise KIT_STALL_TIMEOUT",
      });
      this.#controller.abort(this.#stall);
    }, Math.min(1000, limit / 4));
  }

  /** Nothing is expected from the network until the next `touch`. */
  pause(): void {
    this.#isPaused = true;
  }

  /** A byte has come. */
  touch(): void {
    this.#isPaused = false;
    this.#last = performance.now();
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
