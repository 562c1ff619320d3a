import { orAborted } from "./abort.ts";
import { Failure, messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import { type Entry, LOCK_NAME, type Marker, readMarker, STAGING_PREFIX } from "./marker.ts";
import { forAll, lstatIfPresent, removeTree, stateOf } from "./tree.ts";

/** After so long a wait for the lock it is said why nothing happens. */
const LOCK_NOTICE_MS = 500;

/** What is asked of a destination: this ModelKit, chosen by these flags. */
export interface Wanted {
  uri: string;
  /** Absent while only a tag is known. */
  digest?: string;
  filters: string[];
  /** Where one is required: that of the entry must be the same. */
  signature?: string;
}

/**
 * A folder that is to hold a ModelKit, locked for this process until it is disposed of.
 *
 * The folder itself is never renamed or replaced, since it may be a mount point.
 */
export class Destination implements AsyncDisposable {
  /** The folder, with links resolved. */
  readonly root: string;
  marker: Marker | undefined;
  readonly #lock: Deno.FsFile;
  #staging: string | undefined;

  private constructor(root: string, lock: Deno.FsFile, marker: Marker | undefined) {
    this.root = root;
    this.#lock = lock;
    this.marker = marker;
  }

  /**
   * Makes the folder where it is missing, waits for its lock, and removes what an interrupted run left.
   *
   * @throws {Failure} `destination` where the folder cannot be made or read
   */
  static async open(
    path: string,
    options: { log: Log; signal: AbortSignal },
  ): Promise<Destination> {
    let lock: Deno.FsFile | undefined;
    try {
      options.signal.throwIfAborted();
      await Deno.mkdir(path, { recursive: true, mode: 0o755 });
      const root = await Deno.realPath(path);
      lock = await acquireLock(root, options);
      await removeLeftovers(root);
      return new Destination(root, lock, await readMarker(root));
    } catch (error) {
      lock?.close();
      throw destinationFailure(error, path);
    }
  }

  /** The complete entry that serves `wanted` with every file as it was written, if there is one. */
  async find(wanted: Wanted): Promise<Entry | undefined> {
    return await findComplete(this, wanted);
  }

  /**
   * A folder for unpublished work inside the destination, made when first asked for and removed at the end.
   *
   * @throws {Failure} `destination` where it cannot be made
   */
  async staging(): Promise<string> {
    if (this.#staging !== undefined) return this.#staging;
    try {
      return this.#staging = await Deno.makeTempDir({ dir: this.root, prefix: STAGING_PREFIX });
    } catch (error) {
      throw destinationFailure(error, this.root);
    }
  }

  /** Removes the staging folder, so that a further attempt begins with an empty one. */
  async clear(): Promise<void> {
    const staging = this.#staging;
    this.#staging = undefined;
    if (staging !== undefined) await removeTree(staging);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.clear();
    } finally {
      this.#lock.close();
    }
  }
}

/** The complete entry of a folder that serves `wanted` with every file as it was written, if there is one. */
export async function findComplete(
  { root, marker }: Pick<Destination, "root" | "marker">,
  wanted: Wanted,
): Promise<Entry | undefined> {
  const entry = marker?.modelkits.find((candidate) =>
    candidate.uri === wanted.uri && candidate.status === "complete" &&
    (wanted.digest === undefined || candidate.digest === wanted.digest) &&
    (wanted.signature === undefined || candidate.signature === wanted.signature) &&
    JSON.stringify(candidate.filters) === JSON.stringify(wanted.filters)
  );
  if (entry === undefined) return undefined;
  for (const directory of entry.directories) {
    if (!(await lstatIfPresent(`${root}/${directory}`))?.isDirectory) return undefined;
  }
  let isIntact = true;
  await forAll(Object.entries(entry.files), async ([path, expected]) => {
    const info = isIntact ? await lstatIfPresent(`${root}/${path}`) : undefined;
    const { size, mtime } = info?.isFile ? stateOf(info) : {};
    if (size !== expected.size || mtime !== expected.mtime) isIntact = false;
  });
  return isIntact ? entry : undefined;
}

/** What to do about an error of the file system. */
const REMEDIES: Record<string, string> = {
  ENOSPC: "Give the volume more space",
  EDQUOT: "Raise the volume's quota",
  EROFS: "Mount the volume writable",
  EEXIST: "Give a folder: there is a file of that name",
  ENOTDIR: "Give a folder: a part of the path is a file",
  ENAMETOOLONG: "Give a destination with a shorter path, or pack shorter names",
  EIO: "Look at the volume: its disk or its server fails",
};

/** An error of the file system as a `destination` failure; anything else as it is. */
export function destinationFailure(error: unknown, root: string): unknown {
  // Cleaning up failed after it, which is the lesser news.
  if (error instanceof SuppressedError) return destinationFailure(error.suppressed, root);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof Failure || !/^E[A-Z0-9]+$/.test(code)) return error;
  // Deno adds the number and the call to the system's words.
  const reason = messageOf(error).replace(/ \(os error \d+\).*$/, "");
  return new Failure("destination", `Cannot write to "${root}": ${reason}`, {
    hint: REMEDIES[code] ??
      `Make it a folder that UID ${Deno.uid()} can write to, for example with the pod's fsGroup`,
    cause: error,
  });
}

/**
 * Takes an exclusive `flock` on the folder. NFS wants a descriptor that is open for writing, which a folder cannot
 * give: there a lock file is used, and stays. The kernel releases the lock however the process ends.
 */
async function acquireLock(
  root: string,
  { log, signal }: { log: Log; signal: AbortSignal },
): Promise<Deno.FsFile> {
  const file = await Deno.open(root, { read: true });
  try {
    await waitForLock(file, root, log, signal);
    return file;
  } catch (error) {
    file.close();
    if (signal.aborted || error instanceof Deno.errors.PermissionDenied) throw error;
  }
  const substitute = await Deno.open(`${root}/${LOCK_NAME}`, {
    write: true,
    create: true,
    mode: 0o666,
  });
  await waitForLock(substitute, root, log, signal);
  return substitute;
}

async function waitForLock(
  file: Deno.FsFile,
  root: string,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const notice = setTimeout(
    () =>
      log.info("Waiting for another initializer to finish with the destination", {
        destination: root,
      }),
    LOCK_NOTICE_MS,
  );
  try {
    await orAborted(file.lock(true), signal);
  } finally {
    clearTimeout(notice);
  }
}

/** Staging folders of runs that were killed. Under the lock nobody else can be using them. */
async function removeLeftovers(root: string): Promise<void> {
  const leftovers: string[] = [];
  for await (const entry of Deno.readDir(root)) {
    if (entry.name.startsWith(STAGING_PREFIX)) leftovers.push(entry.name);
  }
  for (const name of leftovers) await removeTree(`${root}/${name}`);
}
