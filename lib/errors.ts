/**
 * Every way a run can end, and the only place where an exit code is written down. The README's table is
 * compared with this one by a test.
 */
export const OUTCOMES = {
  "ok": { code: 0, retryable: false, when: "every destination is complete" },
  "usage": { code: 2, retryable: false, when: "arguments, environment or flags are wrong" },
  "auth": { code: 3, retryable: false, when: "401, 403, or an identity that fails" },
  "not found": {
    code: 4,
    retryable: false,
    when: "no such repository, tag, digest, or file of KIT_EXPECT",
  },
  "unavailable": {
    code: 5,
    retryable: true,
    when: "DNS, TLS, connection, 429 or 5xx after all retries",
  },
  "integrity": { code: 6, retryable: false, when: "a digest or a signature does not match" },
  "destination": {
    code: 7,
    retryable: false,
    when: "no space, not writable, or foreign files in the way",
  },
  "kit": { code: 8, retryable: false, when: "kit itself failed for another reason" },
  "timeout": { code: 9, retryable: true, when: "KIT_TIMEOUT or the stall limit" },
  "bug": { code: 70, retryable: false, when: "an error that was not foreseen, with its stack" },
  "interrupt": { code: 130, retryable: true, when: "SIGINT: cleaned up, then left" },
  "terminated": { code: 143, retryable: true, when: "SIGTERM: cleaned up, then left" },
} as const;

/** The name of an outcome, as the termination message and the logs carry it. */
export type OutcomeName = keyof typeof OUTCOMES;

/** Everything but success. */
export type FailureName = Exclude<OutcomeName, "ok">;

/** What a person needs beside the sentence that says what failed. */
export interface FailureOptions {
  /** What to do, as one imperative phrase. */
  hint?: string;
  /** The registry's host, where one is to blame. */
  host?: string;
  /** Whether another attempt within this run may succeed. Default: as the outcome says. */
  transient?: boolean;
  /** Milliseconds that the other side asks to wait before another attempt. */
  retryAfter?: number;
  cause?: unknown;
}

/**
 * A foreseen failure: one line for a person, an exit code for a machine, and never a stack.
 *
 * Errors of any other class that reach main.ts are bugs and end with code 70.
 */
export class Failure extends Error {
  override name = "Failure";
  readonly outcome: FailureName;
  readonly hint?: string;
  readonly host?: string;
  readonly transient: boolean;
  readonly retryAfter?: number;

  constructor(outcome: FailureName, message: string, options: FailureOptions = {}) {
    super(message, { cause: options.cause });
    this.outcome = outcome;
    this.hint = options.hint;
    this.host = options.host;
    this.retryAfter = options.retryAfter;
    this.transient = options.transient ?? OUTCOMES[outcome].retryable;
  }

  /** The same failure, where more is known about another attempt than its outcome says. */
  withTransient(transient: boolean): Failure {
    const { outcome, message, hint, host, cause } = this;
    return new Failure(outcome, message, { hint, host, cause, transient });
  }
}

/** What a thrown value means for the run: one that nobody foresaw is a `bug`, and its cause. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  // Cleaning up failed after it, which is the lesser news.
  if (error instanceof SuppressedError) return asFailure(error.suppressed);
  return new Failure("bug", `An error that was not foreseen: ${messageOf(error)}`, {
    hint: "Please report it with the stack in the container's log",
    cause: error,
  });
}

/**
 * `text`, or what an unknown thrown value says of itself, on one line. A search begins only where blanks begin: else it
 * would take a minute for a megabyte of them.
 */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/(?<!\s)\s*\n\s*/g, " ").trim();
}
