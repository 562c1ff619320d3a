import { Failure } from "./errors.ts";
import { type Entry, isReserved } from "./marker.ts";
import { lstatIfPresent, type Tree } from "./tree.ts";

/** What happens to a file that is in the way and not ours: kit's `-o` and `-i`. */
export interface ConflictRule {
  overwrite: boolean;
  /** Wins over `overwrite`, as in kit. */
  ignoreExisting: boolean;
}

/**
 * Finds what is in the way of a tree that is to be moved into `root`, where earlier runs left `earlier`.
 *
 * @returns the foreign files that stay as they are, by `-i`
 * @throws {Failure} `destination` naming the first one that must not be replaced
 */
export async function planMoves(
  root: string,
  staged: Tree,
  earlier: Entry[],
  rule: ConflictRule,
): Promise<Set<string>> {
  const ownFiles = new Set(earlier.flatMap((entry) => Object.keys(entry.files)));
  const ownDirectories = new Set(earlier.flatMap((entry) => entry.directories));
  const kept = new Set<string>();

  // Parents come first, so below a folder that is not there yet nothing needs to be looked at.
  const seen = new Map<string, Deno.FileInfo | undefined>();
  const look = async (path: string) => {
    if (!seen.has(path)) seen.set(path, await lstatIfPresent(`${root}/${path}`));
    return seen.get(path);
  };
  const directories = new Set([
    ...staged.directories,
    ...[...staged.files.keys()].flatMap(parentsOf),
  ]);
  const taken = [...directories, ...staged.files.keys()].find(isReserved);
  if (taken !== undefined) throw reserved(taken);
  if (await isBare(root)) return kept;
  for (const path of directories) {
    const parent = parentsOf(path).at(-1);
    if (parent !== undefined && !seen.get(parent)?.isDirectory) continue;
    const info = await look(path);
    if (info !== undefined && !info.isDirectory && !ownFiles.has(path)) throw inTheWay(root, path);
  }
  for (const path of staged.files.keys()) {
    const parent = parentsOf(path).at(-1);
    if (parent !== undefined && !seen.get(parent)?.isDirectory) continue;
    const info = await lstatIfPresent(`${root}/${path}`);
    if (info === undefined || ownFiles.has(path)) continue;
    if (info.isDirectory && ownDirectories.has(path)) {
      const foreign = await foreignBelow(
        root,
        path,
        (name) => ownFiles.has(name) || ownDirectories.has(name),
      );
      if (foreign !== undefined) throw inTheWay(root, foreign);
    } else if (rule.ignoreExisting) kept.add(path);
    else if (!rule.overwrite || !info.isFile) throw inTheWay(root, path);
  }
  return kept;
}

/** Whether a folder has nothing but names of the initializer's own, as most have at a first start. */
export async function isBare(root: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(root)) if (!isReserved(name)) return false;
  return true;
}

/** The first file, link or folder below the folder `path` that is not ours. */
async function foreignBelow(
  root: string,
  path: string,
  isOwn: (path: string) => boolean,
): Promise<string | undefined> {
  for await (const { name, isDirectory } of Deno.readDir(`${root}/${path}`)) {
    const child = `${path}/${name}`;
    if (!isOwn(child)) return child;
    const foreign = isDirectory ? await foreignBelow(root, child, isOwn) : undefined;
    if (foreign !== undefined) return foreign;
  }
}

export function inTheWay(root: string, path: string): Failure {
  return new Failure(
    "destination",
    `Cannot unpack to "${root}": "${path}" is there already and is not ours`,
    {
      hint: "Move it away, or set -o (replace files) or -i (keep them) in KIT_UNPACK_FLAGS",
    },
  );
}

function reserved(path: string): Failure {
  return new Failure(
    "destination",
    `Cannot publish "${path}": the name is reserved for the initializer`,
    {
      hint: "Rename it in the ModelKit",
    },
  );
}

/** All folders above a path, the topmost first. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
