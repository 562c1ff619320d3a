import { parseArgs } from "@std/cli/parse-args";
import { messageOf } from "./errors.ts";
import { parseReference, type Reference } from "./reference.ts";

/** One `<uri> <dest>` of the command line. */
export interface Pair {
  uri: string;
  reference: Reference;
  destination: string;
}

/** The command line, taken apart. */
export interface Arguments {
  options: { format?: string; level?: string };
  /** What was asked for instead of a run. */
  action: "run" | "help" | "version";
  words: string[];
}

/** @param mistakes gets a sentence for each option that there is not */
export function readArguments(args: string[], mistakes: string[]): Arguments {
  const parsed = parseArgs(args, {
    boolean: ["help", "version"],
    string: ["_", "log-format", "log-level"],
    alias: { help: "h" },
    unknown: (name: string) => {
      // It is called for positional words too.
      if (name.startsWith("-") && name !== "-") mistakes.push(`there is no option "${name}"`);
      return !name.startsWith("-");
    },
  });
  return {
    options: { format: last(parsed["log-format"]), level: last(parsed["log-level"]) },
    action: parsed.help ? "help" : parsed.version ? "version" : "run",
    words: parsed._.map(String),
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

/** A URI that is shown although it could not be parsed: a password in it by mistake must not be. */
function withoutUser(uri: string): string {
  return uri.replace(/^(\w+:\/\/)?[^/]*@(?=[^@/]*\/)/, "$1***@");
}
