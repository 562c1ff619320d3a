/** Takes the place of `setInterval` and `performance.now` until it is disposed of: time passes only by `tick`. */
export class FakeClock implements Disposable {
  #now = 0;
  #lastId = 0;
  readonly #intervals = new Map<number, { run: () => void; every: number; next: number }>();
  readonly #restore: () => void;

  constructor() {
    const real = { setInterval, clearInterval, now: performance.now };
    this.#restore = () => {
      Object.assign(globalThis, {
        setInterval: real.setInterval,
        clearInterval: real.clearInterval,
      });
      performance.now = real.now;
    };
    performance.now = () => this.#now;
    Object.assign(globalThis, {
      setInterval: (run: () => void, every: number) => {
        this.#intervals.set(++this.#lastId, { run, every, next: this.#now + every });
        return this.#lastId;
      },
      clearInterval: (id: number) => void this.#intervals.delete(id),
    });
  }

  get intervals(): number {
    return this.#intervals.size;
  }

  /** Lets time pass in the middle of something, without what is due in it. */
  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Lets so many milliseconds pass, with everything that is due in them. */
  async tick(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      const [next] = [...this.#intervals.values()].filter(({ next }) => next <= end)
        .sort((a, b) => a.next - b.next);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.next);
      next.next += next.every;
      next.run();
      // What it began and does not wait for goes on in later turns of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#now = Math.max(this.#now, end);
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
