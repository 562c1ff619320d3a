import { orAborted } from "./abort.ts";
import { Failure } from "./errors.ts";

/** A file as it is recorded: enough to see that nobody changed it since. */
export interface FileState {
  /** Bytes. */
  size: number;
  /** Milliseconds since the epoch. */
  mtime: number;
}

/** What is below a folder, with paths relative to it, parents before their children. */
export interface Tree {
  files: Map<string, FileState>;
  directories: string[];
}

/**
 * Lists a folder that kit has filled.
 *
 * @throws {Failure} `kit` where it holds anything but files and folders, which kit does not make
 */
export async function listTree(root: string): Promise<Tree> {
  const tree: Tree = { files: new Map(), directories: [] };
  const files: string[] = [];
  const visit = async (prefix: string) => {
    for await (const entry of Deno.readDir(`${root}/${prefix}`)) {
      const path = prefix + entry.name;
      // Deno shows other bytes than UTF-8 as a replacement character, and then finds nothing of that name.
      if (path.includes("\ufffd") && await lstatIfPresent(`${root}/${path}`) === undefined) {
        throw unpublishable(path, "its name is not UTF-8");
      }
      if (entry.isDirectory) {
        tree.directories.push(path);
        await visit(`${path}/`);
      } else if (entry.isFile) {
        files.push(path);
      } else {
        throw unpublishable(path, "kit made something that is neither a file nor a folder");
      }
    }
  };
  await visit("");
  await forAll(files, async (path) => {
    tree.files.set(path, stateOf(await Deno.lstat(`${root}/${path}`)));
  });
  return tree;
}

function unpublishable(path: string, why: string): Failure {
  return new Failure("kit", `Cannot publish "${path}": ${why}`, {
    hint: "Pack the ModelKit without it",
  });
}

export function stateOf(info: Deno.FileInfo): FileState {
  return { size: info.size, mtime: info.mtime?.getTime() ?? 0 };
}

/** `lstat`, or `undefined` where there is nothing, also where a parent is no folder. */
export async function lstatIfPresent(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** Makes a file's or a folder's contents survive a crash of the machine. */
export async function sync(path: string): Promise<void> {
  try {
    using file = await Deno.open(path, { read: true });
    await file.sync();
  } catch (error) {
    // A ModelKit may hold files that their owner cannot read; those reach the disk when the system writes them.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/** As many calls at a time as a disk's queue likes; more only cost memory. */
const AT_ONCE = 16;

/** Does something about each of many, several at a time: ten thousand calls one after the other are slow. */
export async function forAll<T>(
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let isOver = false;
  const worker = async () => {
    try {
      for (let next = queue.next(); !next.done && !isOver; next = queue.next()) {
        await work(next.value);
      }
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  // Also when one fails the others are waited for: they hold files open.
  const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  const failed = ended.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * `sync` for many paths. The signal does not wait for the disk: a large file may take it longer than the 2 s in which
 * the program is to be gone.
 */
export async function syncAll(paths: Iterable<string>, signal?: AbortSignal): Promise<void> {
  await forAll(paths, async (path) => {
    signal?.throwIfAborted();
    await (signal === undefined ? sync(path) : orAborted(sync(path), signal));
  });
}

/**
 * Removes a folder and what is in it; nothing is followed. A process that is being killed may still write there,
 * so it is tried a few times.
 */
export async function removeTree(path: string): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      if (attempt === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20 * attempt));
    }
  }
}
