import { splitWords } from "./shell_words.ts";

/** What KIT_UNPACK_FLAGS says, sorted by whom it concerns. */
export interface UnpackFlags {
  /** All words for `kit unpack`, in the order given. */
  words: string[];
  /** Those that every request to the registry needs, for `kit login` and `kit inspect`. */
  network: string[];
  /** The others, for a kit that has no network of its own. */
  local: string[];
  /** `--tls-verify=false` turns it off. */
  tlsVerify: boolean;
  /** Paths: of certificates to trust, of a client's certificate and its key; and the URL of a proxy. */
  tlsCert: string[];
  cert?: string;
  key?: string;
  proxy?: string;
  /** Those that decide which files there are, in a canonical form: a marker with other ones is out of date. */
  selection: string[];
  /** `--filter` in the order given; the deprecated `--model`, `--code` … count as filters. */
  filters: string[];
  plainHttp: boolean;
  overwrite: boolean;
  ignoreExisting: boolean;
  includeRemote: boolean;
  /** Kit chooses layers by rules of its own: `--as-skill`, or a flag that only a newer kit knows. */
  ownChoice: boolean;
}

type Kind = "switch" | "value" | "optional" | "count";

/** A flag of kit, and what it concerns. */
export interface Flag {
  kind: Kind;
  short?: string;
  concerns: "network" | "selection" | "conflict" | "output" | "refused";
}

/** The flags of `kit unpack` and the global ones, as `kit unpack --help` of kit 1.15.0 lists them. */
export const FLAGS: Readonly<Record<string, Flag>> = {
  "dir": { kind: "value", short: "d", concerns: "refused" },
  "config": { kind: "value", concerns: "refused" },
  "help": { kind: "switch", short: "h", concerns: "refused" },
  "overwrite": { kind: "switch", short: "o", concerns: "conflict" },
  "ignore-existing": { kind: "switch", short: "i", concerns: "conflict" },
  "filter": { kind: "value", short: "f", concerns: "selection" },
  "include-remote": { kind: "switch", concerns: "selection" },
  "kitfile": { kind: "switch", concerns: "selection" },
  "model": { kind: "switch", concerns: "selection" },
  "code": { kind: "switch", concerns: "selection" },
  "datasets": { kind: "switch", concerns: "selection" },
  "docs": { kind: "switch", concerns: "selection" },
  "as-skill": { kind: "optional", concerns: "selection" },
  "plain-http": { kind: "switch", concerns: "network" },
  "tls-verify": { kind: "switch", concerns: "network" },
  "tls-cert": { kind: "value", concerns: "network" },
  "cert": { kind: "value", concerns: "network" },
  "key": { kind: "value", concerns: "network" },
  "concurrency": { kind: "value", concerns: "network" },
  "proxy": { kind: "value", concerns: "network" },
  "log-level": { kind: "value", concerns: "output" },
  "progress": { kind: "value", concerns: "output" },
  "verbose": { kind: "count", short: "v", concerns: "output" },
};

const DEPRECATED_FILTERS = ["kitfile", "model", "code", "datasets", "docs"];
/** Why a flag is refused. */
export const REFUSAL = {
  dir: "the destination is an argument, not a flag",
  config: "the initializer keeps kit's folder private and temporary",
  help: "kit would print its help and unpack nothing",
} as Readonly<Record<string, string>>;

/** A text that cannot be the flags of `kit unpack`. */
export class UnpackFlagsError extends Error {
  override name = "UnpackFlagsError";
}

/**
 * Splits `text` into words as a POSIX shell does (quotes, backslashes; nothing is expanded) and reads them as
 * kit's command line does: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-oi`. A flag that is not
 * known here is passed on, since a newer kit may know it.
 *
 * @throws {ShellWordsError} on an unfinished quote
 * @throws {UnpackFlagsError} on a refused flag, a missing value or a word that is no flag
 */
