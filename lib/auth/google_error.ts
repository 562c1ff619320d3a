import { Failure, type FailureOptions } from "../errors.ts";
import { describeIdentity, type GoogleIdentity } from "./google_identity.ts";

/** The part of Google, or beside it, that was asked. */
export type GoogleService =
  | "the metadata server"
  | "Google's token endpoint"
  | "Google's STS"
  | "IAM Credentials"
  | "the address in credential_source";

/** What was asked of whom, for messages. */
export interface Asked {
  /** The registry's host. */
  host: string;
  service: GoogleService;
  identity: GoogleIdentity;
}

/** An answer that is no token. */
export interface GoogleRefusal {
  status: number;
  /** `invalid_grant`, `PERMISSION_DENIED` and the like; empty when Google named none. */
  code: string;
  message: string;
}

/** What is said of an answer by somebody else, such as a proxy's page. */
const FOREIGN_MESSAGE = "an answer that is not in Google's form";
const MAX_MESSAGE = 500;

/**
 * Reads the two forms that Google's errors have, and the plain text of a metadata server.
 * https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 * https://google.aip.dev/193
 *
 * @param mayBeText whether a text that is no JSON is the service's own
 */
export function parseRefusal(status: number, text: string, mayBeText: boolean): GoogleRefusal {
  const oneLine = (value: unknown) =>
    typeof value === "string" ? value.trim().replaceAll(/\s+/g, " ").slice(0, MAX_MESSAGE) : "";
  const refusal = (code: unknown, message: unknown) => ({
    status,
    code: oneLine(code),
    message: oneLine(message) || "no message",
  });
  try {
    const { error, error_description } = JSON.parse(text);
    if (typeof error === "object") return refusal(error.status, error.message);
    if (typeof error === "string") return refusal(error, error_description);
  } catch {
    // Said below.
  }
  if (!mayBeText) return refusal("", FOREIGN_MESSAGE);
  // The metadata server's 404 is a page for people.
  return refusal("", /^\s*</.test(text) ? "" : text);
}

/** The failure that a refusal is: `unavailable` when it may pass, `auth` otherwise. */
export function refusalFailure(refusal: GoogleRefusal, asked: Asked): Failure {
  const { status, code, message } = refusal;
  const words = [status, code].filter(Boolean).join(" ");
  const said = `${asked.service} answered ${words}: ${message}`;
  return status >= 500 || status === 429 || status === 408
    ? failure("unavailable", said, asked, { hint: `Try again later, or check ${where(asked)}` })
    : failure("auth", said, asked, { hint: remedy(refusal, asked) });
}

/** The failure that an answer in nobody's form is, or one without a token. */
export function foreignFailure(status: number, asked: Asked, message = FOREIGN_MESSAGE): Failure {
  return refusalFailure({ status, code: "", message }, asked);
}

/** The failure that no answer at all is. */
export function unreachableFailure(reason: string, asked: Asked, cause: unknown): Failure {
  const said = `cannot reach ${asked.service}: ${reason}`;
  if (/certificate/i.test(reason)) {
    const hint = `Give the CA certificate of what answers there in KIT_CA_BUNDLE; ${
      where(asked)
    } says to ask there`;
    return failure("unavailable", said, asked, { hint, cause, transient: false });
  }
  const hint = asked.service === "the metadata server"
    ? `Check ${
      where(asked)
    }: network policies, NO_PROXY, and Workload Identity Federation on the node pool${
      otherwise(asked)
    }`
    : `Check the pod's DNS, its way to Google, and the proxy settings; ${
      where(asked)
    } says to ask there`;
  return failure("unavailable", said, asked, { hint, cause });
}

/** The failure that a file, or what it names, is when it is of no use to the library. */
export function unusableFailure(
  reason: string,
  { host, identity }: { host: string; identity: Extract<GoogleIdentity, { kind: "file" }> },
): Failure {
  return failure("auth", `${describeIdentity(identity)} cannot be used: ${reason}`, { host }, {
    hint: `Check ${identity.from} and what it names`,
  });
}

function failure(
  outcome: "auth" | "unavailable",
  said: string,
  { host }: { host: string },
  options: FailureOptions,
): Failure {
  return new Failure(outcome, `Cannot sign in to "${host}": Google: ${said}`, { ...options, host });
}

/** The setting that brought us to a service. */
function where({ identity, service }: Asked): string {
  if (identity.kind === "file") return identity.from;
  return `${service} "${new URL(identity.url).host}"`;
}

/** What is left to those who want to read in public, or who set the switch by mistake. */
function otherwise({ identity }: Asked): string {
  return identity.kind === "metadata server"
    ? "; to read public ModelKits without it, unset GCP_WIF and set METADATA_SERVER_DETECTION=none"
    : "";
}

function remedy({ status, code, message }: GoogleRefusal, asked: Asked): string {
  const { identity, service } = asked;
  if (message === FOREIGN_MESSAGE) {
    return `Look for what answers in the place of ${service}: a proxy (NO_PROXY), or ${
      identity.kind === "file" ? identity.from : "GCE_METADATA_HOST"
    }`;
  }
  if (/timeframe|short-lived token|stale|not yet valid|issued in the future/i.test(message)) {
    return `Set the node's clock, and check that the token of ${where(asked)} is fresh`;
  }
  switch (service) {
    case "the metadata server":
      return status === 404
        ? `Give the node pool a service account${otherwise(asked)}`
        : `Let the pod's service account act as the one in its annotation iam.gke.io/gcp-service-account: it needs roles/iam.workloadIdentityUser${
          otherwise(asked)
        }`;
    case "Google's token endpoint":
      return code === "invalid_grant"
        ? `Put a new file in the place of ${where(asked)}: Google does not accept ${
          describeIdentity(identity)
        } any more`
        : `Look at what Google answered, and check ${where(asked)}`;
    case "Google's STS":
      return /attribute condition/i.test(message)
        ? `Let the attribute condition of the pool's provider accept this pod, or correct ${
          where(asked)
        }`
        : `Compare audience and subject_token_type in ${
          where(asked)
        } with the pool's provider: its issuer and allowed audiences`;
    case "IAM Credentials":
      return status === 403
        ? `Grant this workload roles/iam.workloadIdentityUser on the account in service_account_impersonation_url, and enable the API; ${
          where(asked)
        } names it`
        : `Check service_account_impersonation_url in ${where(asked)}`;
    case "the address in credential_source":
      return `Check credential_source in ${where(asked)}`;
  }
}
