import type { ModelKit } from "../modelkit.ts";
import type { ProgressOptions } from "../progress.ts";
import type { Reference } from "../reference.ts";
import type { Manifest } from "../registry/manifest.ts";

/**
 * Throws a `Failure` where a ModelKit must not be unpacked: called with its manifest, and that of the index that it
 * was found in.
 */
export type Accept = (reference: Reference, manifests: Manifest[]) => Promise<void>;

/** What is to be unpacked, and where. */
export interface UnpackJob {
  reference: Reference;
  modelkit: ModelKit;
  /** The folder that kit makes and fills. */
  tree: string;
  progress: Omit<ProgressOptions, "measure"> & {
    /** Bytes of its layers. */
    total: number;
  };
}

/** A way to get a ModelKit: `verified` through our gateway, or `direct` by kit itself. */
export interface Transfer {
  /** Whether layers are compared with their digests; known for good when `resolve` is done. */
  readonly isVerified: boolean;
  /** Asks the registry what the reference is now, signing in as that needs. */
  resolve(reference: Reference): Promise<ModelKit>;
  /**
   * Bytes that the ModelKits add which this one's Kitfile names in the place of layers; 0 where only kit can ask.
   *
   * @throws {Failure} where one of them cannot be had: kit could not have it either
   */
  sizeOfParents(modelkit: ModelKit): Promise<number>;
  /** Unpacks what was resolved; on failure nothing of the tree is left. */
  unpack(job: UnpackJob): Promise<void>;
  /** What the transfer took, for the report. */
  cost(): TransferCost | undefined;
}

export interface TransferCost {
  /** Bytes of layers that were fetched. */
  downloaded: number;
  /** The most that were used at once. */
  connections: number;
  retries: number;
  /** Which part the others waited for. */
  limit: "network" | "hash" | "kit or disk";
}
