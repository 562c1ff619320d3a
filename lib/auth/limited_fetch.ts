import { networkMessageOf, readBody, timeLimit } from "../http.ts";

const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * A fetch for sign-ins, where what is sent and what comes back are secrets: redirects are not followed, and an answer
 * comes with its whole body, in time and not too long, or not at all.
 *
 * What it throws says on one line why there is no answer; its cause is the original error.
 *
 * @param signal ends all requests
 * @param milliseconds for each request with its body
 */
export function limitedFetch(
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
  milliseconds: number,
): typeof globalThis.fetch {
  return async (input, init) => {
    using limit = timeLimit(milliseconds, signal);
    try {
      const response = await fetch(input, { ...init, redirect: "manual", signal: limit.signal });
      const body = await readBody(response, MAX_ANSWER_BYTES);
      return new Response(body.length === 0 ? null : body, response);
    } catch (error) {
      throw new Error(networkMessageOf(error), { cause: error });
    }
  };
}
