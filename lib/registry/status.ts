import { Failure, type FailureOptions, messageOf } from "../errors.ts";
import { networkMessageOf, readBody } from "../http.ts";
import { redact } from "../redact.ts";

/** As much of an error's body is read; go-containerregistry reads as much. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_DETAIL = 300;
/** A registry that wants a longer pause is not waited for. */
const MAX_RETRY_AFTER_MS = 120_000;

/** The failure that an HTTP status stands for; its body is read for the registry's own words. */
export async function statusFailure(
  response: Response,
  purpose: string,
  host: string,
): Promise<Failure> {
  const { status } = response;
  const detail = await detailOf(response);
  const message = `Cannot ${purpose}: the registry answered ${status}${
    detail === "" ? "" : ` (${detail})`
  }`;
  const options = { host, retryAfter: retryAfterOf(response) };
  if (status === 401 || status === 403) {
    return new Failure("auth", message, {
      ...options,
      hint: "Check the credentials for this host and that they may read the repository",
    });
  }
  if (status === 404) {
    return new Failure(
      "not found",
      `Cannot ${purpose}: the registry has no such repository, tag or digest`,
      {
        ...options,
        hint:
          "Check the repository and the tag; some registries say so too when credentials are missing",
      },
    );
  }
  if (status === 416) {
    return new Failure("integrity", `Cannot ${purpose}: it is shorter than the manifest says`, {
      ...options,
      hint: "Push the ModelKit again: what the registry has is damaged",
    });
  }
  if (status === 407) {
    return new Failure("unavailable", `Cannot ${purpose}: the proxy wants a user and a password`, {
      ...options,
      transient: false,
      hint: "Put them into the proxy's URL, as in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    });
  }
  const isPassing = status === 408 || status === 429 || status >= 500;
  return new Failure("unavailable", message, {
    ...options,
    transient: isPassing,
    hint: "Try again later, or look at the registry",
  });
}

/** The failure that a request which got no answer, or broke, stands for. */
export function networkFailure(error: unknown, purpose: string, host: string): unknown {
  if (error instanceof Failure) return error;
  const reason = redact(
    `${networkMessageOf(error)} ${error instanceof Error ? messageOf(error) : ""}`,
  );
  const options = { host, cause: error };
  if (/received corrupt message|InvalidContentType|wrong version number/i.test(reason)) {
    return new Failure("unavailable", `Cannot ${purpose}: the registry does not speak TLS`, {
      ...options,
      hint: "Set KIT_UNPACK_FLAGS to --plain-http if the registry serves plain HTTP",
      transient: false,
    });
  }
  // Where TLS was expected its own words come first; so this is plain HTTP, and TLS may be what answers.
  if (/invalid HTTP version|invalid HTTP status/i.test(reason)) {
    return new Failure("unavailable", `Cannot ${purpose}: what answers does not speak HTTP`, {
      ...options,
      hint: "Check host and port, and leave out --plain-http if the registry speaks TLS",
    });
  }
  // In this order: the beginning of a secret would not be known as one.
  const short = redact(reasonOf(error)).slice(0, MAX_DETAIL);
  if (/certificate|UnknownIssuer|x509/i.test(reason)) {
    return new Failure("unavailable", `Cannot ${purpose}: ${short}`, {
      ...options,
      hint: certificateHint(reason),
      transient: false,
    });
  }
  const isName = /dns error|failed to lookup|Name or service not known/i.test(reason);
  return new Failure("unavailable", `Cannot ${purpose}: ${short}`, {
    ...options,
    hint: isName
      ? "Check the host's name and the DNS of the cluster"
      : "Check the network, the proxy and the port of the registry",
  });
}

/** By the words of Deno's TLS: https://docs.rs/rustls/latest/rustls/enum.CertificateError.html */
function certificateHint(reason: string): string {
  if (/expired|not valid yet/i.test(reason)) {
    return `Renew the certificate, or correct the node's clock, which says ${
      new Date().toISOString()
    }`;
  }
  if (/not valid for name|NotValidForName/i.test(reason)) {
    return "Give a certificate for this host to the registry, or use the name that it has one for";
  }
  return "Give the CA certificate of the registry in KIT_CA_BUNDLE";
}

/**
 * What the registry sent is not what a digest or a manifest promises.
 *
 * @param what such as `blob sha256:…`, or the manifest with its name
 * @param options `transient` where it can be had elsewhere
 */
export function damageFailure(
  what: string,
  why: string,
  options: Pick<FailureOptions, "host" | "transient"> = {},
): Failure {
  return new Failure("integrity", `Cannot trust the ${what}: ${why}`, {
    ...options,
    hint: "Push the ModelKit again, or look at what stands between here and the registry",
  });
}

/** The reason alone: Deno puts the URL, its own layers and the system's number around it. */
function reasonOf(error: unknown): string {
  return networkMessageOf(error)
    .replace(/^error sending request (?:for url \(.*?\)|from \S+ for \S+ \(\S+\)): /, "")
    .replaceAll(/client error \(\w+\): |tcp connect error: | \(os error \d+\)/g, "");
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes */
async function detailOf(response: Response): Promise<string> {
  try {
    const text = new TextDecoder().decode(await readBody(response, MAX_ERROR_BYTES));
    const { errors } = JSON.parse(text);
    const words = errors.map(({ code, message }: Record<string, unknown>) => `${code}: ${message}`);
    return redact(words.join("; ")).slice(0, MAX_DETAIL);
  } catch {
    return "";
  }
}

/** https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds, or a date. */
function retryAfterOf(response: Response): number | undefined {
  const value = response.headers.get("Retry-After");
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}
