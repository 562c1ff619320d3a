import type { Config } from "./config.ts";
import { messageOf, OUTCOMES } from "./errors.ts";
import type { Result } from "./initialize.ts";
import type { Log } from "./log.ts";
import { formatDuration } from "./duration.ts";
import { formatBytes } from "./format_bytes.ts";
import { type Report, sentenceOf, terminationMessage, writeTermination } from "./termination.ts";
import type { TransferCost } from "./transfer/mod.ts";

/** What was done, in one sentence. */
export function summary({ pairs }: Config, results: Result[], seconds: number): string {
  const bytes = results.reduce((sum, result) => sum + result.bytes, 0);
  const what = pairs.length === 1
    ? `${pairs[0].uri} (${results[0].digest}) is complete in ${pairs[0].destination}`
    : `${pairs.length} destinations are complete: ${
      pairs.map(({ destination }) => destination).join(", ")
    }`;
  if (bytes === 0) return `${what}: nothing was missing`;
  const speed = `${formatBytes(bytes)} in ${formatDuration(seconds)}, ${
    formatBytes(bytes / seconds)
  }/s`;
  const limit = lastCost(results)?.limit;
  return `${what}: ${speed}${limit === undefined ? "" : `, limited by ${limit}`}`;
}

/** What the last transfer cost: where nothing was missing there is none. */
export function lastCost(results: Result[]): TransferCost | undefined {
  return results.findLast(({ cost }) => cost !== undefined)?.cost;
}

/**
 * Says how it ended, to Kubernetes and as the last line of the log.
 *
 * @param path the file for the termination message; absent: where Kubernetes mounts one
 */
export async function announce(report: Report, path: string | undefined, log: Log): Promise<void> {
  const { failure, uri, digest, bytes } = report;
  await writeMessage(report, path, log);
  const outcome = failure?.outcome ?? "ok";
  const { code, retryable } = OUTCOMES[outcome];
  const fields = {
    outcome,
    code,
    uri,
    digest,
    bytes,
    seconds: Math.round(report.seconds * 1000) / 1000,
    ...report.cost,
  };
  if (failure === undefined) log.info(sentenceOf(report), fields);
  else log.error(sentenceOf(report), { ...fields, retryable, host: failure.host });
}

/** For Kubernetes alone. */
export async function writeMessage(
  report: Report,
  path: string | undefined,
  log: Log,
): Promise<void> {
  try {
    await writeTermination(terminationMessage(report), path);
  } catch (error) {
    // Outside of Kubernetes there is none, and that is nothing to talk about.
    if (path !== undefined) {
      log.warn(`Cannot write the termination message: ${messageOf(error)}`, { path });
    }
  }
}
