import type { Pair } from "./arguments.ts";
import { parentsOf } from "./conflicts.ts";
import { Failure, messageOf } from "./errors.ts";
import { compileGlob } from "./glob.ts";
import { formatReference } from "./reference.ts";
import { splitWords } from "./shell_words.ts";
import type { FileState } from "./tree.ts";

/** Something that a ModelKit must have: a word of KIT_EXPECT. */
export interface Expectation {
  /** The glob as it was written. */
  glob: string;
  /** Whether it means a path, relative to the destination. A slash at the end of the glob wants a folder. */
  matches(path: string): boolean;
  /** Whether it counts for a pair. */
  concerns(pair: Pair): boolean;
}

/** Names of a list in a message: Kubernetes keeps 4096 bytes of all that is said. */
const MAX_SHOWN = 20;
/** Characters of a name, and of all of a list. */
const MAX_NAME = 60;
const ROOM_FOR_MISSING = 120;
const ROOM_FOR_FOUND = 200;
const SCHEME = "kit://";

/**
 * Reads KIT_EXPECT: globs, split into words as a shell does. A word counts for every pair, or for those whose
 * destination or URI fits what is before its first "=": `/mnt/models/0=model.onnx`, `kit://ghcr.io/llm/**=config.json`.
 * Only such a word begins with a slash or with "kit://", so that a name may have a "=" in it.
 *
 * @param mistakes gets a sentence for each word that means nothing
 */
export function parseExpectations(text: string, mistakes: string[]): Expectation[] {
  const expectations: Expectation[] = [];
  try {
    for (const word of splitWords(text)) {
      try {
        expectations.push(parseWord(word));
      } catch (error) {
        mistakes.push(`KIT_EXPECT, "${word}": ${messageOf(error)}`);
      }
    }
  } catch (error) {
    mistakes.push(`KIT_EXPECT: ${messageOf(error)}`);
  }
  return expectations;
}

function parseWord(word: string): Expectation {
  const hasScope = word.startsWith("/") || word.startsWith(SCHEME);
  const equals = word.indexOf("=");
  if (hasScope && equals === -1) {
    throw new Error(
      "names are relative to the destination; DESTINATION=GLOB or URI=GLOB counts for one",
    );
  }
  const glob = hasScope ? word.slice(equals + 1) : word;
  const names = glob.split("/").filter((name) => name !== "" && name !== ".");
  if (names.length === 0 || glob.startsWith("/")) {
    throw new Error("it names nothing below the destination");
  }
  if (names.includes("..")) throw new Error('".." leads out of the destination');
  const matches = compileGlob(names.join("/"));
  return {
    glob,
    matches: glob.endsWith("/")
      ? (path) => path.endsWith("/") && matches(path.slice(0, -1))
      : (path) => matches(path.endsWith("/") ? path.slice(0, -1) : path),
    concerns: hasScope ? compileScope(word.slice(0, equals)) : () => true,
  };
}

function compileScope(scope: string): Expectation["concerns"] {
  if (scope.startsWith("/")) {
    const matches = compileGlob(scope);
    return ({ destination }) => destination.startsWith("/") && matches(normal(destination));
  }
  const matches = compileGlob(scope.slice(SCHEME.length));
  return ({ reference }) =>
    matches(formatReference(reference)) || matches(`${reference.host}/${reference.repository}`);
}

function normal(path: string): string {
  return path.split("/").filter((name) => name !== "" && name !== ".").join("/");
}

/**
 * Looks whether a ModelKit has what is expected of it, and not empty: a file of 0 bytes does not count, nor a folder
 * without any other.
 *
 * @param files all of the ModelKit's, with paths relative to the destination
 * @throws {Failure} `not found`, with what is there instead
 */
export function checkExpectations(
  expectations: Expectation[],
  pair: Pair,
  files: ReadonlyMap<string, FileState>,
): void {
  const wanted = expectations.filter(({ concerns }) => concerns(pair));
  if (wanted.length === 0) return;
  const filled = [...files].filter(([, { size }]) => size > 0).map(([path]) => path);
  const paths = withFolders(filled);
  const missing = wanted.filter(({ matches }) => !paths.some(matches));
  if (missing.length === 0) return;

  const all = withFolders([...files.keys()]);
  const names = missing.map(({ glob, matches }) =>
    `"${glob}"${all.some(matches) ? " (empty)" : ""}`
  );
  const what = listing(names, ROOM_FOR_MISSING);
  const there = [...files.keys()].sort(byDepth);
  const found = there.length === 0 ? "it has no files" : `it has ${listing(there, ROOM_FOR_FOUND)}`;
  throw new Failure(
    "not found",
    `Cannot find ${what} in "${formatReference(pair.reference)}": ${found}`,
    { hint: "Name another ModelKit, or change KIT_EXPECT or the filters in KIT_UNPACK_FLAGS" },
  );
}

/** Files, and the folders that they are in with a slash at the end. */
function withFolders(files: string[]): string[] {
  const folders = new Set(files.flatMap(parentsOf));
  return [...files, ...[...folders].map((path) => `${path}/`)];
}

/** What is at the top says most of a ModelKit. */
function byDepth(a: string, b: string): number {
  return a.split("/").length - b.split("/").length || (a < b ? -1 : 1);
}

/** As many names as there is room for, and how many more there are. */
function listing(names: string[], room: number): string {
  const shown: string[] = [];
  let left = room;
  for (const name of names.slice(0, MAX_SHOWN)) {
    const part = name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 1)}…`;
    left -= part.length + 2;
    if (left < 0) break;
    shown.push(part);
  }
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
