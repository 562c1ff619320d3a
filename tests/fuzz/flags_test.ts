import assert from "node:assert/strict";
import fc from "fast-check";
import { parseDuration } from "../../lib/duration.ts";
import { ShellWordsError, splitWords } from "../../lib/shell_words.ts";
import { parseUnpackFlags, UnpackFlagsError } from "../../lib/unpack_flags.ts";
import { fuzz, textOf } from "./fuzz.ts";

/** One of the ways in which a shell takes a word as it is. */
const quoted = (word: string) =>
  fc.constantFrom(
    `'${word.replaceAll("'", `'\\''`)}'`,
    `"${word.replaceAll(/[$`"\\]/g, "\\$&")}"`,
    // A line end after a backslash would join two lines.
    Array.from(word, (one) => one === "\n" ? `'\n'` : `\\${one}`).join("") || `""`,
  );
const blank = fc.constantFrom(" ", "\t", "  ", "\n", "\r\n", " \\\n ");
const words = fc.array(fc.tuple(fc.string({ unit: "binary" }), blank), { maxLength: 6 }).chain(
  (list) =>
    fc.tuple(...list.map(([word]) => quoted(word))).map((quotes) => ({
      words: list.map(([word]) => word),
      text: list.map(([, blank], index) => blank + quotes[index]).join("") + "\n",
    })),
);

fuzz("words are read as they were quoted, however that was done", [words], ({ words, text }) => {
  assert.deepEqual(splitWords(text), words);
});

fuzz(
  "any text is words, or a quote that does not end, and nothing is lost or made up",
  [textOf("'", '"', "\\", " ", "\n", "a", "$", "`", "#")],
  (text) => {
    const words = orRefused(() => splitWords(text));
    if (words === undefined) return;
    const letters = (text: string) => text.replaceAll(/[\s'"\\]/g, "");
    assert.equal(letters(words.join("")), letters(text));
  },
);

/** What flags mean, as far as it is compared here. */
interface Meaning {
  filters: string[];
  overwrite: boolean;
  ignoreExisting: boolean;
  plainHttp: boolean;
  tlsVerify: boolean;
  proxy?: string;
}
type Change = (meaning: Meaning) => void;
type Flag = [words: readonly string[], change: Change];

const value = fc.stringMatching(/^[a-z0-9][a-z0-9:,./-]{0,12}$/);
const switches: [flag: string, name: keyof Meaning][] = [
  ["--overwrite", "overwrite"],
  ["-o", "overwrite"],
  ["--ignore-existing", "ignoreExisting"],
  ["-vi", "ignoreExisting"],
  ["--plain-http", "plainHttp"],
  ["--tls-verify", "tlsVerify"],
];
const set = (name: keyof Meaning, to: boolean): Change => (meaning) => {
  Object.assign(meaning, { [name]: to });
};
/** Words for one flag, and what they mean. */
const flag = fc.oneof(
  value.chain((filter) =>
    fc.constantFrom(
      ["--filter", filter],
      [`--filter=${filter}`],
      ["-f", filter],
      [`-f${filter}`],
      [`-f=${filter}`],
      [`-vf${filter}`],
    ).map((words): Flag => [words, ({ filters }) => void filters.push(filter)])
  ),
  fc.tuple(fc.constantFrom(...switches), fc.constantFrom("1", "t", "T", "true", "TRUE", "True"))
    .map(([[flag, name], yes]): Flag => [[`${flag}=${yes}`], set(name, true)]),
  fc.tuple(fc.constantFrom(...switches), fc.constantFrom("0", "f", "F", "false", "FALSE", "False"))
    .map(([[flag, name], no]): Flag => [[`${flag}=${no}`], set(name, false)]),
  fc.constantFrom(...switches).map(([flag, name]): Flag => [[flag], set(name, true)]),
  fc.constant<Flag>([["-io"], (meaning) => {
    meaning.overwrite = meaning.ignoreExisting = true;
  }]),
  value.chain((proxy) =>
    fc.constantFrom(["--proxy", proxy], [`--proxy=${proxy}`]).map((words): Flag => [
      words,
      (meaning) => void (meaning.proxy = proxy),
    ])
  ),
  fc.constantFrom(["-v"], ["-vvv"], ["--verbose"], ["--progress", "none"], ["--log-level=debug"])
    .map((words): Flag => [words, () => {}]),
);

fuzz(
  "flags mean the same in each of their spellings, and the later one counts",
  [fc.array(flag, { maxLength: 8 })],
  (list) => {
    const meaning: Meaning = {
      filters: [],
      overwrite: false,
      ignoreExisting: false,
      plainHttp: false,
      tlsVerify: true,
      proxy: undefined,
    };
    for (const [, change] of list) change(meaning);
    const words = list.flatMap(([words]) => words);
    const { filters, overwrite, ignoreExisting, plainHttp, tlsVerify, proxy, ...rest } =
      parseUnpackFlags(words.join(" "));
    assert.deepEqual({ filters, overwrite, ignoreExisting, plainHttp, tlsVerify, proxy }, meaning);
    assert.deepEqual(rest.words, words);
    assert.deepEqual(rest.selection, [...new Set(filters.map((one) => `--filter=${one}`))].sort());
    // What kit is given beside a network of ours means the same but for the network.
    const local = parseUnpackFlags(rest.local.join(" "));
    assert.deepEqual([local.filters, local.overwrite, local.ignoreExisting, local.network], [
      filters,
      overwrite,
      ignoreExisting,
      [],
    ]);
  },
);

fuzz(
  "any text is flags, or refused with a reason, and never says where kit unpacks to",
  [textOf(
    "-",
    "--",
    "d",
    "dir",
    "--config",
    "=",
    " ",
    "-f",
    "-o",
    "v",
    "--filter",
    "'",
    "-h",
    "x",
  )],
  (text) => {
    const flags = orRefused(() => parseUnpackFlags(text));
    if (flags === undefined) return;
    assert.deepEqual(flags.words, splitWords(text));
    for (const word of flags.network) assert.match(word, /^--[a-z-]+=/, "it is one word");
    assert.deepEqual(flags.words.filter((word) => /^--(dir|config|help)(=|$)/.test(word)), []);
  },
);

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const amount = fc.tuple(
  fc.integer({ min: 0, max: 9999 }),
  fc.constantFrom("", ".5", ".25"),
  fc.constantFrom<keyof typeof UNITS>("ms", "s", "m", "h"),
);

fuzz(
  "a duration is the sum of its parts",
  [fc.array(amount, { minLength: 1, maxLength: 4 })],
  (parts) => {
    const sum = parts.reduce((sum, [whole, rest, unit]) => {
      return sum + Number(whole + rest) * UNITS[unit];
    }, 0);
    const ms = Math.round(sum);
    const expected = ms >= 1 && ms < 2 ** 31 ? ms : undefined;
    assert.equal(parseDuration(parts.map((part) => part.join("")).join("")), expected);
  },
);

fuzz(
  "any text is no duration, or a delay that a timer takes",
  [textOf("1", "0", ".", "ms", "s", "h", "-", "e9", "9")],
  (text) => {
    const ms = parseDuration(text);
    if (ms === undefined) return;
    assert.ok(Number.isInteger(ms) && ms >= 1 && ms < 2 ** 31);
    assert.match(text, /^[0-9.msh]+$/);
  },
);

function orRefused<Value>(work: () => Value): Value | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(error instanceof ShellWordsError || error instanceof UnpackFlagsError, String(error));
    return undefined;
  }
}
