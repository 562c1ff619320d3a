import { type ModelKit, parentsOf, selectLayers, sizeOf } from "../modelkit.ts";
import { isReference, parseReference, type Reference } from "../reference.ts";
import type { UnpackFlags } from "../unpack_flags.ts";

/** Kit refuses a longer chain: https://github.com/kitops-ml/kitops/blob/main/pkg/lib/constants/consts.go */
const MAX_CHAIN = 10;
/** Kitfiles that together name more are none of a person's. */
const MAX_PARENTS = 100;

/**
 * Bytes in the registries of what kit will fetch of the ModelKits that this one's Kitfile names, and of those that
 * theirs name. Each of them counts once, so that a circle ends, which kit refuses. Datasets in S3 are not among them:
 * only kit can ask for those.
 *
 * @param resolve asks a registry what a reference is
 */
export async function sizeOfParents(
  modelkit: ModelKit,
  flags: Pick<UnpackFlags, "filters" | "includeRemote">,
  resolve: (reference: Reference) => Promise<ModelKit>,
): Promise<number> {
  const seen = new Set<string>();
  let bytes = 0;
  const visit = async (child: ModelKit, filters: string[], depth: number) => {
    if (depth === MAX_CHAIN) return;
    for (const parent of parentsOf(child, { ...flags, filters })) {
      const key = JSON.stringify(parent);
      // Of what names no registry kit says so itself; and datasets in S3 are not ours to ask for.
      if (!isReference(parent.reference) || seen.has(key) || seen.size === MAX_PARENTS) continue;
      seen.add(key);
      const found = await resolve(parseReference(parent.reference));
      // Kit takes a part of it, and where layers cannot be told apart only kit knows which.
      if (found.components !== undefined) bytes += sizeOf(selectLayers(found, parent.filters));
      await visit(found, parent.filters, depth + 1);
    }
  };
  await visit(modelkit, flags.filters, 0);
  return bytes;
}
