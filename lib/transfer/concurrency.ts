/** With these a registry near by is as fast as with more; that one is slow a connection shows soon. */
const START = 2;
/** Chunks until connections have got going. */
const WARM_UP = 8;
/** Chunks of one measurement: long enough to be more than noise. */
const ROUND = 24;
/** Twice as many connections are kept when they are so much faster. */
const GAIN = 1.15;
/** Complaints that come together are one: all connections break when the network does. */
const ONE_TROUBLE_MS = 1000;
/** Chunks without a complaint after which one connection more is tried again. */
const CALM = 64;

/**
 * How many connections are used at once: few at first, twice as many as long as that makes the whole faster, half
 * as many when the registry or the network complains, and then one by one as many as before. A complaint says nothing
 * of how many are good: where that was still being found out, it goes on.
 */
export class Concurrency {
  #limit: number;
  readonly #max: number;
  readonly #now: () => number;
  #started: number;
  #chunks = 0;
  #bytes = 0;
  /** Bytes a millisecond with the limit before this one; absent until there is one to compare with. */
  #rate: number | undefined;
  #isWarm = false;
  #isSettled = false;
  #troubledAt = -Infinity;
  /** What the limit may grow to again after trouble. */
  #before = 0;

  constructor(max: number, now: () => number = () => performance.now()) {
    this.#max = max;
    this.#limit = Math.min(START, max);
    this.#now = now;
    this.#started = now();
  }

  get limit(): number {
    return this.#limit;
  }

  /** So many bytes have come. */
  succeeded(bytes: number): void {
    this.#bytes += bytes;
    if (this.#limit < this.#before) return this.#recover();
    if (++this.#chunks < (this.#isWarm ? ROUND : WARM_UP)) return;
    const rate = this.#bytes / Math.max(1, this.#now() - this.#started);
    this.#begin();
    if (!this.#isWarm) this.#isWarm = true;
    else if (!this.#isSettled) this.#compare(rate);
  }

  /** A request failed for a reason that may pass. */
  troubled(): void {
    const now = this.#now();
    if (now - this.#troubledAt < ONE_TROUBLE_MS) return;
    this.#troubledAt = now;
    this.#before = Math.max(this.#before, this.#limit);
    this.#limit = Math.max(1, this.#limit >> 1);
    this.#begin();
  }

  #recover(): void {
    if (++this.#chunks < CALM) return;
    this.#limit++;
    this.#begin();
  }

  #compare(rate: number): void {
    if (this.#rate !== undefined && rate < this.#rate * GAIN) {
      this.#limit = this.#before = Math.max(1, this.#limit >> 1);
      this.#isSettled = true;
      return;
    }
    this.#isSettled = this.#limit === this.#max;
    this.#rate = rate;
    this.#limit = Math.min(this.#max, 2 * this.#limit);
  }

  #begin(): void {
    this.#started = this.#now();
    this.#chunks = this.#bytes = 0;
  }
}
