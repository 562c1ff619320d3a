import type { Pair } from "../arguments.ts";
import type { Credentials } from "../auth/mod.ts";
import type { Failure } from "../errors.ts";
import type { ModelKit } from "../modelkit.ts";
import type { Network } from "../network.ts";
import type { Manifest } from "../registry/manifest.ts";
import type { Signatures } from "../signature/mod.ts";
import type { Transfer } from "../transfer/mod.ts";

/** A ModelKit that a run would fetch, and what is known of it so far. */
export interface Visit {
  pair: Pair;
  network: Network;
  credentials?: Credentials;
  /** The way of a run. */
  transfer?: Transfer;
  modelkit?: ModelKit;
  /** Bytes that a run unpacks of it and of its parents. */
  needed?: number;
  /** Why there is none. */
  failure?: Failure;
  /** Its manifest, and that of the index it was found in: what may be signed. */
  manifests?: Manifest[];
  /** Where ModelKits must be signed. */
  signatures?: Signatures;
  /** What asking for the manifest made a run warn of. */
  warnings?: string[];
}
