import { readBody } from "../http.ts";
import { sleep } from "../retry.ts";
import { isTransientStatus, refusalError, statusOf } from "./aws_refusal.ts";
import type { AuthContext } from "./source.ts";

/** Temporary keys as AWS gives them. */
export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Asks one of AWS's endpoints on this machine for temporary keys, and again when the failure may pass. Not by the SDK,
 * whose providers for them cannot be given a fetch.
 *
 * @param options.fetch with its time limit
 * @throws an error in the shape of the SDK's exceptions, when the endpoint refuses
 */
export async function requestKeys(
  url: URL,
  { headers, fetch, context }: {
    headers: Headers;
    fetch: typeof globalThis.fetch;
    context: AuthContext;
  },
): Promise<AwsKeys> {
  const { config: { attempts }, signal } = context;
  for (let attempt = 1;; attempt++) {
    try {
      const response = await fetch(url, { headers, redirect: "manual" });
      const text = new TextDecoder().decode(await readBody(response, MAX_ANSWER_BYTES));
      return parseKeys(response.status, text);
    } catch (error) {
      signal.throwIfAborted();
      const status = statusOf(error);
      const isFinal = status !== undefined && !isTransientStatus(status);
      if (isFinal || attempt >= attempts) throw error;
      await sleep(100 * 2 ** attempt * Math.random(), signal);
    }
  }
}

/** EKS refuses in plain text, ECS in JSON, and EC2 in JSON with status 200. */
function parseKeys(status: number, text: string): AwsKeys {
  let answer: Record<string, unknown> | undefined;
  try {
    answer = JSON.parse(text) ?? undefined;
  } catch {
    // Plain text, or keys that were cut: then the parser's message would quote them.
  }
  const { AccessKeyId, SecretAccessKey, Token, Code, Message, code, message } = answer ?? {};
  if (status === 200 && typeof AccessKeyId === "string" && typeof SecretAccessKey === "string") {
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      ...(typeof Token === "string" && { sessionToken: Token }),
    };
  }
  const plain = status === 200 ? "no AccessKeyId and SecretAccessKey in the answer" : text;
  throw refusalError({
    name: String(Code ?? code ?? ""),
    message: String(Message ?? message ?? plain).slice(0, 500) || "no message",
    status,
  });
}
