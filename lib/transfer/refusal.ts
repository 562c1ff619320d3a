import { type AuthContext, credentialsFor } from "../auth/mod.ts";
import { Failure } from "../errors.ts";
import type { Reference } from "../reference.ts";

/**
 * Does what may need credentials. Where the registry refuses, it says only that; which source to look at is added
 * here.
 */
export async function explainingRefusal<T>(
  work: () => Promise<T>,
  reference: Reference,
  auth: AuthContext,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || error.outcome !== "auth" || error.host === undefined) {
      throw error;
    }
    throw await explain(error, reference, auth);
  }
}

async function explain(
  error: Failure,
  { host, repository }: Reference,
  auth: AuthContext,
): Promise<Failure> {
  // It is remembered what this host got, so nobody is asked again; a source's own failure says enough.
  const credentials = await credentialsFor({ host, repository }, auth).catch(() => null);
  if (credentials === null) return error;
  if (credentials !== undefined) {
    const hint =
      `Check ${credentials.source}: they must be valid for "${host}" and may read "${repository}"`;
    const message = error.message.includes(credentials.source)
      ? error.message
      : `${error.message}, signed in with ${credentials.source}`;
    return new Failure("auth", message, { hint, host, cause: error });
  }
  return new Failure(
    "auth",
    `Cannot read "${host}/${repository}": the registry wants credentials, and no source has any for "${host}"`,
    {
      hint:
        "Set KIT_USER and KIT_PASSWORD, or give a docker config entry or a cloud identity for this host",
      host,
      cause: error,
    },
  );
}
