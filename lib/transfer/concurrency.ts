/** A round that is so much faster than the best one before is worth more connections. */
const GAIN = 1.1;
const START = 4;

/**
 * How many connections are used at once: few at first, twice as many as long as that makes the whole faster, half
 * as many when the registry or the network complains.
 */
export class Concurrency {
  #limit: number;
  readonly #max: number;
  readonly #now: () => number;
  #started: number;
  #chunks = 0;
  #bytes = 0;
  #best = 0;

  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#limit = Math.min(START, max);
    this.#now = now;
    this.#started = now();
  }

  get limit(): number {
    return this.#limit;
  }

  /** A chunk of so many bytes has come. */
  succeeded(bytes: number): void {
    this.#bytes += bytes;
    if (++this.#chunks < 2 * this.#limit) return;
    const rate = this.#bytes / Math.max(1, this.#now() - this.#started);
    if (rate > this.#best * GAIN) {
      this.#limit = Math.min(this.#max, 2 * this.#limit);
      this.#best = rate;
    }
    this.#begin();
  }

  /** A request failed for a reason that may pass. */
  troubled(): void {
    this.#limit = Math.max(1, this.#limit >> 1);
    this.#best = 0;
    this.#begin();
  }

  #begin(): void {
    this.#started = this.#now();
    this.#chunks = this.#bytes = 0;
  }
}
