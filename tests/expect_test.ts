import assert from "node:assert/strict";
import { parse } from "yaml";
import { readPairs } from "../lib/arguments.ts";
import { checkExpectations, parseExpectations } from "../lib/expect.ts";
import { asFailure, type Failure } from "../lib/errors.ts";
import { MAX_MESSAGE_BYTES, terminationMessage } from "../lib/termination.ts";

const FILES = {
  "Kitfile": 10,
  "model.onnx": 1000,
  "empty.bin": 0,
  "config/a.json": 2,
  "config/deep/b.json": 0,
  "hollow/none": 0,
  ".hidden/x": 1,
  "a=b": 1,
};

/** What is said of files of these sizes; `undefined` where all is well. */
function check(
  text: string,
  { files = FILES, uri = "kit://ghcr.io/llm/small:v1", destination = "/mnt/models" }: {
    files?: Record<string, number>;
    uri?: string;
    destination?: string;
  } = {},
): Failure | undefined {
  const mistakes: string[] = [];
  const expectations = parseExpectations(text, mistakes);
  const [pair] = readPairs([uri, destination], mistakes);
  assert.deepEqual(mistakes, []);
  const states = Object.entries(files).map(([path, size]) => [path, { size, mtime: 0 }] as const);
  try {
    checkExpectations(expectations, pair, new Map(states));
  } catch (error) {
    return asFailure(error);
  }
}

const FOUND: [name: string, text: string][] = [
  ["nothing is expected", ""],
  ["blanks alone", " \n "],
  ["a file", "model.onnx"],
  ["several words", "model.onnx\n  config/*.json"],
  ["a dot before the name", "./model.onnx"],
  ["a folder with a file in it", "config"],
  ["a folder, by a slash at its end", "config/"],
  ["a folder below any", "**/"],
  ["a folder whose files are not all empty", "config/**"],
  ["one of several kinds", "*.{pt,onnx}"],
  ["a name in quotes", "'model.onnx'"],
  ["a name with an equals sign", "a=b"],
  ["a hidden folder by its name", ".hidden/*"],
];
for (const [name, text] of FOUND) {
  Deno.test(`expect: ${name} is found`, () => assert.equal(check(text)?.message, undefined));
}

const MISSING: [name: string, text: string, what: string][] = [
  ["a file that is not there", "model.pt", '"model.pt"'],
  ["one of two", "model.onnx model.pt", '"model.pt"'],
  ["two", "model.pt *.gguf", '"model.pt", "*.gguf"'],
  ["an empty file", "empty.bin", '"empty.bin" (empty)'],
  ["an empty file by a star", "config/deep/*", '"config/deep/*" (empty)'],
  ["a folder of empty files", "hollow", '"hollow" (empty)'],
  ["a file that should be a folder", "model.onnx/", '"model.onnx/"'],
  ["a name in a folder, without the folder", "a.json", '"a.json"'],
  ["what is hidden by a star", "*/x", '"*/x"'],
];
for (const [name, text, what] of MISSING) {
  Deno.test(`expect: ${name} is missing`, () => {
    const failure = check(text);
    assert.equal(failure?.outcome, "not found");
    assert.equal(
      failure?.message,
      `Cannot find ${what} in "ghcr.io/llm/small:v1": it has Kitfile, a=b, empty.bin, ` +
        "model.onnx, .hidden/x, config/a.json, hollow/none, config/deep/b.json",
    );
    assert.match(failure?.hint ?? "", /KIT_EXPECT/);
  });
}

const SCOPES: [scope: string, counts: boolean][] = [
  ["/mnt/models", true],
  ["/mnt/models/", true],
  ["/mnt/*", true],
  ["/mnt/**", true],
  ["/mnt/models/0", false],
  ["/mnt", false],
  ["/mnt/models/*", false],
  ["kit://ghcr.io/llm/small:v1", true],
  ["kit://ghcr.io/llm/small", true],
  ["kit://ghcr.io/llm/*", true],
  ["kit://ghcr.io/**", true],
  ["kit://*/llm/{small,large}:v*", true],
  ["kit://ghcr.io/llm/small:v2", false],
  ["kit://ghcr.io/*", false],
  ["kit://quay.io/**", false],
];
for (const [scope, counts] of SCOPES) {
  Deno.test(`expect: ${scope}=… ${counts ? "counts" : "does not count"}`, () => {
    const failure = check(`${scope}=model.pt`);
    assert.equal(failure !== undefined, counts);
  });
}

