import type { Kit } from "../kit.ts";
import { folderBytes, Progress, type ProgressOptions } from "../progress.ts";
import type { Reference } from "../reference.ts";
import { removeTree } from "../tree.ts";

export interface DirectOptions {
  kit: Kit;
  /** With its digest, so that what was resolved is what is unpacked. */
  reference: Reference;
  /** The folder that kit makes and fills. */
  tree: string;
  /** The words of KIT_UNPACK_FLAGS. */
  words: string[];
  /** Flags that make kit trust our certificates. */
  certificates: string[];
  progress: Omit<ProgressOptions, "done">;
}

/**
 * The way of upstream's entrypoint: kit fetches the layers itself and unpacks them as they come. The manifest is
 * checked against its digest by kit; layers are not checked against theirs.
 *
 * @throws {Failure} as kit's error says; what was unpacked until then is removed
 */
export async function unpackDirect(options: DirectOptions): Promise<void> {
  const { kit, reference, tree, words, certificates } = options;
  try {
    using progress = new Progress({ ...options.progress, done: () => folderBytes(tree) });
    await kit.unpack(reference, tree, { words, certificates, progress: () => progress.bytes });
  } catch (error) {
    await removeTree(tree);
    throw error;
  }
}
