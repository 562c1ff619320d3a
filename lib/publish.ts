import { type ConflictRule, inTheWay, isBare, parentsOf, planMoves } from "./conflicts.ts";
import type { Destination } from "./destination.ts";
import { Failure } from "./errors.ts";
import { type Entry, writeMarker } from "./marker.ts";
import { type FileState, listTree, lstatIfPresent, stateOf, syncAll, type Tree } from "./tree.ts";

export interface PublishOptions {
  /** The folder inside the destination's staging folder that kit has filled. */
  tree: string;
  uri: string;
  digest: string;
  filters: string[];
  /** Of the requirement that its signature was checked against. */
  signature?: string;
  /** The URIs that this run puts into the same folder: files of others are from earlier runs, and replaced. */
  neighbours: string[];
  rule: ConflictRule;
  version: string;
  started: Date;
  now(): Date;
  /** Throws where these are not the files that are wanted: the ModelKit's, as they will be in the destination. */
  accept?(files: ReadonlyMap<string, FileState>): void;
  /** Stops it as long as nothing is visible; from then on finishing is the better way. */
  signal?: AbortSignal;
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
  if (await lstatIfPresent(options.tree) === undefined) {
    throw new Failure(
      "kit",
      `Cannot publish "${options.uri}": kit ended well and unpacked nothing`,
      {
        hint: "Look where KIT_BIN and PATH lead: it may not be kit",
      },
    );
  }
  const staged = await listTree(options.tree);
  const { neighbours, earlier } = sortEntries(destination, options);

  const kept = await planMoves(root, staged, earlier, options.rule);
  const files = Object.fromEntries([...staged.files].filter(([path]) => !kept.has(path)));
  options.accept?.(await withReplaced(root, { files, replaced: [...kept] }));
  const entry: Entry = {
    uri: options.uri,
    digest: options.digest,
    filters: options.filters,
    ...(options.signature === undefined ? {} : { signature: options.signature }),
    status: "publishing",
    files,
    ...(kept.size === 0 ? {} : { replaced: [...kept] }),
    directories: staged.directories,
    started: options.started.toISOString(),
  };

  const written = [...staged.files.keys(), ...staged.directories].map((path) =>
    `${options.tree}/${path}`
  );
  await syncAll([...written, options.tree], options.signal);
  options.signal?.throwIfAborted();
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
  destination: Pick<Destination, "root" | "marker">,
  paths: string[],
  options: Pick<PublishOptions, "uri" | "neighbours" | "rule">,
): Promise<void> {
  const files = new Map(paths.map((path) => [path, { size: 0, mtime: 0 }]));
  // A folder of the same name may be what the Kitfile means, so only what is no folder is in the way yet.
  for (const path of await isBare(destination.root) ? [] : paths) {
    if ((await lstatIfPresent(`${destination.root}/${path}`))?.isDirectory) files.delete(path);
  }
  const { earlier } = sortEntries(destination, options);
  await planMoves(destination.root, { files, directories: [] }, earlier, options.rule);
}

/** The marker's entries: those of other pairs of this run, and those that earlier runs left. */
function sortEntries(
  destination: Pick<Destination, "root" | "marker">,
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

function without(entry: Entry, others: Record<string, unknown>): Entry {
  const files = Object.entries(entry.files).filter(([path]) => !Object.hasOwn(others, path));
  const gone = Object.keys(entry.files).filter((path) => Object.hasOwn(others, path));
  if (gone.length === 0) return entry;
  const replaced = [...entry.replaced ?? [], ...gone];
  return { ...entry, files: Object.fromEntries(files), replaced };
}

/** All files of a ModelKit as they are in the destination, those that are not its own included. */
export async function withReplaced(
  root: string,
  { files, replaced = [] }: Pick<Entry, "files" | "replaced">,
): Promise<Map<string, FileState>> {
  const all = new Map(Object.entries(files));
  for (const path of replaced) {
    const info = await Deno.stat(`${root}/${path}`).catch(() => undefined);
    if (info?.isFile) all.set(path, stateOf(info));
  }
  return all;
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
    const info = await lstatIfPresent(target);
    // Nothing but a folder is left here by now, unless somebody plays with links: they could lead out.
    if (info !== undefined && !info.isDirectory) throw inTheWay(root, path);
    if (info === undefined && await renameFolder(source, target)) moved.add(path);
    else touched.add(target);
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
