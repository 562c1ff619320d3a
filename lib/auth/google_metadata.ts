import { Failure } from "../errors.ts";
import { Secret } from "../secret.ts";
import { limitedFetch } from "./limited_fetch.ts";
import type { AuthContext } from "./source.ts";

// Not by the library: its metadata client cannot be given a fetch, and reads the process's environment.

/** What Google gave: good for about an hour. */
export interface GoogleToken {
  password: Secret;
  /** Milliseconds since 1970. */
  expiresAt?: number;
}

/** Without it the server refuses, and an answer without it is not from that server. */
export const METADATA_FLAVOR = { "Metadata-Flavor": "Google" };

/** The address, since the name metadata.google.internal would have to be looked up first. */
const STANDARD_HOST = "169.254.169.254";

/**
 * The metadata server's URL without a path; GCE_METADATA_HOST names another one than Google's.
 * https://cloud.google.com/compute/docs/metadata/querying-metadata
 *
 * @throws {Failure} `usage`
 */
export function metadataUrl(environment: Readonly<Record<string, string>>): string {
  const host = environment.GCE_METADATA_HOST ?? STANDARD_HOST;
  const url = URL.parse(/^https?:\/\//.test(host) ? host : `http://${host}`);
  if (url !== null) return url.origin;
  throw new Failure("usage", `Cannot use GCE_METADATA_HOST "${host}": it is not a host`, {
    hint: "Give a host or address, with its port if it has one, or leave it empty",
  });
}

/**
 * Whether Google's metadata server answers, asked once.
 * https://cloud.google.com/compute/docs/instances/detect-compute-engine#use_the_metadata_server
 *
 * @param milliseconds that it may take
 */
export async function isMetadataServer(
  url: string,
  { fetch, log, signal }: AuthContext,
  milliseconds: number,
): Promise<boolean> {
  try {
    const ask = limitedFetch(fetch, signal, milliseconds);
    if (isGoogles(await ask(url, { headers: METADATA_FLAVOR }))) return true;
  } catch {
    signal.throwIfAborted();
  }
  log.debug(`There is no metadata server of Google at ${url}`);
  return false;
}

/** Whether an answer is from the metadata server, and not from a proxy or another cloud's server. */
export function isGoogles(response: Response): boolean {
  return response.headers.get("Metadata-Flavor") === "Google";
}

/**
 * Asks for an access token of the pod's service account. No scopes are asked for: a virtual machine's are fixed,
 * and those that GKE gives include reading.
 * https://cloud.google.com/compute/docs/access/authenticate-workloads#applications
 *
 * @param fetch answers with tokens only
 */
export async function metadataToken(
  url: string,
  fetch: (url: string, init: RequestInit) => Promise<Response>,
): Promise<GoogleToken> {
  const path = "/computeMetadata/v1/instance/service-accounts/default/token";
  const response = await fetch(url + path, { headers: METADATA_FLAVOR });
  const { access_token, expires_in } = await response.json();
  return {
    password: new Secret(access_token),
    ...(typeof expires_in === "number" && { expiresAt: Date.now() + expires_in * 1000 }),
  };
}
