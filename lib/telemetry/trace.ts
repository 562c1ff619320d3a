import { messageOf } from "../errors.ts";
import { networkMessageOf, readBody, timeLimit } from "../http.ts";
import type { Run } from "./metrics.ts";
import { traceRequest } from "./otlp.ts";
import type { TraceSettings } from "./trace_settings.ts";

const MAX_ANSWER_BYTES = 64 * 1024;

export interface SendOptions {
  /** Trusts our certificates and goes through our proxies. */
  fetch: typeof fetch;
  /** Milliseconds for all of it. */
  limit: number;
  /** Ends it early. */
  signal?: AbortSignal;
}

/**
 * Sends a run to an OpenTelemetry collector: once, since the model server waits. Redirects are not followed, for the
 * headers may hold a token.
 *
 * @throws {Error} that says why the collector has not got it
 */
export async function sendTrace(
  run: Run,
  settings: TraceSettings,
  { fetch, limit, signal }: SendOptions,
): Promise<void> {
  using time = timeLimit(limit, signal);
  const headers = Object.entries(settings.headers).map(([name, value]) => [name, value.reveal()]);
  let response: Response;
  try {
    response = await fetch(settings.url, {
      method: "POST",
      redirect: "manual",
      signal: time.signal,
      headers: { ...Object.fromEntries(headers), "Content-Type": "application/json" },
      body: JSON.stringify(traceRequest(run, settings)),
    });
    await readBody(response, MAX_ANSWER_BYTES);
  } catch (error) {
    if (time.signal.aborted) throw new Error(messageOf(time.signal.reason), { cause: error });
    throw new Error(networkMessageOf(error), { cause: error });
  }
  if (!response.ok) throw new Error(`the collector answered ${response.status}`);
}
