import { Failure } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { Visit } from "./visit.ts";

/** So many tags are shown. */
const SHOWN = 3;

/** Of a ModelKit that is not there: what is there instead. */
export async function explainMissing(failure: Failure, visit: Visit): Promise<Failure> {
  const { credentials, network, pair: { reference }, transfer } = visit;
  const { host, repository, digest, tag = "latest" } = reference;
  const options = { host, cause: failure };
  // A registry that only kit can talk to cannot be asked here.
  const tags = transfer?.isVerified === false
    ? undefined
    : await network.registries.tags(host, repository).catch((error: unknown) =>
      error instanceof Failure && error.outcome === "not found" ? null : undefined
    );
  // The registry does not say.
  if (tags === undefined) return failure;
  if (tags === null) {
    const why = credentials === undefined
      ? "; where strangers are told so too, KIT_USER and KIT_PASSWORD are missing"
      : `, and whether ${credentials.source} may read it`;
    return new Failure("not found", `Cannot find the repository "${repository}" on "${host}"`, {
      ...options,
      hint: `Check the repository in the URI${why}`,
    });
  }
  const there = tags.length === 0
    ? "it has no tags"
    : `${nearest(tag, tags, SHOWN).map((name) => `"${name}"`).join(", ")}${
      tags.length > SHOWN ? ` and ${tags.length - SHOWN} more` : ""
    }`;
  if (digest !== undefined) {
    return new Failure("not found", `Cannot find ${digest} in "${host}/${repository}"`, {
      ...options,
      hint: `Check the digest in the URI, or name a tag in its place: ${there}`,
    });
  }
  return new Failure("not found", `Cannot find the tag "${tag}" in "${host}/${repository}"`, {
    ...options,
    hint: tags.length === 0
      ? `Name a digest in the URI: ${there}`
      : `Correct the tag in the URI: the nearest that are there are ${there}`,
  });
}
