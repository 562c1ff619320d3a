import { Failure } from "../errors.ts";
import type { Layer } from "../modelkit.ts";
import { formatReference } from "../reference.ts";
import type { UnpackJob } from "./mod.ts";

/**
 * What kit did not open is not there, however well it ended. Of ModelKits whose Kitfile has no digests kit may leave
 * layers out that it does not know, and says so.
 *
 * @param delivered the digests of the blobs that kit opened and that are verified
 * @throws {Failure} `kit` where one of the plan is not among them
 */
export function refuseUnopened(
  { reference, modelkit }: UnpackJob,
  plan: Layer[],
  delivered: ReadonlySet<string>,
): void {
  const missing = plan.filter(({ digest }) => !delivered.has(digest));
  if (missing.length === 0 || modelkit.components === undefined) return;
  throw new Failure(
    "kit",
    `Cannot unpack "${
      formatReference(reference)
    }": kit left out ${missing.length} of ${plan.length} layers, such as ${missing[0].digest}`,
    {
      hint:
        "Take kit 1.15.0 or later, which knows all parts of a Kitfile, or look where KIT_BIN and PATH lead",
    },
  );
}