export function parseUnpackFlags(text: string): UnpackFlags {
  const words = splitWords(text);
  const flags: UnpackFlags = {
    words,
    network: [],
    local: [],
    tlsVerify: true,
    tlsCert: [],
    selection: [],
    filters: [],
    plainHttp: false,
    overwrite: false,
    ignoreExisting: false,
    includeRemote: false,
    ownChoice: false,
  };
  const deprecated: string[] = [];
  let unknownBefore = false;

  const queue = words.toReversed();
  for (let word = queue.pop(); word !== undefined; word = queue.pop()) {
    if (word === "--" || word === "-" || !word.startsWith("-")) {
      // It may be the value of an unknown flag before it.
      if (unknownBefore && !word.startsWith("-")) {
        unknownBefore = false;
        flags.local.push(word);
        continue;
      }
      throw new UnpackFlagsError(`"${word}" is not a flag: the reference is an argument`);
    }
    unknownBefore = false;
    const first = words.length - queue.length - 1;
    let isNetwork = false;
    for (const { name, value } of readFlag(word, queue)) {
      const flag = FLAGS[name];
      if (flag === undefined) {
        unknownBefore = flags.ownChoice = true;
        continue;
      }
      if (flag.concerns === "refused") {
        throw new UnpackFlagsError(`--${name} is not allowed: ${REFUSAL[name]}`);
      }
      if (flag.concerns === "network") {
        isNetwork = true;
        flags.network.push(`--${name}=${value}`);
        readNetworkFlag(flags, name, value);
      }
      const on = flag.kind === "switch" && isTrue(name, value);
      if (name === "filter") flags.filters.push(value);
      else if (DEPRECATED_FILTERS.includes(name) && on) deprecated.push(name);
      else if (flag.concerns === "selection" && (on || flag.kind !== "switch")) {
        flags.selection.push(`--${name}=${value}`);
      }
      if (name === "overwrite") flags.overwrite = on;
      if (name === "ignore-existing") flags.ignoreExisting = on;
      if (name === "include-remote") flags.includeRemote = on;
      if (name === "as-skill") flags.ownChoice = true;
    }
    if (!isNetwork) flags.local.push(...words.slice(first, words.length - queue.length));
  }
  // kit ignores --filter where a deprecated flag is present.
  if (deprecated.length > 0) flags.filters = deprecated;
  flags.selection = [
    ...new Set([...flags.selection, ...flags.filters.map((filter) => `--filter=${filter}`)]),
  ].sort();
  return flags;
}

function readNetworkFlag(flags: UnpackFlags, name: string, value: string): void {
  if (name === "plain-http") flags.plainHttp = isTrue(name, value);
  if (name === "tls-verify") flags.tlsVerify = isTrue(name, value);
  // Kit takes several paths in one flag.
  if (name === "tls-cert") flags.tlsCert.push(...value.split(","));
  if (name === "cert" || name === "key" || name === "proxy") flags[name] = value;
}

/** The flags in one word; a short one that takes a value ends the word. */
function* readFlag(word: string, queue: string[]): Generator<{ name: string; value: string }> {
  if (word.startsWith("--")) {
    const equals = word.indexOf("=");
    const name = equals === -1 ? word.slice(2) : word.slice(2, equals);
    const flag = FLAGS[name];
    if (equals !== -1) yield { name, value: word.slice(equals + 1) };
    else if (flag?.kind === "value") yield { name, value: nextValue(`--${name}`, queue) };
    else yield { name, value: flag?.kind === "optional" ? "auto" : "true" };
    return;
  }
  for (let index = 1; index < word.length; index++) {
    const letter = word[index];
    const name = Object.keys(FLAGS).find((candidate) => FLAGS[candidate].short === letter);
    const rest = word.slice(index + 1);
    if (name === undefined) {
      yield { name: letter, value: "" };
      return;
    }
    if (FLAGS[name].kind === "value") {
      yield { name, value: rest === "" ? nextValue(`-${letter}`, queue) : rest.replace(/^=/, "") };
      return;
    }
    if (rest.startsWith("=")) {
      yield { name, value: rest.slice(1) };
      return;
    }
    yield { name, value: "true" };
  }
}

function nextValue(flag: string, queue: string[]): string {
  const value = queue.pop();
  if (value === undefined) throw new UnpackFlagsError(`${flag} needs a value`);
  return value;
}

/** The words that Go's strconv.ParseBool takes, as kit's flag parser does. */
function isTrue(name: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new UnpackFlagsError(`--${name} is true or false, not "${value}"`);
}
