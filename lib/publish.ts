import type { Destination } from "./destination.ts";
import { Failure } from "./errors.ts";
import { type Entry, isReserved, writeMarker } from "./marker.ts";
import { listTree, lstatIfPresent, syncAll, type Tree } from "./tree.ts";

/** What happens to a file that is in the way and not ours: kit's `-o` and `-i`. */
export interface ConflictRule {
  overwrite: boolean;
  /** Wins over `overwrite`, as in kit. */
  ignoreExisting: boolean;
}

export interface PublishOptions {
  /** The folder inside the destination's staging folder that kit has filled. */
  tree: string;
  uri: string;
  digest: string;
  filters: string[];
  /** The URIs that this run puts into the same folder: files of others are from earlier runs, and replaced. */
  neighbours: string[];
  rule: ConflictRule;
  version: string;
  started: Date;
  now(): Date;
}

/**
 * Moves an unpacked tree into its destination by rename, and records it. Until the last step a crash leaves a
 * marker that owns the old files and the new ones, so that the next start can replace either.
 *
 * @throws {Failure} `destination` naming the first file in the way, with nothing changed
 */
export async function publish(destination: Destination, options: PublishOptions): Promise<Entry> {
  const { root } = destination;
  const staging = await destination.staging();
  const staged = await listTree(options.tree);
  const { neighbours, earlier } = sortEntries(destination, options);

  const kept = await planMoves(root, staged, earlier, options.rule);
  const files = Object.fromEntries([...staged.files].filter(([path]) => !kept.has(path)));
  const entry: Entry = {
    uri: options.uri,
    digest: options.digest,
    filters: options.filters,
    status: "publishing",
    files,
    directories: staged.directories,
    started: options.started.toISOString(),
  };

  await syncAll([
    ...[...staged.files.keys(), ...staged.directories].map((path) => `${options.tree}/${path}`),
    options.tree,
  ]);
  // A neighbour's file that -o replaces is from now on ours alone.
  const others = neighbours.map((other) => without(other, entry.files));
  await writeMarker(root, staging, {
    version: options.version,
    modelkits: [
      ...others,
      entry,
      ...earlier.map((old) => ({ ...old, status: "publishing" as const })),
    ],
  });

  await removeObsolete(root, earlier, [entry, ...others]);
  const touched = await moveTree(options.tree, root, staged, kept);
  await syncAll(touched);

  const complete: Entry = { ...entry, status: "complete", finished: options.now().toISOString() };
  const marker = { version: options.version, modelkits: [...others, complete] };
  await writeMarker(root, staging, marker);
  destination.marker = { format: 1, ...marker };
  return complete;
}

/**
 * Looks whether files that are not ours are where the ModelKit's Kitfile says that it has some, before anything
 * is downloaded. The contents of folders are known only later; `publish` looks again.
 *
 * @throws {Failure} `destination` naming the file
 */
export async function refuseForeign(
  destination: Destination,
  paths: string[],
  options: Pick<PublishOptions, "uri" | "neighbours" | "rule">,
): Promise<void> {
  const files = new Map(paths.map((path) => [path, { size: 0, mtime: 0 }]));
  // A folder of the same name may be what the Kitfile means, so only what is no folder is in the way yet.
  for (const path of paths) {
    if ((await lstatIfPresent(`${destination.root}/${path}`))?.isDirectory) files.delete(path);
  }
  const { earlier } = sortEntries(destination, options);
  await planMoves(destination.root, { files, directories: [] }, earlier, options.rule);
}

/** The marker's entries: those of other pairs of this run, and those that earlier runs left. */
function sortEntries(
  destination: Destination,
  options: Pick<PublishOptions, "uri" | "neighbours">,
) {
  const known = destination.marker?.modelkits ?? [];
  const isNeighbour = (entry: Entry) =>
    entry.uri !== options.uri && options.neighbours.includes(entry.uri);
  return {
    neighbours: known.filter(isNeighbour),
    earlier: known.filter((entry) => !isNeighbour(entry)),
  };
}

