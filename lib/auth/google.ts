import { describeIdentity, findGoogleIdentity } from "./google_identity.ts";
import { metadataToken } from "./google_metadata.ts";
import { GOOGLE_LIMITS, withGoogleFetch } from "./google_fetch.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "Google";

/** Whether the host is one of Google's registries. */
export function matches(host: string): boolean {
  return parseGoogleHost(host) !== undefined;
}

/** https://cloud.google.com/artifact-registry/docs/docker/authentication#token */
const USERNAME = "oauth2accesstoken";

/**
 * An access token for a host of Artifact Registry or Container Registry, when a Google identity is present.
 *
 * @param limits only tests give other ones
 */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
  limits: typeof GOOGLE_LIMITS = GOOGLE_LIMITS,
): Promise<Credentials | undefined> {
  const { host } = scope;
  const registry = parseGoogleHost(host);
  if (registry === undefined) return undefined;
  const identity = await findGoogleIdentity(host, context, limits);
  if (identity === undefined) return undefined;

  const { GCP_GAR_LOCATION } = context.config.environment;
  if (GCP_GAR_LOCATION && registry.location && GCP_GAR_LOCATION !== registry.location) {
    context.log.warn(
      `GCP_GAR_LOCATION is "${GCP_GAR_LOCATION}", but "${host}" is in "${registry.location}": the host counts`,
      { host },
    );
  }
  const token = await withGoogleFetch({ host, identity }, context, async (fetch) => {
    if (identity.kind === "metadata server") return await metadataToken(identity.url, fetch);
    // Only key files need the library: loading it costs memory and time.
    const { requestToken } = await import("./google_client.ts");
    return await requestToken(identity.file, { fetch, context });
  }, limits);
  return { username: USERNAME, ...token, source: `${name} (${describeIdentity(identity)})` };
}

/** What the name of a Google registry says. */
export interface GoogleRegistry {
  /** Region or multi-region, such as `europe-west4` or `us`; the names of gcr.io have none. */
  location?: string;
}

const LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?";

/**
 * `europe-west4-docker.pkg.dev`, its regional endpoint `docker.europe-west4.rep.pkg.dev`, `gcr.io` and the names
 * below it, all of which are Google's:
 * https://cloud.google.com/artifact-registry/docs/docker/names
 * https://github.com/GoogleCloudPlatform/docker-credential-gcr/blob/master/config/const.go
 * https://github.com/google/go-containerregistry/blob/main/pkg/v1/google/keychain.go
 *
 * Anchored at both ends. The other formats of pkg.dev (`-npm`, `-maven`, `-python` …) hold no OCI artifacts.
 */
const GOOGLE_HOST_REGEXP = new RegExp(
  "^(?:" + [
    String.raw`(?<location>${LABEL})-docker\.pkg\.dev`,
    String.raw`docker\.(?<region>${LABEL})\.rep\.pkg\.dev`,
    String.raw`(?:${LABEL}\.)?gcr\.io`,
  ].join("|") + ")" + String.raw`(?::443)?$`,
);

/** What `host` says about the registry, or `undefined` when it is not one of Google's. */
export function parseGoogleHost(host: string): GoogleRegistry | undefined {
  const match = GOOGLE_HOST_REGEXP.exec(host.toLowerCase());
  if (match === null) return undefined;
  return { location: match.groups?.location ?? match.groups?.region };
}
