/** Retries wait no time while it is in use: their waits are a random share of a maximum. */
export function withoutJitter(): Disposable {
  const { random } = Math;
  Math.random = () => 0;
  return { [Symbol.dispose]: () => void (Math.random = random) };
}

/** A clock in place of `performance.now` and `setInterval`, moved by hand. */
export class FakeClock implements Disposable {
  #now = 0;
  #timers = new Map<number, { every: number; next: number; work: () => void }>();
  #count = 0;
  readonly #real = {
    now: performance.now,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
  };

  constructor() {
    performance.now = () => this.#now;
    globalThis.setInterval = ((work: () => void, every: number) => {
      this.#timers.set(++this.#count, { every, next: this.#now + every, work });
      return this.#count;
    }) as unknown as typeof setInterval;
    globalThis.clearInterval = ((id: number) => {
      this.#timers.delete(id);
    }) as typeof clearInterval;
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Goes on by so many milliseconds; what is due meanwhile is done at its time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers.values()].filter(({ next }) => next <= end)
        .sort((a, b) => a.next - b.next)[0];
      if (due === undefined) break;
      this.#now = due.next;
      due.next += due.every;
      due.work();
    }
    this.#now = end;
  }

  [Symbol.dispose](): void {
    performance.now = this.#real.now;
    globalThis.setInterval = this.#real.setInterval;
    globalThis.clearInterval = this.#real.clearInterval;
  }
}
