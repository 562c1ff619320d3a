/** The speed that people see is that of so many milliseconds. */
const WINDOW_MS = 5000;
/** The time left is told from about so many: it shall not jump with each gust. */
const SMOOTHED_MS = 15_000;
/** Before that anything that could be told would be a guess. */
const SILENT_MS = 2000;
/** Longer than anybody waits: about four days. */
const MAX_LEFT_S = 350_000;

/** How fast an amount grows. */
export class Rate {
  #samples: { time: number; amount: number }[];
  #began: number;
  /** Growth per millisecond, where later ones weigh more; it begins at 0, which `#weight` makes good. */
  #smoothed = 0;

  /** @param now milliseconds, of the same clock as in `add` */
  constructor(amount: number, now: number) {
    this.#samples = [{ time: now, amount }];
    this.#began = now;
  }

  /** Takes note of the amount. One that is smaller than before has begun anew, and so does this. */
  add(amount: number, now: number): void {
    const last = this.#samples.at(-1)!;
    if (amount < last.amount) {
      this.#samples = [{ time: now, amount }];
      this.#began = now;
      this.#smoothed = 0;
      return;
    }
    const elapsed = now - last.time;
    if (elapsed <= 0) return;
    const growth = (amount - last.amount) / elapsed;
    this.#smoothed += (1 - Math.exp(-elapsed / SMOOTHED_MS)) * (growth - this.#smoothed);
    this.#samples.push({ time: now, amount });
    while (this.#samples[1].time <= now - WINDOW_MS) this.#samples.shift();
  }

  /** Per second, over the last seconds. */
  get speed(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)!];
    return last === first ? 0 : 1000 * (last.amount - first.amount) / (last.time - first.time);
  }

  /** Seconds until the rest is done; `undefined` where nobody can tell. */
  left(rest: number): number | undefined {
    const age = this.#samples.at(-1)!.time - this.#began;
    if (age < SILENT_MS) return undefined;
    const weight = 1 - Math.exp(-age / SMOOTHED_MS);
    const seconds = rest / (1000 * this.#smoothed / weight);
    return seconds <= MAX_LEFT_S ? seconds : undefined;
  }
}
