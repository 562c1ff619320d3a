import { lstatIfPresent, removeTree } from "./tree.ts";

const PREFIX = "kit-storage-private-";
/** In memory, and writable even when a pod's root file system is read-only. */
const MEMORY_FOLDER = "/dev/shm";
/** A leftover's lock is free at once; after so many milliseconds it belongs to a run that is alive. */
const LOCK_PATIENCE_MS = 50;

/**
 * A folder for credentials and kit's own files that only this user can read, removed when it is disposed of.
 *
 * It holds a lock while it lives: what a killed process left is told from what another one uses by that.
 */
export class PrivateFolder implements AsyncDisposable {
  readonly path: string;
  readonly #lock: Deno.FsFile | undefined;

  private constructor(path: string, lock?: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the folder in memory, or where that is not to be had in the folder that `fallback` answers with.
   */
  static async create(
    fallback: () => Promise<string>,
    memory = MEMORY_FOLDER,
  ): Promise<PrivateFolder> {
    await removeLeftovers(memory).catch(() => {});
    for (;;) {
      const path = await Deno.makeTempDir({ dir: memory, prefix: PREFIX }).catch(() => undefined);
      if (path === undefined) break;
      // Before the lock is taken another start may think it a leftover, and remove it.
      const lock = await openIfPresent(path);
      if (lock === undefined) continue;
      await lock.lock(true);
      if (await lstatIfPresent(path) !== undefined) return new PrivateFolder(path, lock);
      lock.close();
    }
    // It needs no lock of its own: the destination has one, and whose it was is removed with its staging folder.
    return new PrivateFolder(await Deno.makeTempDir({ dir: await fallback(), prefix: PREFIX }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await removeTree(this.path);
    } finally {
      this.#lock?.close();
    }
  }
}

async function openIfPresent(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path, { read: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeLeftovers(memory: string): Promise<void> {
  for await (const entry of Deno.readDir(memory)) {
    if (!entry.isDirectory || !entry.name.startsWith(PREFIX)) continue;
    const path = `${memory}/${entry.name}`;
    const file = await Deno.open(path, { read: true }).catch(() => undefined);
    if (file === undefined) continue;
    // It is not closed while the lock is still asked for: that ends with the process.
    if (await isFree(file)) {
      await removeTree(path);
      file.close();
    }
  }
}

/** Whether nobody holds the lock of an open file or folder, asked without waiting for it. */
export async function isFree(file: Deno.FsFile): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<false>((resolve) =>
    timer = setTimeout(() => resolve(false), LOCK_PATIENCE_MS)
  );
  try {
    return await Promise.race([file.lock(true).then(() => true), patience]);
  } finally {
    clearTimeout(timer);
  }
}