/** Finds what is in the way. Returns the foreign files that stay as they are, by `-i`. */
async function planMoves(
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
  for (const path of directories) {
    if (isReserved(path)) throw reserved(path);
    const parent = parentsOf(path).at(-1);
    if (parent !== undefined && !seen.get(parent)?.isDirectory) continue;
    const info = await look(path);
    if (info !== undefined && !info.isDirectory && !ownFiles.has(path)) throw inTheWay(root, path);
  }
  for (const path of staged.files.keys()) {
    if (isReserved(path)) throw reserved(path);
    const parent = parentsOf(path).at(-1);
    if (parent !== undefined && !seen.get(parent)?.isDirectory) continue;
    const info = await lstatIfPresent(`${root}/${path}`);
    if (info === undefined || ownFiles.has(path)) continue;
    if (info.isDirectory && ownDirectories.has(path)) {
      const { files } = await listTree(`${root}/${path}`);
      const foreign = [...files.keys()].find((name) => !ownFiles.has(`${path}/${name}`));
      if (foreign !== undefined) throw inTheWay(root, `${path}/${foreign}`);
    } else if (rule.ignoreExisting) kept.add(path);
    else if (!rule.overwrite || !info.isFile) throw inTheWay(root, path);
  }
  return kept;
}

function inTheWay(root: string, path: string): Failure {
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

function without(entry: Entry, replaced: Record<string, unknown>): Entry {
  const files = Object.entries(entry.files).filter(([path]) => !Object.hasOwn(replaced, path));
  return { ...entry, files: Object.fromEntries(files) };
}

function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** Removes what earlier runs put there and nobody has any more; of folders only those that are empty then. */
async function removeObsolete(root: string, earlier: Entry[], present: Entry[]): Promise<void> {
  const files = new Set(present.flatMap((entry) => Object.keys(entry.files)));
  const directories = new Set(present.flatMap((entry) => entry.directories));
  for (const path of new Set(earlier.flatMap((entry) => Object.keys(entry.files)))) {
    if (files.has(path) || !(await isBelowFolders(root, path))) continue;
    const info = await lstatIfPresent(`${root}/${path}`);
    if (info !== undefined && !info.isDirectory) await Deno.remove(`${root}/${path}`);
  }
  const old = [...new Set(earlier.flatMap((entry) => entry.directories))].sort().reverse();
  for (const path of old) {
    if (directories.has(path) || !(await isBelowFolders(root, path))) continue;
    try {
      if ((await lstatIfPresent(`${root}/${path}`))?.isDirectory) {
        await Deno.remove(`${root}/${path}`);
      }
    } catch {
      // Somebody else's files are in it.
    }
  }
}

/** Whether all parents are real folders: a link in their place could lead out of the destination. */
async function isBelowFolders(root: string, path: string): Promise<boolean> {
  for (const parent of parentsOf(path)) {
    if (!(await lstatIfPresent(`${root}/${parent}`))?.isDirectory) return false;
  }
  return true;
}

/** Renames everything into place, whole folders at once where that is possible. Returns the folders changed. */
async function moveTree(
  from: string,
  root: string,
  staged: Tree,
  kept: Set<string>,
): Promise<string[]> {
  const touched = new Set([root]);
  const moved = new Set<string>();
  const isMoved = (path: string) => parentsOf(path).some((parent) => moved.has(parent));

  for (const path of staged.directories) {
    if (isMoved(path)) continue;
    const [source, target] = [`${from}/${path}`, `${root}/${path}`];
    if ((await lstatIfPresent(target)) === undefined && await renameFolder(source, target)) {
      moved.add(path);
    } else touched.add(target);
  }
  for (const path of staged.files.keys()) {
    if (!isMoved(path) && !kept.has(path)) await Deno.rename(`${from}/${path}`, `${root}/${path}`);
  }
  return [...touched];
}

/** Only root can move a folder that its owner may not write to: a new one with the same mode is as good. */
async function renameFolder(source: string, target: string): Promise<boolean> {
  try {
    await Deno.rename(source, target);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
  const { mode } = await Deno.lstat(source);
  await Deno.mkdir(target);
  if (mode !== null) await Deno.chmod(target, mode & 0o7777);
  return false;
}
