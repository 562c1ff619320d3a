import { Failure } from "../errors.ts";
import { parseForeign } from "../json.ts";
import { type ModelKit, modelkitOf } from "../modelkit.ts";
import { formatReference, type Reference } from "../reference.ts";
import type { Descriptor, Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";
import type { Accept } from "./mod.ts";

// https://github.com/kitops-ml/kitops/tree/main/pkg/lib/constants
const KITFILE_TYPE = "application/vnd.kitops.modelkit.config.v1+json";
const KITFILE_ANNOTATION = "ml.kitops.modelkit.kitfile";
/** Types of a ModelKit and of a ModelPack, and of the config of each. */
const ARTIFACT_TYPES = [
  "application/vnd.kitops.modelkit.manifest.v1+json",
  "application/vnd.cncf.model.manifest.v1+json",
];
const CONFIG_TYPES = [KITFILE_TYPE, "application/vnd.cncf.model.config.v1+json"];
/** An index is a list for a person; a longer one is none of ModelKits. */
const MAX_INDEX_ENTRIES = 32;

/**
 * The ModelKit under a reference. Kit takes no index, so where there is one the ModelKit in it is answered with.
 *
 * @param accept is asked before any blob: with the ModelKit's manifest, and the index that it was found in
 * @throws {Failure} `usage` where an index has several ModelKits, `kit` where there is none
 */
export async function resolveModelKit(
  registries: Registries,
  reference: Reference,
  accept?: Accept,
): Promise<ModelKit> {
  const { host, repository, tag, digest } = reference;
  const name = formatReference(reference);
  const found = await registries.manifest(host, repository, digest ?? tag ?? "latest");
  const manifest = found.manifests.length > 0
    ? await choose(registries, reference, found.manifests)
    : found;
  if (!isModelKit(manifest)) {
    throw new Failure("kit", `Cannot unpack "${name}": it is not a ModelKit`, {
      host,
      hint: "Name a ModelKit or a ModelPack, as kit pack and kit push make them",
    });
  }
  await accept?.(reference, manifest === found ? [manifest] : [manifest, found]);
  const kitfile = await readKitfile(registries, reference, manifest);
  if (kitfile === undefined) return modelkitOf(manifest.digest, manifest.layers, undefined);
  try {
    return modelkitOf(manifest.digest, manifest.layers, parseForeign(kitfile));
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure("kit", `Cannot read the Kitfile of "${name}": it is not JSON`, {
      host,
      hint: "Pack and push the ModelKit again",
      cause: error,
    });
  }
}

async function choose(
  registries: Registries,
  reference: Reference,
  entries: Descriptor[],
): Promise<Manifest> {
  const { host, repository } = reference;
  const name = formatReference(reference);
  const digests = new Set(
    entries.filter(({ artifactType }) =>
      artifactType === undefined || ARTIFACT_TYPES.includes(artifactType)
    ).map(({ digest }) => digest),
  );
  const modelkits: Manifest[] = [];
  if (digests.size <= MAX_INDEX_ENTRIES) {
    for (const digest of digests) {
      const manifest = await manifestIfPresent(registries, host, repository, digest);
      if (manifest !== undefined && isModelKit(manifest)) modelkits.push(manifest);
    }
  }
  if (modelkits.length === 1) return modelkits[0];
  if (modelkits.length > 1) {
    throw new Failure(
      "usage",
      `Cannot choose from "${name}": it is an index of several ModelKits`,
      {
        host,
        hint: `Name one by its digest: ${modelkits.map(({ digest }) => digest).join(" or ")}`,
      },
    );
  }
  throw new Failure("kit", `Cannot unpack "${name}": it is an index without a ModelKit`, {
    host,
    hint: "Name a ModelKit or a ModelPack, as kit pack and kit push make them",
  });
}

/** An index may name manifests that the registry does not have: https://github.com/opencontainers/image-spec/blob/main/image-index.md */
async function manifestIfPresent(
  registries: Registries,
  ...name: [host: string, repository: string, digest: string]
): Promise<Manifest | undefined> {
  try {
    return await registries.manifest(...name);
  } catch (error) {
    if (error instanceof Failure && error.outcome === "not found") return undefined;
    throw error;
  }
}

function isModelKit({ artifactType = "", config }: Manifest): boolean {
  return config !== undefined &&
    (ARTIFACT_TYPES.includes(artifactType) || CONFIG_TYPES.includes(config.mediaType));
}

/** The Kitfile as JSON: a ModelKit's config, or what kit adds to a ModelPack. */
async function readKitfile(
  registries: Registries,
  { host, repository }: Reference,
  { config, annotations }: Manifest,
): Promise<string | undefined> {
  if (config?.mediaType !== KITFILE_TYPE) return annotations[KITFILE_ANNOTATION];
  const bytes = await registries.config(host, repository, config.digest);
  return new TextDecoder().decode(bytes);
}
