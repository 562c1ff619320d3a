import type { Pair } from "./arguments.ts";
import { asFailure, type Failure } from "./errors.ts";
import type { TransferCost } from "./transfer/mod.ts";

/** What the time of a pair goes to. */
export const PHASES = {
  "lock": "waits until no other initializer uses the destination, and looks at what is there",
  "resolve": "asks the registry what the URI stands for",
  "sign-in": "asks for credentials and tokens, in whichever phase they are needed",
  "signature": "looks for a signature that counts",
  "transfer": "fetches and unpacks, and compares with the digests",
  "publish": "moves the files to their places, and has them written to the disk",
} as const;
export type PhaseName = keyof typeof PHASES;

/** Milliseconds since 1970, with fractions. Without an end it is not over yet. */
export interface Stretch {
  start: number;
  end?: number;
  failure?: Failure;
}

/** One time that a pair was in a phase. Sign-ins and signatures are looked at within other phases. */
export interface PhaseStretch extends Stretch {
  phase: PhaseName;
  /** Who was asked. */
  host?: string;
}

/** What is known of a pair besides its times. */
export interface Facts {
  digest: string;
  /** Bytes unpacked; 0 when the destination was complete already. */
  bytes: number;
  /** What the transfer has cost so far. */
  cost(): TransferCost | undefined;
}

/** A pair that was begun. */
export interface PairStretch extends Stretch, Partial<Facts> {
  pair: Pair;
  /** In the order in which they began. */
  phases: PhaseStretch[];
}

/** What a run has done when: what metrics and traces are made from. Pairs come one after the other. */
export class Timeline {
  readonly start: number;
  readonly pairs: PairStretch[] = [];
  readonly #now: () => number;

  /** @param now milliseconds since 1970; the clock of a run never goes back */
  constructor(now: () => number = () => performance.timeOrigin + performance.now()) {
    this.#now = now;
    this.start = now();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#now();
  }

  /** Does the work of a pair. */
  async pair<T extends Pick<Facts, "digest" | "bytes">>(
    pair: Pair,
    work: () => Promise<T>,
  ): Promise<T> {
    const stretch: PairStretch = { pair, start: this.#now(), phases: [] };
    this.pairs.push(stretch);
    const result = await this.#measure(stretch, work);
    this.note({ digest: result.digest, bytes: result.bytes });
    return result;
  }

  /** Does what belongs to a phase of the pair that was begun last. */
  async during<T>(phase: PhaseName, work: () => Promise<T>, host?: string): Promise<T> {
    const stretch: PhaseStretch = { phase, host, start: this.#now() };
    this.pairs.at(-1)?.phases.push(stretch);
    return await this.#measure(stretch, work);
  }

  /** Adds to what is known of the pair that was begun last. */
  note(facts: Partial<Facts>): void {
    Object.assign(this.pairs.at(-1) ?? {}, facts);
  }

  async #measure<T>(stretch: Stretch, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      stretch.failure = asFailure(error);
      throw error;
    } finally {
      stretch.end = this.#now();
    }
  }
}

/**
 * Seconds of each phase that a pair was in. A moment counts once, for the phase that began last: what a sign-in takes is
 * not also time of the transfer that needed it.
 *
 * @param now what is not over yet is counted until then
 */
export function secondsByPhase({ phases }: PairStretch, now: number): Map<PhaseName, number> {
  const seconds = new Map<PhaseName, number>(phases.map(({ phase }) => [phase, 0]));
  const moments = phases.flatMap(({ start, end = now }) => [start, end]).sort((a, b) => a - b);
  for (const [index, from] of moments.entries()) {
    const to = moments[index + 1] ?? from;
    const last = phases.findLast(({ start, end = now }) => start <= from && end >= to);
    if (last !== undefined) seconds.set(last.phase, seconds.get(last.phase)! + (to - from) / 1000);
  }
  return seconds;
}

/** Whether everything was there already, so that nothing had to be fetched. */
export function wasComplete({ failure, end, phases }: PairStretch): boolean {
  return failure === undefined && end !== undefined &&
    !phases.some(({ phase }) => phase === "transfer");
}
