import type { Pair } from "../arguments.ts";
import type { Credentials } from "../auth/mod.ts";
import type { Failure } from "../errors.ts";
import type { ModelKit } from "../modelkit.ts";
import type { Network } from "../network.ts";
import type { Manifest } from "../registry/manifest.ts";

/** A ModelKit that a run would fetch, and what is known of it so far. */
export interface Visit {
  pair: Pair;
  network: Network;
  credentials?: Credentials;
  modelkit?: ModelKit;
  /** Why there is none. */
  failure?: Failure;
  /** Its manifest, and that of the index it was found in: what may be signed. */
  manifests?: Manifest[];
  /** What asking for the manifest made a run warn of. */
  warnings?: string[];
  /** Kit itself fetches the layers, so that nothing of that can be tried. */
  isDirect?: boolean;
}
