import { parseObject } from "../json.ts";
import type { Descriptor, Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";
import { type Candidate, type Evidence, MAX_SIGNATURE_BYTES } from "./candidate.ts";
import { SIGNATURE_PREDICATE } from "./claim.ts";

// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md
const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle";
const PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType";

interface Repository {
  host: string;
  repository: string;
}

/** The bundles that the registry says refer to the manifest. */
export async function findReferrers(
  registries: Registries,
  { host, repository }: Repository,
  manifest: Manifest,
): Promise<Candidate[]> {
  const referrers = await registries.referrers(host, repository, manifest.digest);
  return candidatesOf(referrers, registries, { host, repository }, manifest);
}

/**
 * The bundles in the index that stands in for the referrers API where a registry has none:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
 */
export async function findTaggedReferrers(
  registries: Registries,
  { host, repository }: Repository,
  manifest: Manifest,
): Promise<Candidate[]> {
  const tag = manifest.digest.replace(":", "-");
  const { manifests } = await registries.manifest(host, repository, tag);
  return candidatesOf(manifests, registries, { host, repository }, manifest);
}

function candidatesOf(
  referrers: Descriptor[],
  registries: Registries,
  { host, repository }: Repository,
  subject: Manifest,
): Candidate[] {
  return referrers.filter(mayBeSignature).map(({ digest }) => ({
    name: `bundle ${digest}`,
    read: async (): Promise<Evidence> => {
      const { layers } = await registries.manifest(host, repository, digest);
      if (layers.length !== 1 || !layers[0].mediaType.startsWith(BUNDLE_TYPE)) {
        throw new Error("it is not a bundle");
      }
      const limit = { what: "a signature", maxBytes: MAX_SIGNATURE_BYTES };
      const bytes = await registries.document({ host, repository }, layers[0].digest, limit);
      const bundle = parseObject(new TextDecoder().decode(bytes));
      if (bundle === undefined) throw new Error("it is not JSON");
      return { bundle, message: { bytes: subject.bytes, digest: subject.digest } };
    },
  }));
}

/** Descriptors of older registries have no types, and annotations may be missing: then the bundle itself will say. */
function mayBeSignature({ artifactType = BUNDLE_TYPE, annotations }: Descriptor): boolean {
  const { [PREDICATE_ANNOTATION]: predicate = SIGNATURE_PREDICATE } = annotations;
  return artifactType.startsWith(BUNDLE_TYPE) && predicate === SIGNATURE_PREDICATE;
}
