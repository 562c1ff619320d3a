import { messageOf } from "../errors.ts";
import { limitedFetch } from "./limited_fetch.ts";

/**
 * A fetch for the SDK's identity calls, which says in the SDK's own terms why there is no answer.
 *
 * @param total ends all of them
 * @param milliseconds for each one
 */
export function identityFetch(
  fetch: typeof globalThis.fetch,
  total: AbortSignal,
  milliseconds: number,
): typeof globalThis.fetch {
  const limited = limitedFetch(fetch, total, milliseconds);
  return async (input, init) => {
    try {
      return await limited(input, init);
    } catch (error) {
      const message = messageOf(error);
      // These names decide what the SDK's retry strategy does: it knows Node's codes and some browsers' texts only.
      throw total.aborted
        ? new DOMException(message, "AbortError")
        : Object.assign(new Error(message, { cause: error }), { code: "ECONNRESET" });
    }
  };
}
