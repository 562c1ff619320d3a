import type { Pair } from "../arguments.ts";
import { destinationFailure, findComplete } from "../destination.ts";
import { Failure } from "../errors.ts";
import { urisIn } from "../initialize.ts";
import { type Entry, readMarker, STAGING_PREFIX } from "../marker.ts";
import { type ModelKit, namedPaths, selectLayers, sizeOf } from "../modelkit.ts";
import { isFree } from "../private_folder.ts";
import { formatBytes } from "../format_bytes.ts";
import { refuseForeign } from "../publish.ts";
import { refuseFullDisk } from "../space.ts";
import { removeTree } from "../tree.ts";
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
  /** Its ModelKit, where it is complete. */
  entry?: Entry;
}

/** Nothing of the folder is changed, but for a file that is written and removed again. */
export const FOLDER_CHECK: Check<Folder> = { name: "destination", run: checkAccess };

/** Each needs the one before. */
export const DESTINATION_CHECKS: Check<Place>[] = [
  FOLDER_CHECK,
  { name: "contents", run: checkContents },
  { name: "space", run: checkSpace },
];

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
    const isThere = await Deno.stat(folder).then(() => true, (error: unknown) => {
      if (error instanceof Deno.errors.NotFound && parentOf(folder) !== folder) return false;
      throw destinationFailure(error, path);
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
  const { config, requirement } = context;
  if (folder !== destination) return "nothing yet";
  const root = await Deno.realPath(folder);
  const marker = await readMarker(root);
  const lock = await Deno.open(root, { read: true });
  if (!await isFree(lock)) {
    // The lock is still asked for, so the folder stays open until we end.
    return new Warning("Another initializer is at work in it: a run waits until that has finished");
  }
  lock.close();
  const names = await Array.fromAsync(Deno.readDir(root), ({ name }) => name);
  const leftovers = names.filter((name) => name.startsWith(STAGING_PREFIX))
    .map((name) =>
      new Warning(`"${name}" is left of a start that was killed: the next removes it`)
    );
  place.entry = await findComplete({ root, marker }, {
    uri: pair.uri,
    digest: modelkit?.digest ?? pair.reference.digest,
    filters: config.flags.selection,
    signature: requirement?.fingerprint,
  });
  if (place.entry !== undefined) {
    return [`complete already, with ${place.entry.digest}`, ...leftovers];
  }
  if (modelkit === undefined) return [new Skip("what belongs there is not known"), ...leftovers];
  await refuseForeign({ root, marker }, namedPaths(modelkit, config.flags.filters), {
    uri: pair.uri,
    neighbours: await urisIn(root, config.pairs),
    rule: config.flags,
  });
  const others = names.length - leftovers.length;
  const said = others === 0 ? "empty" : `${others} other names, none of them in the way`;
  return [said, ...leftovers];
}

async function checkSpace(
  { entry, folder, modelkit }: Place,
  { config, freeBytes }: Context,
): Promise<Remark> {
  const free = formatBytes(await freeBytes(folder!));
  if (entry !== undefined) return `${free} free, and nothing is needed`;
  if (modelkit === undefined) return new Skip(`${free} free; what is needed is not known`);
  const needed = sizeOf(selectLayers(modelkit, config.flags.filters));
  await refuseFullDisk(folder!, needed, freeBytes);
  return `${formatBytes(needed)} needed, ${free} free`;
}
