import type { Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";

/** Larger than any: cosign's have some 10 KiB. */
export const MAX_SIGNATURE_BYTES = 1024 * 1024;

/** A signature that a registry has, and that may turn out to be worth nothing. */
export interface Candidate {
  /** What to call it in messages. */
  name: string;
  /** Fetches it. */
  read(): Promise<Evidence>;
}

/** A signature with all that was stored beside it. */
export interface Evidence {
  /** In Sigstore's bundle format, as JSON: https://docs.sigstore.dev/about/bundle/ */
  bundle: unknown;
  /** What is signed, where the bundle does not hold that itself, and the digest that it speaks of. */
  message: { bytes: Uint8Array; digest: string };
}

/** A place where signatures of a manifest may be. */
export type Finder = (
  registries: Registries,
  repository: { host: string; repository: string },
  manifest: Manifest,
) => Promise<Candidate[]>;
