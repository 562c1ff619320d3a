/** A ModelKit in a registry, as a `kit://` URI names it. */
export interface Reference {
  /** Host of the registry, with its port if one is named: `ghcr.io`, `localhost:5000`. */
  host: string;
  /** Path of the repository on that host: `org/team/model`. */
  repository: string;
  /** Present unless the URI names a digest; `latest` when it names neither. */
  tag?: string;
  /** `sha256:…`; where it is present the tag, if any, does not count. */
  digest?: string;
}

/** A URI that is not a reference; the message says why, without the URI itself. */
export class ReferenceError extends Error {
  override name = "ReferenceError";
}

const SCHEME_REGEXP = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//;
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
const REPOSITORY_REGEXP =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG_REGEXP = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms
const DIGEST_REGEXP = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/;
const HOST_REGEXP =
  /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::(\d{1,5}))?$/;
/** Longest part of the distribution specification's name rule that registries keep to. */
const MAX_NAME_LENGTH = 255;

/**
 * Parses `kit://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]`; the prefix may be missing, as upstream's entrypoint
 * allowed. Kit's own rules hold: the first segment is a host only if it contains a dot or a colon, a digest wins
 * over a tag beside it, and a missing tag is `latest`. What kit would look up in its local storage (no host) is
 * an error here, since a container has no such storage.
 *
 * @throws {ReferenceError} where the URI is not such a reference
 */
export function parseReference(uri: string): Reference {
  const scheme = uri.match(SCHEME_REGEXP)?.[1];
  if (scheme !== undefined && scheme !== "kit") {
    throw new ReferenceError(`the scheme is "${scheme}://" and only "kit://" is served here`);
  }
  const rest = scheme === undefined ? uri : uri.slice("kit://".length);

  const slash = rest.indexOf("/");
  const host = slash === -1 ? "" : rest.slice(0, slash);
  // Before anything of it is quoted. A password may have a slash in it, and a digest has none.
  const userEnd = rest.indexOf("@");
  if (userEnd !== -1 && userEnd < rest.lastIndexOf("/")) {
    throw new ReferenceError(
      "it holds a user name or a password: set KIT_USER and KIT_PASSWORD instead",
    );
  }
  if (!host.includes(".") && !host.includes(":")) {
    throw new ReferenceError("it has no registry host, as in kit://ghcr.io/org/model:tag");
  }
  if (!isHost(host)) {
    throw new ReferenceError(`"${host}" is not a host with an optional port`);
  }

  const path = rest.slice(slash + 1);
  if (path.includes(",")) throw new ReferenceError("only one tag can be unpacked");

  const at = path.indexOf("@");
  const named = at === -1 ? path : path.slice(0, at);
  const digest = at === -1 ? undefined : path.slice(at + 1);
  const colon = named.indexOf(":");
  const repository = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? "latest" : named.slice(colon + 1);

  if (
    !REPOSITORY_REGEXP.test(repository) || host.length + 1 + repository.length > MAX_NAME_LENGTH
  ) {
    throw new ReferenceError(
      `"${repository}" is not a repository: lower-case letters, digits, and . _ - between`,
    );
  }
  if (digest !== undefined) {
    if (!DIGEST_REGEXP.test(digest)) {
      throw new ReferenceError(`"${digest}" is not a digest such as sha256:<64 hex>`);
    }
    return { host, repository, digest };
  }
  if (!TAG_REGEXP.test(tag)) throw new ReferenceError(`"${tag}" is not a tag`);
  return { host, repository, tag };
}

/** Whether kit takes a path in a Kitfile for a reference to another ModelKit: one must say its tag or digest. */
export function isReference(path: string): boolean {
  if (!/[:@]/.test(path)) return false;
  try {
    return parseReference(path).host !== "";
  } catch (error) {
    if (error instanceof ReferenceError) return false;
    throw error;
  }
}

/** Whether a text is a registry's host, with or without a port; a name alone, without a dot, is none. */
export function isHost(text: string): boolean {
  const match = HOST_REGEXP.exec(text);
  const port = Number(match?.[1] ?? 1);
  return match !== null && /[.:]/.test(text) && port >= 1 && port <= 65535;
}

/** The reference as kit's command line takes it: `host/repository:tag` or `host/repository@digest`. */
export function formatReference(reference: Reference): string {
  const { host, repository, tag, digest } = reference;
  return digest === undefined ? `${host}/${repository}:${tag}` : `${host}/${repository}@${digest}`;
}
