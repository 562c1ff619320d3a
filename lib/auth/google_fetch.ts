import { Failure, messageOf } from "../errors.ts";
import { timeLimit } from "../http.ts";
import { parseObject } from "../json.ts";
import { retry } from "../retry.ts";
import { Secret } from "../secret.ts";
import {
  type Asked,
  foreignFailure,
  type GoogleService,
  parseRefusal,
  refusalFailure,
  unreachableFailure,
  unusableFailure,
} from "./google_error.ts";
import type { GoogleIdentity } from "./google_identity.ts";
import { isGoogles } from "./google_metadata.ts";
import { limitedFetch } from "./limited_fetch.ts";
import type { AuthContext } from "./source.ts";

/**
 * In milliseconds: for the question whether there is a metadata server, for one request, and for all of a sign-in
 * with its repetitions.
 */
export const GOOGLE_LIMITS = { probe: 1000, request: 10_000, total: 13_000 };

/** What a form sends that must not be printed, beside the secrets of the file. */
const SENT_SECRETS = ["assertion", "subject_token"];

/** A fetch whose answers are successes: everything else is thrown as a `Failure`. */
export type GoogleFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/**
 * Runs one sign-in with a fetch of its own, which is limited, repeats what may pass, as a new pod's metadata server
 * needs it, and registers with the redaction the tokens that it sees.
 *
 * @throws {Failure} `auth` when Google refuses, `unavailable` when it cannot be reached in time; repeating that is
 *   left to Kubernetes
 */
export async function withGoogleFetch<T>(
  of: { host: string; identity: GoogleIdentity },
  context: AuthContext,
  work: (fetch: GoogleFetch) => Promise<T>,
  limits: typeof GOOGLE_LIMITS,
): Promise<T> {
  using total = timeLimit(limits.total, context.signal);
  const limited = limitedFetch(context.fetch, total.signal, limits.request);
  const { log, config: { attempts } } = context;
  let last: Failure | undefined;
  const fetch: GoogleFetch = (url, init = {}) => {
    const asked = { ...of, service: serviceOf(String(url), of.identity) };
    const attempt = async () => {
      try {
        return await ask(url, init, { asked, fetch: limited });
      } catch (error) {
        if (error instanceof Failure) last = error;
        throw error;
      }
    };
    return retry(attempt, { attempts, signal: total.signal, log });
  };
  try {
    return await work(fetch);
  } catch (error) {
    context.signal.throwIfAborted();
    const failure = total.isOver ? last : failureIn(error);
    // All attempts are used up: the registry client is not to begin them again.
    if (failure !== undefined) throw failure.withTransient(false);
    const { host, identity } = of;
    // The library's own words for what it cannot read; without a file it has no part in this.
    throw identity.kind === "file" ? unusableFailure(messageOf(error), { host, identity }) : error;
  }
}

async function ask(
  url: string | URL,
  { method, headers, body }: RequestInit,
  { asked, fetch }: { asked: Asked; fetch: typeof globalThis.fetch },
): Promise<Response> {
  if (body instanceof URLSearchParams) {
    for (const name of SENT_SECRETS) new Secret(body.get(name) ?? "");
  }
  let response: Response;
  try {
    response = await fetch(url, { method, headers, body });
  } catch (error) {
    throw unreachableFailure(messageOf(error), asked, error);
  }
  const text = await response.text();
  const { status } = response;
  const { service } = asked;
  const isMetadata = service === "the metadata server";
  if (isMetadata && !isGoogles(response)) throw foreignFailure(status, asked);
  if (!response.ok) {
    const mayBeText = isMetadata || service === "the address in credential_source";
    throw refusalFailure(parseRefusal(status, text, mayBeText), asked);
  }
  if (service !== "the address in credential_source") checkToken(text, status, asked);
  return new Response(text, { status, headers: response.headers });
}

/** An answer that should be a token: https://www.rfc-editor.org/rfc/rfc6749#section-5.1, and IAM's own form. */
function checkToken(text: string, status: number, asked: Asked): void {
  const answer = parseObject(text);
  if (answer === undefined) throw foreignFailure(status, asked);
  const token = answer.access_token ?? answer.accessToken;
  // Spaces and control characters could not be sent on.
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw foreignFailure(status, asked, "no token in the answer");
  }
  new Secret(token);
}

function serviceOf(url: string, identity: GoogleIdentity): GoogleService {
  if (identity.kind === "metadata server") return "the metadata server";
  const { file } = identity;
  if (file.type !== "external_account") return "Google's token endpoint";
  const { href } = new URL(url);
  const isAt = (other: string | undefined) => other !== undefined && new URL(other).href === href;
  if (isAt(file.token_url)) return "Google's STS";
  if (isAt(file.service_account_impersonation_url)) return "IAM Credentials";
  return "the address in credential_source";
}

/** The library wraps what fetch throws. */
function failureIn(error: unknown): Failure | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof Failure) return inner;
  }
}
