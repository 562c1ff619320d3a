import { type Failure, OUTCOMES } from "./errors.ts";
import { printable } from "./log.ts";
import { redact } from "./redact.ts";
import type { TransferCost } from "./transfer/mod.ts";

/** Kubernetes cuts a longer message: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
export const MAX_MESSAGE_BYTES = 4096;
const STANDARD_PATH = "/dev/termination-log";
/** Characters of the sentence and of each string beside it: together they fit, also when each needs 4 bytes. */
const MAX_SENTENCE = 500;
const MAX_FIELD = 120;

/** How a run ended. */
export interface Report {
  failure?: Failure;
  /** Without `failure`: what was done, in one sentence. */
  sentence?: string;
  uri?: string;
  digest?: string;
  bytes?: number;
  /** How it was fetched, for the log. */
  cost?: TransferCost;
  seconds: number;
}

/** The sentence for a person: what failed and what to do. */
export function sentenceOf(report: Report): string {
  const { failure } = report;
  if (failure === undefined) return redact(report.sentence ?? "");
  return redact(failure.message) + (failure.hint === undefined ? "" : `. ${redact(failure.hint)}`);
}

/** The message that Kubernetes keeps: a sentence, and the same as JSON on the second line. */
export function terminationMessage(report: Report): string {
  const { failure, bytes, seconds } = report;
  const name = failure?.outcome ?? "ok";
  const { code, retryable } = OUTCOMES[name];
  const fields = {
    status: failure === undefined ? "ok" : "error",
    code,
    name,
    retryable,
    uri: short(report.uri),
    digest: report.digest,
    bytes,
    seconds: Math.round(seconds * 1000) / 1000,
    host: short(failure?.host),
    hint: short(failure?.hint),
  };
  return `${cut(printable(sentenceOf(report).replaceAll(/\s+/g, " ")), MAX_SENTENCE)}\n${
    JSON.stringify(fields)
  }\n`;
}

/**
 * Writes the message in place, since the file is a mount. Where it is only the standard path and nobody mounted
 * it, there is nobody to read it either.
 */
export async function writeTermination(message: string, path: string | undefined): Promise<void> {
  await Deno.writeTextFile(path ?? STANDARD_PATH, message, { create: path !== undefined });
}

function short(text: string | undefined): string | undefined {
  return text === undefined ? undefined : cut(printable(redact(text)), MAX_FIELD);
}

function cut(text: string, length: number): string {
  return (text.length <= length ? text : text.slice(0, length - 1) + "…").toWellFormed();
}
