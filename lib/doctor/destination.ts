import type { Pair } from "../arguments.ts";
import { destinationFailure, findComplete } from "../destination.ts";
import { Failure } from "../errors.ts";
import { checkExpectations } from "../expect.ts";
import { urisIn } from "../initialize.ts";
import { type Entry, LOCK_NAME, type Marker, readMarker, STAGING_PREFIX } from "../marker.ts";
import { type ModelKit, namedPaths } from "../modelkit.ts";
import { isFree } from "../private_folder.ts";
import { formatBytes } from "../format_bytes.ts";
import { refuseForeign, withReplaced } from "../publish.ts";
import { refuseFullDisk } from "../space.ts";
import { lstatIfPresent, removeTree } from "../tree.ts";
import { type Check, type Context, type Remark, Skip, Warning } from "./finding.ts";

/** A folder that a run would fill. */
export interface Folder {
  destination: string;
  /** It, or the nearest one above it that is there. */
  folder?: string;
}

/** What a folder is to hold, and what is known of it so far. */
export interface Place extends Folder {
  pair: Pair;
  /** Absent where the registry did not say what it is. */
  modelkit?: ModelKit;
  /** Bytes that a run unpacks. */
  needed?: number;
  /** Its ModelKit, where it is complete. */
  entry?: Entry;
}

/** Nothing of the folder is changed, but for a file that is written and removed again. */
export const FOLDER_CHECK: Check<Folder> = { name: "destination", run: checkAccess };

/** Each needs the one before. */
export const DESTINATION_CHECKS: Check<Place>[] = [
  FOLDER_CHECK,
  { name: "contents", run: asARun(checkContents) },
  { name: "space", run: asARun(checkSpace) },
];

/** An error of the file system is no bug here: it is what a run would end with. */
function asARun(run: Check<Place>["run"]): Check<Place>["run"] {
  return async (place, context) => {
    try {
      return await run(place, context);
    } catch (error) {
      throw destinationFailure(error, place.destination);
    }
  };
}

/** The digest of what a run that reaches nobody finds complete there, if it does. */
export async function completeDigest(pair: Pair, context: Context): Promise<string | undefined> {
  try {
    const root = await Deno.realPath(pair.destination);
    const folder = { root, marker: await readMarker(root) };
    return (await findEntry(folder, undefined, pair, context))?.digest;
  } catch {
    // Why it cannot be looked at is for the checks of the folder.
  }
}

/** @param digest absent where nobody said it: of an index a URI with a digest does not have that of its ModelKit */
function findEntry(
  folder: { root: string; marker: Marker | undefined },
  digest: string | undefined,
  { uri }: Pair,
  { config, requirement }: Context,
): Promise<Entry | undefined> {
  const filters = config.flags.selection;
  return findComplete(folder, { uri, digest, filters, signature: requirement?.fingerprint });
}

async function checkAccess(place: Folder): Promise<Remark> {
  const { destination } = place;
  const folder = await nearestFolder(destination);
  const isThere = folder === destination;
  const info = await Deno.stat(folder);
  const owner = `UID ${info.uid}, GID ${info.gid}, mode ${((info.mode ?? 0) & 0o7777).toString(8)}`;
  const us = `UID ${Deno.uid()}, GID ${Deno.gid()}`;
  try {
    if (!info.isDirectory) throw Object.assign(new Error("it is a file"), { code: "ENOTDIR" });
    const trial = await Deno.makeTempDir({ dir: folder, prefix: STAGING_PREFIX });
    try {
      await Deno.writeTextFile(`${trial}/trial`, "can this be written?\n");
    } finally {
      await removeTree(trial);
    }
  } catch (error) {
    const failure = destinationFailure(error, folder);
    if (!(failure instanceof Failure)) throw failure;
    throw new Failure("destination", `${failure.message} (it is of ${owner}; we are ${us})`, {
      hint: failure.hint,
      cause: error,
    });
  }
  place.folder = folder;
  return isThere
    ? `writable by ${us}; it is of ${owner}`
    : `not there yet: it can be made in "${folder}" by ${us}`;
}

/** The path itself, or what is nearest above it. */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = path;; folder = parentOf(folder)) {
    const isThere = await Deno.stat(folder).then(() => true, async (error: unknown) => {
      if (!(error instanceof Deno.errors.NotFound) || parentOf(folder) === folder) {
        throw destinationFailure(error, path);
      }
      if (await lstatIfPresent(folder) === undefined) return false;
      const reason = new Error("it is a link that leads nowhere");
      throw destinationFailure(Object.assign(reason, { code: "EEXIST" }), folder);
    });
    if (isThere) return folder;
  }
}

function parentOf(path: string): string {
  const parts = path.split("/").filter((part) => part !== "").slice(0, -1).join("/");
  return path.startsWith("/") ? `/${parts}` : parts || ".";
}

async function checkContents(place: Place, context: Context): Promise<Remark | Remark[]> {
  const { destination, folder, modelkit, pair } = place;
  const { config, leftover } = context;
  if (folder !== destination) return "nothing yet";
  const root = await Deno.realPath(folder);
  const marker = await readMarker(root);
  if (await isTaken(root)) {
    return new Warning("Another initializer is at work in it: a run waits until that has finished");
  }
  const names = (await Array.fromAsync(Deno.readDir(root), ({ name }) => name))
    // What doctor itself keeps there is gone when it ends.
    .filter((name) => !leftover?.endsWith(`/${name}`));
  const leftovers = names.filter((name) => name.startsWith(STAGING_PREFIX))
    .map((name) =>
      new Warning(`"${name}" is left of a start that was killed: the next removes it`)
    );
  const entry = place.entry = await findEntry({ root, marker }, modelkit?.digest, pair, context);
  if (entry !== undefined) {
    checkExpectations(config.expect, pair, await withReplaced(root, entry));
    return [`complete already, with ${entry.digest}`, ...leftovers];
  }
  if (modelkit === undefined) return [new Skip("what belongs there is not known"), ...leftovers];
  await refuseForeign({ root, marker }, namedPaths(modelkit, config.flags.filters), {
    uri: pair.uri,
    neighbours: await urisIn(root, config.pairs),
    rule: config.flags,
  });
  const others = names.length - leftovers.length;
  const said = others === 0
    ? "empty"
    : `${others} other ${others === 1 ? "name" : "names"}, nothing in the way`;
  return [said, ...leftovers];
}

/** Whether another initializer holds the lock, which is on a file where a folder cannot have one: see `Destination`. */
async function isTaken(root: string): Promise<boolean> {
  try {
    return await isHeld(root, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) throw error;
  }
  const path = `${root}/${LOCK_NAME}`;
  return await lstatIfPresent(path) !== undefined && await isHeld(path, { write: true });
}

async function isHeld(path: string, options: Deno.OpenOptions): Promise<boolean> {
  const file = await Deno.open(path, options);
  let isHeld = false;
  try {
    return isHeld = !await isFree(file);
  } finally {
    // A lock that is still asked for keeps its file open until we end.
    if (!isHeld) file.close();
  }
}

async function checkSpace({ entry, folder, needed }: Place, { freeBytes }: Context) {
  const free = formatBytes(await freeBytes(folder!));
  if (entry !== undefined) return `${free} free, and nothing is needed`;
  if (needed === undefined) return new Skip(`${free} free; what is needed is not known`);
  await refuseFullDisk(folder!, needed, freeBytes);
  return `${formatBytes(needed)} needed, ${free} free`;
}
