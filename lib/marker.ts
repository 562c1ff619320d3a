import { type FileState, lstatIfPresent, sync } from "./tree.ts";

/** The file that says what a destination holds. */
export const MARKER_NAME = ".kit-storage.json";
/** Prefix of everything temporary in a destination. */
export const STAGING_PREFIX = ".kit-storage.tmp-";
/** Lock file, only on file systems where a folder cannot be locked (NFS). */
export const LOCK_NAME = ".kit-storage.lock";
/** Kept free for the metrics, where KIT_METRICS_FILE puts them into a destination. */
export const METRICS_NAME = ".kit-storage.prom";

/** About 250,000 files; anything larger was not written by this program. */
const MAX_MARKER_BYTES = 64 * 1024 * 1024;
const FORMAT = 1;

/** One ModelKit in a destination. */
export interface Entry {
  uri: string;
  digest: string;
  /** The flags that chose what was unpacked. */
  filters: string[];
  /** Whose signature it was found to carry: the fingerprint of a requirement. */
  signature?: string;
  /** `publishing`: a run ended in the middle. Its files are ours, but they may be of two versions or missing. */
  status: "publishing" | "complete";
  files: Record<string, FileState>;
  /** Files that it has and others are in the place of: kept by -i, or of a neighbour with -o. */
  replaced?: string[];
  /** Folders that this ModelKit brought. */
  directories: string[];
  started: string;
  finished?: string;
}

/** The marker: what earlier runs put into the destination. */
export interface Marker {
  format: typeof FORMAT;
  /** Version of the program that wrote it last. */
  version: string;
  modelkits: Entry[];
}

/**
 * Reads the marker of a destination. `undefined` where there is none, or where it is not one of ours: it is never
 * trusted further than its shape goes, since anyone with the volume can write it.
 */
export async function readMarker(root: string): Promise<Marker | undefined> {
  const path = `${root}/${MARKER_NAME}`;
  const info = await lstatIfPresent(path);
  if (!info?.isFile || info.size > MAX_MARKER_BYTES) return undefined;
  return parseMarker(await Deno.readTextFile(path));
}

/** The marker in `text`, or `undefined` where any part of it has another shape. */
export function parseMarker(text: string): Marker | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value.format !== FORMAT || typeof value.version !== "string") {
    return undefined;
  }
  if (!Array.isArray(value.modelkits) || !value.modelkits.every(isEntry)) return undefined;
  return value as unknown as Marker;
}

/** Replaces the marker in one step: a crash leaves the old one or the new one. */
export async function writeMarker(
  root: string,
  staging: string,
  marker: Omit<Marker, "format">,
): Promise<void> {
  const temporary = `${staging}/marker.json`;
  await Deno.writeTextFile(
    temporary,
    JSON.stringify({ format: FORMAT, ...marker }, null, 1) + "\n",
    { mode: 0o644 },
  );
  await sync(temporary);
  await Deno.rename(temporary, `${root}/${MARKER_NAME}`);
  await sync(root);
}

/** Whether `path` stays below the folder that it is relative to, in the one spelling that is written there. */
export function isInnerPath(path: string): boolean {
  return path !== "" && !path.includes("\0") &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Whether a top-level name belongs to this program and never to a ModelKit. */
export function isReserved(path: string): boolean {
  const [top] = path.split("/");
  return [MARKER_NAME, LOCK_NAME, METRICS_NAME].includes(top) || top.startsWith(STAGING_PREFIX);
}

function isEntry(value: unknown): value is Entry {
  if (!isObject(value)) return false;
  const { uri, digest, filters, signature, status, files, directories, started } = value;
  const { replaced = [] } = value;
  return [uri, digest, started, signature ?? ""].every((item) => typeof item === "string") &&
    (status === "publishing" || status === "complete") &&
    isStrings(filters) && isStrings(directories) && directories.every(isOwnPath) &&
    isStrings(replaced) && replaced.every(isOwnPath) &&
    isObject(files) &&
    Object.entries(files).every(([path, state]) => isOwnPath(path) && isFileState(state));
}

function isOwnPath(path: string): boolean {
  return isInnerPath(path) && !isReserved(path);
}

function isFileState(value: unknown): value is FileState {
  return isObject(value) && Number.isFinite(value.size) && Number.isFinite(value.mtime);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
