import { asFailure, Failure } from "../errors.ts";
import {
  type Check,
  type Context,
  type Finding,
  type Remark,
  Skip,
  type Subject,
  Warning,
} from "./finding.ts";

/** An answer that takes longer helps nobody who waits for it. */
const LIMIT_MS = 10_000;
/** After a signal main.ts leaves before 2 s are over. */
const SETTLE_MS = 1000;

export interface ExamineOptions {
  about?: Subject;
  /** Each check stands for itself; otherwise the first failure ends the row, and the others say so. */
  isLoose?: boolean;
  /** Why a run goes on all the same, where it does: the failure is a warning then, with this added to it. */
  excuse?: (failure: Failure) => string | undefined;
  /** Milliseconds for each check. */
  limit?: number;
}

/** Asks one check after the other, and shows what each has to say as soon as it is known. */
export class Examiner {
  /** The first one: what it ends with. */
  failure: Failure | undefined;
  readonly counts = { ok: 0, warn: 0, fail: 0, skip: 0 };
  /** All that was begun. */
  #open: Promise<unknown> = Promise.resolve();
  readonly #context: Context;
  readonly #show: (finding: Finding) => void;

  constructor(context: Context, show: (finding: Finding) => void) {
    this.#context = context;
    this.#show = show;
  }

  /**
   * Asks the checks of one patient in their order.
   *
   * @returns whether none of them failed
   * @throws the reason of a signal
   */
  async examine<Patient>(
    checks: readonly Check<Patient>[],
    patient: Patient,
    options: ExamineOptions = {},
  ): Promise<boolean> {
    const { about = {}, isLoose = false, excuse } = options;
    let blocking: string | undefined;
    let isWell = true;
    for (const check of checks) {
      if (blocking !== undefined) {
        this.#note(check.name, new Skip(`"${blocking}" comes first`), about);
        continue;
      }
      const remarks = await this.#ask(check, patient, options.limit ?? LIMIT_MS);
      for (const warning of this.#context.log.take()) remarks.push(new Warning(warning));
      for (const remark of remarks) {
        if (remark instanceof Failure) {
          isWell = false;
          if (!isLoose) blocking = check.name;
        }
        this.#note(check.name, excused(remark, excuse), about);
      }
    }
    return isWell;
  }

  /** Says of each check why it is not asked. */
  skip(checks: readonly Pick<Check<never>, "name">[], reason: string, about: Subject = {}): void {
    for (const { name } of checks) this.#note(name, new Skip(reason), about);
  }

  /** Waits until what took too long has cleaned up after itself, but not for what never ends. */
  async settle(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, SETTLE_MS));
    await Promise.race([this.#open, late]);
    clearTimeout(timer);
  }

  async #ask<Patient>(check: Check<Patient>, patient: Patient, limit: number): Promise<Remark[]> {
    const { signal } = this.#context;
    // What is not begun leaves nothing behind.
    if (signal.aborted) return [ended(signal.reason)];
    const over = Promise.withResolvers<never>();
    const abort = () => over.reject(signal.reason);
    const timer = setTimeout(() => over.reject(tooSlow(check.name, limit)), limit);
    signal.addEventListener("abort", abort, { once: true });
    try {
      const work = check.run(patient, this.#context);
      this.#open = Promise.all([this.#open, work.catch(() => {})]);
      return [await Promise.race([over.promise, work])].flat();
    } catch (error) {
      return [ended(error)];
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  #note(check: string, remark: Remark, about: Subject): void {
    const finding = findingOf(check, remark, about);
    this.counts[finding.status]++;
    this.failure ??= finding.failure;
    this.#show(finding);
  }
}

/** @throws a signal and a bug, which are for who started us: KIT_TIMEOUT and all else is a finding */
function ended(error: unknown): Failure {
  const failure = asFailure(error);
  if (["interrupt", "terminated", "bug"].includes(failure.outcome)) throw error;
  return failure;
}

function excused(remark: Remark, excuse: ExamineOptions["excuse"]): Remark {
  const why = remark instanceof Failure ? excuse?.(remark) : undefined;
  if (!(remark instanceof Failure) || why === undefined) return remark;
  return new Warning(`${remark.message}: ${why}`, remark.hint);
}

function findingOf(check: string, remark: Remark, about: Subject): Finding {
  if (typeof remark === "string") return { check, status: "ok", message: remark, ...about };
  const { message } = remark;
  if (remark instanceof Skip) return { check, status: "skip", message, ...about };
  const { hint } = remark;
  if (remark instanceof Warning) return { check, status: "warn", message, hint, ...about };
  return { check, status: "fail", message, hint, failure: remark, ...about };
}

function tooSlow(name: string, limit: number): Failure {
  return new Failure("timeout", `Cannot finish the check "${name}" within ${limit / 1000} s`, {
    hint: "Look at the network policies, the firewall and the proxy between here and there",
  });
}
