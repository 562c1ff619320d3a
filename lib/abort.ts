/**
 * Waits for what cannot be stopped itself: a lock, a disk. When the signal is aborted it goes on without anybody who
 * waits, and how it ends is not looked at any more.
 *
 * @throws the signal's reason where it is aborted first
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
