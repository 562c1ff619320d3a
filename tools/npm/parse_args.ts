import minimist from "minimist";

type Names<T extends string> = T | readonly T[];

/** The options of std's parseArgs that this project uses. */
export interface ParseOptions<B extends string, S extends string, C extends string, D> {
  boolean?: Names<B>;
  string?: Names<S>;
  collect?: Names<C>;
  default?: D;
  alias?: Record<string, string | readonly string[]>;
  stopEarly?: boolean;
  "--"?: boolean;
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What comes back: declared options with their types, everything else as it was parsed. */
export type Args<B extends string, S extends string, C extends string, D> =
  & Record<string, unknown>
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Exclude<S, C | "_">]?: string }
  & { [K in S & C]: string[] }
  & D
  & { _: (string | number)[]; "--"?: string[] };

/**
 * std's parseArgs over minimist, from which it descends, for machines that cannot reach JSR.
 *
 * The two part ways in these places, and here std is followed: a repeated option keeps its last value
 * unless it is in `collect`; `--no-x` is an option of that name; `unknown` also gets key and value;
 * declared `collect` options are always present.
 *
 * This does not cover `negatable`, `boolean: true`, dotted names, `--no-x` with `stopEarly`, `--no-x=y`,
 * and an option without a value in front of an empty word or of "-".
 */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends Record<string, unknown> = Record<never, never>,
>(args: string[], options: ParseOptions<B, S, C, D> = {}): Args<B, S, C, D> {
  const strings = listOf(options.string);
  const collect = listOf(options.collect);
  const words = options.stopEarly ? { regular: args, negated: [] } : separateNegated(args);
  const parsed = minimist(words.regular, {
    boolean: listOf(options.boolean),
    string: strings,
    alias: options.alias as Record<string, string | string[]>,
    default: options.default,
    stopEarly: options.stopEarly,
    "--": options["--"],
    unknown: options.unknown && ((arg: string) => {
      const [, key, value] = /^--?([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
      return options.unknown!(arg, key, value ?? (key && true)) !== false;
    }),
  }) as Record<string, unknown>;
  for (const { arg, key, value } of words.negated) {
    if (options.unknown?.(arg, key, value) !== false) parsed[key] = value;
  }
  for (const [key, value] of Object.entries(parsed)) {
    if (key === "_" || key === "--") continue;
    if (collect.includes(key as C)) parsed[key] = [value].flat();
    else if (Array.isArray(value)) parsed[key] = value.at(-1);
  }
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  for (const key of collect) {
    // minimist answers `false` for a boolean that was not given, and nothing for a string.
    if (!flags.some((arg) => arg.replace(/=.*/s, "") === `--${key}`)) {
      parsed[key] = options.default?.[key] ?? [];
    }
  }
  return parsed as Args<B, S, C, D>;
}

interface Negated {
  arg: string;
  key: string;
  value: string | boolean;
}

/** Takes out `--no-x`, which minimist would read as "x is false", with the value that std reads for it. */
function separateNegated(args: string[]): { regular: string[]; negated: Negated[] } {
  const regular: string[] = [];
  const negated: Negated[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--") return { regular: [...regular, ...args.slice(i)], negated };
    if (!/^--no-[^=]+$/s.test(arg)) {
      regular.push(arg);
      continue;
    }
    const next = args[i + 1];
    const value = next && !next.startsWith("-") ? args[++i] : true;
    negated.push({ arg, key: arg.slice(2), value });
  }
  return { regular, negated };
}

function listOf<T extends string>(names: Names<T> = []): T[] {
  return typeof names === "string" ? [names] : [...names];
}
