import { parseArgs } from "@std/cli/parse-args";
import { messageOf } from "./errors.ts";
import { parseReference, type Reference } from "./reference.ts";

/** One `<uri> <dest>` of the command line. */
export interface Pair {
  uri: string;
  reference: Reference;
  destination: string;
  /** Nobody named the destination: it is where KServe has it, and counts only if it is there. */
  isAssumed?: true;
}

/** Where KServe wants the one model of a pod: `DefaultModelLocalMountPath` in pkg/constants of github.com/kserve/kserve. */
export const KSERVE_DESTINATION = "/mnt/models";

/** The command line, taken apart. */
export interface Arguments {
  options: { format?: string; level?: string; isQuiet: boolean };
  /** What was asked for instead of a run. */
  action: "run" | "doctor" | "help" | "version";
  words: string[];
}

/** @param mistakes gets a sentence for each option that there is not */
export function readArguments(args: string[], mistakes: string[]): Arguments {
  const unknown = new Set<string>();
  const parsed = parseArgs(args, {
    boolean: ["help", "version", "quiet"],
    string: ["_", "log-format", "log-level"],
    alias: { help: "h", quiet: "q" },
    unknown: (name: string) => {
      // It is called for positional words too, and for each letter of `-abc`.
      if (name.startsWith("-") && name !== "-") unknown.add(name);
      return !name.startsWith("-");
    },
  });
  for (const name of unknown) {
    // The value may be a password, as in kit's own `--password=…`.
    mistakes.push(`there is no option "${name.split("=")[0]}"`);
  }
  const words = parsed._.map(String);
  // No URI is so short: a host has a dot or a port, and a repository follows it.
  const isDoctor = words[0] === "doctor";
  return {
    options: {
      format: last(parsed["log-format"]),
      level: last(parsed["log-level"]),
      isQuiet: parsed.quiet,
    },
    action: parsed.help ? "help" : parsed.version ? "version" : isDoctor ? "doctor" : "run",
    words: isDoctor ? words.slice(1) : words,
  };
}

function last(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.at(-1) : value;
}

/** @param mistakes gets a sentence for each word that is not what its place asks for */
export function readPairs(words: string[], mistakes: string[]): Pair[] {
  if (words.length === 0) mistakes.push("arguments are missing: <uri> <dest> [<uri> <dest> …]");
  if (words.length % 2 === 1) {
    mistakes.push(
      `the URI "${
        withoutUser(words.at(-1)!)
      }" has no destination: arguments are <uri> <dest> [<uri> <dest> …]`,
    );
  }
  const pairs: Pair[] = [];
  for (let index = 0; index + 1 < words.length; index += 2) {
    const [uri, destination] = [words[index], words[index + 1]];
    const shown = withoutUser(uri);
    if (destination === "" || destination.includes("\0")) {
      mistakes.push(`pair ${index / 2 + 1} ("${shown}"): the destination is empty or not a path`);
    }
    try {
      pairs.push({ uri, reference: parseReference(uri), destination });
    } catch (error) {
      mistakes.push(`pair ${index / 2 + 1}, "${shown}" to "${destination}": ${messageOf(error)}`);
    }
  }
  return pairs;
}

/**
 * What `doctor` is to look at: `<uri> [<dest>]` each. No reference begins as a path does, so a word that begins with
 * "/", "./" or "../" is the destination of the URI before it.
 *
 * @param mistakes gets a sentence for each word that is neither
 */
export function readPatients(words: string[], mistakes: string[]): Pair[] {
  const pairs: Pair[] = [];
  for (let index = 0; index < words.length; index++) {
    const uri = words[index];
    if (isPath(uri)) {
      mistakes.push(`the destination "${uri}" has no URI before it: doctor [<uri> [<dest>] …]`);
      continue;
    }
    const named = isPath(words[index + 1] ?? "") ? words[++index] : undefined;
    try {
      const reference = parseReference(uri);
      pairs.push(
        named === undefined
          ? { uri, reference, destination: KSERVE_DESTINATION, isAssumed: true }
          : { uri, reference, destination: named },
      );
    } catch (error) {
      const place = named === undefined ? "" : ` to "${named}"`;
      mistakes.push(`"${withoutUser(uri)}"${place}: ${messageOf(error)}`);
    }
  }
  return pairs;
}

function isPath(word: string): boolean {
  return /^\.{0,2}\//.test(word);
}

/** A URI that is shown although it could not be parsed: a password in it by mistake must not be. */
function withoutUser(uri: string): string {
  return uri.replace(/^(\w+:\/\/)?[^]*@(?=[^@]*\/)/, "$1***@");
}
