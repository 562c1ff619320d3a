import assert from "node:assert/strict";
import { compileGlob, GlobError } from "../lib/glob.ts";

const GLOBS: [glob: string, fits: string[], others: string[]][] = [
  ["model.onnx", ["model.onnx"], ["model_onnx", "a/model.onnx", "Model.onnx", "model.onnx2"]],
  ["a/b", ["a/b"], ["a", "b", "a/b/c"]],
  ["a//b/", ["a/b"], ["a"]],
  ["*", ["a", "a.b", "ü"], [".a", "a/b"]],
  ["*.json", ["a.json", "a.b.json"], [".json", "a/b.json", "a.json5"]],
  ["a*b*c", ["abc", "aXbXc", "abcbc"], ["ac", "abcd", "acb"]],
  [".*", [".a"], ["a"]],
  ["config/*.json", ["config/a.json"], ["a.json", "config/b/a.json"]],
  ["**", ["a", "a/b", "a/b/c"], [".a", "a/.b", ".a/b"]],
  ["**/*.pt", ["a.pt", "x/a.pt", "x/y/a.pt"], ["a.ptx", ".x/a.pt", "x/.y/a.pt"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "b/a"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/b/c", "ab", "a"]],
  ["**/a/**/b", ["a/b", "x/a/y/b", "a/a/b/a/b"], ["b", "a/x", "a/.x/b"]],
  ["**/.x/**/b", [".x/b", "a/.x/c/b"], [".x/.y/b", ".x"]],
  ["a**b", ["ab", "axb"], ["a/b"]],
  ["model-?????-of-00002.bin", ["model-00001-of-00002.bin"], ["model-1-of-00002.bin"]],
  ["?", ["a", "é", "🧪"], ["", "ab", "."]],
  ["[abc]", ["a", "c"], ["d", "ab", "[abc]"]],
  ["[a-c]x[0-9]", ["bx7"], ["dx7", "bxx"]],
  ["[!a-c]", ["d", "]"], ["a", "."]],
  ["[^a]", ["b", "^"], ["a"]],
  ["[]a]", ["]", "a"], ["b"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["[[]x[*]", ["[x*"], ["[xx", "x"]],
  ["[{]a,b[}]", ["{a,b}"], ["a", "b"]],
  ["[🧪🧫]", ["🧪"], ["a"]],
  ["{a,b}", ["a", "b"], ["{a,b}", "ab", "a,b"]],
  ["*.{onnx,pt,safetensors}", ["m.onnx", "m.safetensors"], ["m.bin"]],
  ["{a/b,c}/d", ["a/b/d", "c/d"], ["a/d", "b/d"]],
  ["{,x/}a", ["a", "x/a"], ["/a", "y/a"]],
  ["{a,{b,c}{1,2}}", ["a", "b1", "c2"], ["b", "a1"]],
  ["a,b", ["a,b"], ["a", "b"]],
  ["a b", ["a b"], ["a"]],
  ["!a", ["!a"], ["b"]],
  ["a\\*", ["a\\x"], ["a*"]],
];
for (const [glob, fits, others] of GLOBS) {
  Deno.test(`glob: ${glob}`, () => {
    const matches = compileGlob(glob);
    assert.deepEqual(fits.filter((path) => !matches(path)), [], "these fit");
    assert.deepEqual(others.filter((path) => matches(path)), [], "these do not");
  });
}

const MISTAKES: [glob: string, why: RegExp][] = [
  ["[", /"\[" without a "\]"/],
  ["a[b/c]", /"\[" without a "\]"/],
  ["[]", /nothing between/],
  ["[z-a]", /range z-a is empty/],
  ["[[:digit:]]", /with a name/],
  ["{a,b", /"\{" without a "\}"/],
  ["{a,{b,c}", /"\{" without a "\}"/],
  ["a}", /"\}" without a "\{"/],
  ["{a}", /need a comma/],
  ["{1..3}", /need a comma/],
  ["{0,1}".repeat(11), /more than 1000/],
];
for (const [glob, why] of MISTAKES) {
  Deno.test(`glob: ${glob} is a mistake`, () => {
    assert.throws(() => compileGlob(glob), (error) => {
      assert.ok(error instanceof GlobError);
      assert.match(error.message, why);
      return true;
    });
  });
}

Deno.test("glob: many stars and a long name take no time", () => {
  const matches = compileGlob("*a".repeat(100) + "b/" + "**/a/".repeat(100) + "b");
  const started = performance.now();
  assert.ok(!matches("a".repeat(4000) + "b" + "/a".repeat(4000)));
  assert.ok(performance.now() - started < 1000);
});
