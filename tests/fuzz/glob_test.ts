import assert from "node:assert/strict";
import { matchesGlob } from "node:path";
import fc from "fast-check";
import { type Expectation, parseExpectations } from "../../lib/expect.ts";
import { compileGlob, GlobError } from "../../lib/glob.ts";
import { fuzz, textOf } from "./fuzz.ts";

const name = fc.array(fc.constantFrom("a", "b", ".", "-"), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("")).filter((name) => !/^\.+$/.test(name));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
/** Globs that mean something to both: node drops names of dots alone, and takes a slash at the end for a folder. */
const glob = fc.array(
  fc.constantFrom(
    ...["a", "b", "-", ".a", ".b", "*", "?", "**", "/"],
    ...["[ab]", "[!a]", "[a-b]", "{a,b}", "{a/b,b}", "{,a}", "{a,*}"],
  ),
  { minLength: 1, maxLength: 8 },
).map((parts) => parts.join("")).filter((glob) => !/^\/|\/$|\/\/|(^|\/)\{,/.test(glob));

fuzz("a glob means what it means to node", [glob, path], (glob, path) => {
  assert.equal(compileGlob(glob)(path), matchesGlob(path, glob));
}, { cost: 0.1 });

const anyGlob = textOf("*", "**", "?", "/", "[", "]", "[!", "-", "{", "}", ",", ".", "a", "\\");

fuzz(
  "any text is a glob, or a mistake with a reason",
  [anyGlob, textOf("a", "/", ".")],
  (text, path) => {
    try {
      assert.equal(typeof compileGlob(text)(path), "boolean");
    } catch (error) {
      assert.ok(error instanceof GlobError, String(error));
    }
  },
);

fuzz(
  "any text is expectations, or a mistake for each word that is none",
  [textOf("/", "kit://", "=", "a", "*", "{", "}", "[", "]", "..", "'", " ", "\\", ",")],
  (text) => {
    const mistakes: string[] = [];
    const found = parseExpectations(text, mistakes);
    for (const mistake of mistakes) assert.match(mistake, /^KIT_EXPECT[,:] ?/);
    for (const { glob } of found as Expectation[]) {
      assert.ok(!glob.startsWith("/") && !glob.split("/").includes(".."), glob);
    }
  },
);