Deno.test("expect: a destination is the same however it is spelled, and a relative one is none", () => {
  assert.ok(check("/mnt/models=x", { destination: "/mnt//./models/" }));
  assert.equal(check("/mnt/models=x", { destination: "mnt/models" }), undefined);
});

Deno.test("expect: a URI counts by its digest too", () => {
  const uri = `kit://ghcr.io/llm/small@sha256:${"0".repeat(64)}`;
  assert.ok(check("kit://ghcr.io/llm/small=x", { uri }));
  assert.ok(check("kit://ghcr.io/llm/small@sha256:0*=x", { uri }));
});

Deno.test("expect: a ModelKit without files says so", () => {
  assert.match(check("*", { files: {} })?.message ?? "", /: it has no files$/);
});

const many = Object.fromEntries(
  Array.from({ length: 5000 }, (_, index) => [`part-${String(index).padStart(5, "0")}`, 1]),
);
const LONG: [name: string, text: string, files: Record<string, number>, message: RegExp][] = [
  ["many files", "x", many, /: it has part-00000, .*, part-00015 and 4984 more$/],
  [
    "short names",
    "x",
    { ...Object.fromEntries([..."abcdefghijklmnopqrstuvw"].map((x) => [x, 1])) },
    /a, b, .*, t and 3 more$/,
  ],
  ["a long name", "x", { ["n".repeat(4000)]: 1, b: 1 }, /: it has b, n{59}…$/],
  ["a long glob", "g".repeat(9000), FILES, /find "g+… in "/],
  [
    "many globs",
    Array.from({ length: 900 }, (_, i) => `g${i}`).join(" "),
    FILES,
    /"g0", .* and \d+ more in /,
  ],
];
for (const [name, text, files, message] of LONG) {
  Deno.test(`expect: ${name} still make a line that Kubernetes keeps`, () => {
    const failure = check(text, { files })!;
    assert.match(failure.message, message);
    assert.ok(failure.message.length < 480, `${failure.message.length}`);
    const bytes = new TextEncoder().encode(terminationMessage({ failure, seconds: 1 })).length;
    assert.ok(bytes <= MAX_MESSAGE_BYTES);
  });
}

const MISTAKES: [text: string, why: RegExp][] = [
  ["'a", /^KIT_EXPECT: .*not finished/],
  ["/model.onnx", /^KIT_EXPECT, "\/model.onnx": names are relative/],
  ["kit://ghcr.io/a", /names are relative/],
  ["/mnt/models=", /names nothing/],
  ["/mnt/models=/a", /names nothing/],
  ["''", /names nothing/],
  ["./", /names nothing/],
  ["../a", /leads out/],
  ["a/../b", /leads out/],
  ["a[", /"\[" without/],
  ["/mnt/[=a", /"\[" without/],
  ["kit://{a=a", /"\{" without/],
];
for (const [text, why] of MISTAKES) {
  Deno.test(`expect: ${text} is a mistake`, () => {
    const mistakes: string[] = [];
    parseExpectations(text, mistakes);
    assert.equal(mistakes.length, 1);
    assert.match(mistakes[0], why);
  });
}

Deno.test("expect: the example of the overlay, and of docs, is read as it says", async () => {
  const path = new URL("../deploy/overlays/expect/values.yaml", import.meta.url);
  const { env: [{ value: text }] } = parse(await Deno.readTextFile(path));
  const llm = { uri: "kit://registry.example.com/llm/team/chat:v1" };
  const files = { "Kitfile": 1, "config.json": 1, "model.gguf": 1 };
  assert.equal(check(text, { ...llm, files }), undefined);
  assert.match(check(text, { ...llm, files: { "Kitfile": 1 } })!.message, /config.json.*gguf/);
  const iris = { uri: "kit://registry.example.com/iris", files: { "Kitfile": 1, "iris.pkl": 1 } };
  assert.equal(check(text, iris), undefined);
  assert.match(check(text, { ...iris, destination: "/mnt/models/1" })!.message, /adapter_config/);
});
