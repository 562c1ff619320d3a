import { Failure } from "./errors.ts";
import type { Log } from "./log.ts";

/** The first wait is at most so many milliseconds, and each further one at most twice the one before. */
const BASE_MS = 500;
const MAX_MS = 20_000;

export interface RetryOptions {
  /** How often in all, at least 1. */
  attempts: number;
  signal: AbortSignal;
  log: Log;
  /** From 0 up to 1, as `Math.random`. */
  random?(): number;
  /** Waits so many milliseconds, or throws the signal's reason. */
  delay?(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * Repeats an operation that failed for a reason that may pass. Waits grow exponentially with full jitter, so that
 * many pods do not come back together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export async function retry<T>(operation: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, signal, log, random = Math.random, delay = sleep } = options;
  for (let attempt = 1;; attempt++) {
    try {
      return await operation();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Failure) || !error.transient || attempt >= attempts) throw error;
      const wait = backoff(attempt, random) + (error.retryAfter ?? 0);
      log.warn(`${error.message}: trying again in ${wait} ms`, {
        attempt,
        attempts,
        host: error.host,
      });
      await delay(wait, signal);
    }
  }
}

/** Milliseconds to wait after the attempt of this number, counted from 1. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(MAX_MS, BASE_MS * 2 ** (attempt - 1)));
}

/** Waits so many milliseconds, or throws the signal's reason. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}
