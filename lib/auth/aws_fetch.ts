import { messageOf } from "../errors.ts";
import { networkMessageOf, readBody, timeLimit } from "../http.ts";

const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * A fetch for identity calls: limited in time and size, and never redirected, since the body is a secret.
 *
 * @param total ends all of them
 * @param milliseconds for each one
 */
export function identityFetch(
  fetch: typeof globalThis.fetch,
  total: AbortSignal,
  milliseconds: number,
): typeof globalThis.fetch {
  return async (input, init) => {
    using limit = timeLimit(milliseconds, total);
    try {
      const response = await fetch(input, { ...init, redirect: "manual", signal: limit.signal });
      // The body counts for the limit too.
      const body = await readBody(response, MAX_ANSWER_BYTES);
      return new Response(body.length === 0 ? null : body, response);
    } catch (error) {
      const message = limit.signal.aborted
        ? messageOf(limit.signal.reason)
        : networkMessageOf(error);
      // These names decide what the SDK's retry strategy does: it knows Node's codes and some browsers' texts only.
      throw total.aborted
        ? new DOMException(message, "AbortError")
        : Object.assign(new Error(message, { cause: error }), { code: "ECONNRESET" });
    }
  };
}

/** What `work` comes to, or the signal's reason: the SDK's waits between attempts do not know a signal. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
