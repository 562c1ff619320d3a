import assert from "node:assert/strict";
import fc from "fast-check";
import { ShellWordsError, splitWords } from "../lib/shell_words.ts";

const ROWS: [name: string, text: string, words: string[]][] = [
  ["an empty text has no words", "", []],
  ["blanks alone are no words", " \t\n ", []],
  ["blanks of all kinds separate", " a\tb\nc\r\nd ", ["a", "b", "c", "d"]],
  ["single quotes keep everything", `'a b\\"$c'`, [`a b\\"$c`]],
  ["double quotes keep blanks", `"a  b"`, ["a  b"]],
  ["a backslash keeps one character", `a\\ b`, ["a b"]],
  ["parts without blanks between are one word", `a'b 'c"d "e`, ["ab cd e"]],
  ["an empty quote is an empty word", `a '' ""`, ["a", "", ""]],
  ["between double quotes only some characters are escaped", `"\\$ \\\` \\" \\\\ \\a"`, [
    `$ \` " \\ \\a`,
  ]],
  ["a double quote changes nothing before it", `'a\\\\b'"c"`, ["a\\\\bc"]],
  ["an escaped line end joins lines", `a\\\nb "c\\\nd"`, ["ab", "cd"]],
  ["an escaped line end alone is no word", `a \\\n b`, ["a", "b"]],
  ["a variable is not expanded", `$HOME "$HOME" \${HOME}`, ["$HOME", "$HOME", "${HOME}"]],
  ["a command is not run", "`id` $(id)", ["`id`", "$(id)"]],
  ["a pattern and a tilde stay", "/* ? [a] ~ ~root {a,b}", [
    "/*",
    "?",
    "[a]",
    "~",
    "~root",
    "{a,b}",
  ]],
  ["a dollar before a quote stays", `$'a\\n' $"b"`, ["$a\\n", "$b"]],
  ["what a shell would run or leave out stays", "a;b | # c", ["a;b", "|", "#", "c"]],
  ["a character outside of the basic plane survives", `\\😀 '😀'`, ["😀", "😀"]],
];
for (const [name, text, words] of ROWS) {
  Deno.test(`words: ${name}`, () => assert.deepEqual(splitWords(text), words));
}

for (
  const [name, text] of [["single quote", "a 'b"], ["double quote", `a "b\\"`], [
    "backslash",
    "a\\",
  ]]
) {
  Deno.test(`words: an unfinished ${name} is refused`, () => {
    assert.throws(() => splitWords(text), (error) => {
      assert.ok(error instanceof ShellWordsError);
      assert.equal(error.message, "a quote or a backslash at the end is not finished");
      return true;
    });
  });
}

/** Characters, and the way in which a shell takes each of them literally. */
const character = fc.oneof(
  fc.constantFrom(..."$`\"'\\ \n\t*?~#;|&<>(){}[]!=-é😀"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }),
).filter((text) => !/[\0\r]/.test(text) && text.isWellFormed());
const part = fc.oneof(
  fc.array(fc.constantFrom(..."abzAZ09_./:,@%+-"), { minLength: 1 }).map((text) => text.join("")),
  // An escaped line end is taken away by the shell, so that it is part of what is compared.
  character.map((text) => [...text].map((one) => `\\${one}`).join("")),
  fc.array(character).map((text) => `'${text.join("").replaceAll("'", "")}'`),
  fc.array(fc.oneof(
    character.map((text) => text.replaceAll(/[$`"\\]/g, "")),
    fc.constantFrom("\\$", "\\`", '\\"', "\\\\", "\\\n", "\\a", "\\ ", "\\'", "'"),
  )).map((text) => `"${text.join("")}"`),
);
const words = fc.array(
  fc.tuple(
    fc.array(part, { minLength: 1, maxLength: 4 }),
    fc.constantFrom(" ", "\t", "  ", " \\\n "),
  ),
  { maxLength: 20 },
).map((list) => list.map(([parts, blank]) => parts.join("") + blank).join(""));

Deno.test("words: quoted in whatever way, they are those that sh makes of them", () => {
  fc.assert(fc.property(words, (text) => assert.deepEqual(splitWords(text), wordsOfShell(text))), {
    numRuns: 300,
  });
});

function wordsOfShell(text: string): string[] {
  // The first word keeps printf from printing one where there are none.
  const { stdout, success } = new Deno.Command("sh", {
    args: ["-c", `LC_ALL=C; set -f; printf '%s\\0' begin ${text}`],
  }).outputSync();
  assert.ok(success, `sh must understand ${JSON.stringify(text)}`);
  return new TextDecoder().decode(stdout).split("\0").slice(1, -1);
}
