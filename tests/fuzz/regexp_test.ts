// No regular expression of the program takes longer for a nasty text than for another of its length.
import assert from "node:assert/strict";
import fc from "fast-check";
import { fuzz } from "./fuzz.ts";

/** Characters of the text that each is tried with. Twice as long must not take four times as long. */
const LENGTH = 16_384;
/** Where it takes an expression longer, it searches the rest of the text from each of its characters. */
const MAX_MS = 60;
/** What these get is cut before, to so many characters. */
const CUT: Record<string, number> = { "lib/kit_errors.ts": 600 };

const LITERAL_REGEXP =
  /(?:^|[(=,:?&|!>]|\breturn)\s*\/((?:[^\/\\\[\n*]|\\.|\[(?:[^\]\\\n]|\\.)*\])(?:[^\/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])*)\/([dgimsuvy]*)(?=[.,);\s])/gm;

interface Expression {
  file: string;
  regexp: RegExp;
  /** Parts of texts that it might take. */
  alphabet: string[];
}

const ROOT = new URL("../../", import.meta.url).pathname;

function expressionsOf(folder: string): Expression[] {
  return [...Deno.readDirSync(`${ROOT}/${folder}`)].flatMap(({ name, isDirectory }) => {
    const file = `${folder}/${name}`;
    if (isDirectory) return expressionsOf(file);
    const code = Deno.readTextFileSync(`${ROOT}/${file}`);
    return [...code.matchAll(LITERAL_REGEXP)].map(([, source, flags]) => ({
      file,
      regexp: new RegExp(source, flags.replace(/[gy]/g, "") + "g"),
      alphabet: alphabetOf(source),
    }));
  });
}

/** Words and characters of an expression, and one of each class. */
function alphabetOf(source: string): string[] {
  const plain = source.replaceAll(/\\u[0-9a-f]{4}|\\[a-zA-Z]/g, " ").replaceAll("\\", "");
  const words = plain.match(/[A-Za-z]{2,}/g) ?? [];
  return [...new Set([...words, ...plain, "a", "A", "1", " ", "\n", "\0", "-", ".", "/", "@"])];
}

const expressions = expressionsOf("lib");

Deno.test("regular expressions: those of the program are found", () => {
  const found = expressions.map(({ file, regexp }) => `${file} ${regexp.source}`);
  assert.ok(found.length > 60, `${found.length}`);
  const some = [
    "reference.ts ^(?:sha256:",
    "redact.ts :\\/\\/",
    "errors.ts (?<!\\s)",
    "blob.ts ^bytes",
  ];
  for (const one of some) assert.ok(found.some((name) => name.includes(one)), one);
});

/** A beginning, and then the same again and again, up to `length` characters. */
interface Attack {
  expression: Expression;
  start: string;
  again: string;
  end: string;
}

function withstand({ expression: { file, regexp }, start, again, end }: Attack): void {
  // The short one first: an expression that tries all ways to share a text among its parts would not end with a long one.
  for (const length of [26, CUT[file] ?? LENGTH]) {
    const text = (start + again.repeat(Math.ceil(length / again.length))).slice(0, length) + end;
    const measure = () => {
      const began = performance.now();
      text.replaceAll(regexp, "");
      return performance.now() - began;
    };
    const ms = measure();
    if (ms < MAX_MS) continue;
    // Another process may be what took so long.
    const least = Math.min(measure(), measure());
    assert.ok(
      least < MAX_MS,
      `${file}: ${regexp} took ${least} ms for ${start}${again}${again}…${end}`,
    );
  }
}

for (const expression of expressions) {
  const { file, regexp, alphabet } = expression;
  Deno.test(`regular expressions: ${regexp} of ${file} takes no longer for a nasty text`, () => {
    for (const start of ["", ...alphabet]) {
      for (const again of alphabet) withstand({ expression, start, again, end: "\n!" });
    }
  });
}

const attack = fc.constantFrom(...expressions).chain((expression) => {
  const piece = fc.constantFrom(...expression.alphabet);
  const pieces = (maxLength: number) => fc.array(piece, { maxLength }).map((some) => some.join(""));
  return fc.record({
    expression: fc.constant(expression),
    start: pieces(3),
    again: fc.oneof(piece, pieces(3).filter((text) => text !== "")),
    end: pieces(2),
  });
});

fuzz(
  "no text of several parts takes a regular expression longer",
  [attack],
  withstand,
  // There are many expressions, and most of them need a text of their own.
  { cost: 0.2 },
);
