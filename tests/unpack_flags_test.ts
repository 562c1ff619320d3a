import assert from "node:assert/strict";
import { parseUnpackFlags, type UnpackFlags, UnpackFlagsError } from "../lib/unpack_flags.ts";

/** What a row says nothing of; the words for a kit without a network have a test of their own. */
type Read = Omit<UnpackFlags, "words" | "local">;

const NONE: Read = {
  network: [],
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

const ROWS: [name: string, text: string, expected: Partial<UnpackFlags>][] = [
  ["nothing", "", {}],
  ["README's example", "-v --plain-http", { plainHttp: true, network: ["--plain-http=true"] }],
  ["a switch that is off", "--plain-http=false", { network: ["--plain-http=false"] }],
  ["the last of two counts", "--plain-http --plain-http=0", {
    network: ["--plain-http=true", "--plain-http=0"],
  }],
  ["-o", "-o", { overwrite: true }],
  ["--overwrite", "--overwrite", { overwrite: true }],
  ["-o=false", "-o=false", {}],
  ["-i", "-i", { ignoreExisting: true }],
  ["--ignore-existing=T", "--ignore-existing=T", { ignoreExisting: true }],
  ["short flags in one word", "-voi", { overwrite: true, ignoreExisting: true }],
  ["-vvv", "-vvv", {}],
  ["--filter=", "--filter=model:a", { filters: ["model:a"], selection: ["--filter=model:a"] }],
  ["--filter and its value", "--filter model", {
    filters: ["model"],
    selection: ["--filter=model"],
  }],
  ["-f and its value", "-f model", { filters: ["model"], selection: ["--filter=model"] }],
  ["-fmodel", "-fmodel", { filters: ["model"], selection: ["--filter=model"] }],
  ["-f=model", "-f=model", { filters: ["model"], selection: ["--filter=model"] }],
  ["-of model", "-of model", {
    overwrite: true,
    filters: ["model"],
    selection: ["--filter=model"],
  }],
  ["a value that looks like a flag", "-f -o", { filters: ["-o"], selection: ["--filter=-o"] }],
  ["filters in another order and twice are the same selection", "-f docs -f code -f docs", {
    filters: ["docs", "code", "docs"],
    selection: ["--filter=code", "--filter=docs"],
  }],
  ["a deprecated filter", "--model", { filters: ["model"], selection: ["--filter=model"] }],
  ["a deprecated filter that is off", "--model=false", {}],
  ["kit ignores --filter beside a deprecated one", "--filter docs --model", {
    filters: ["model"],
    selection: ["--filter=model"],
  }],
  ["--include-remote", "--include-remote", {
    includeRemote: true,
    selection: ["--include-remote=true"],
  }],
  ["--as-skill without a value does not take the next word", "--as-skill -o", {
    overwrite: true,
    ownChoice: true,
    selection: ["--as-skill=auto"],
  }],
  [
    "all network flags",
    "--tls-verify=false --tls-cert a --cert=b --key c --proxy http://p --concurrency 2",
    {
      network: [
        "--tls-verify=false",
        "--tls-cert=a",
        "--cert=b",
        "--key=c",
        "--proxy=http://p",
        "--concurrency=2",
      ],
      tlsVerify: false,
      tlsCert: ["a"],
      cert: "b",
      key: "c",
      proxy: "http://p",
    },
  ],
  ["a quoted value", `--tls-cert "/a b.pem"`, {
    network: ["--tls-cert=/a b.pem"],
    tlsCert: ["/a b.pem"],
  }],
  ["a flag of a newer kit, with a value", "--brand-new 7 -o", {
    overwrite: true,
    ownChoice: true,
  }],
  ["a short flag of a newer kit", "-Z7 -o", { overwrite: true, ownChoice: true }],
];
for (const [name, text, expected] of ROWS) {
  Deno.test(`unpack flags: ${name}`, () => {
    const { words: _, local: __, ...flags } = parseUnpackFlags(text);
    assert.deepEqual(flags, { ...NONE, ...expected });
  });
}

Deno.test("unpack flags: all words are passed on as they are, and nothing in them is expanded", () => {
  const { words } = parseUnpackFlags(`-v --tls-cert '$HOME/ca file' --cert=~/* --new "\`id\`" -o`);
  assert.deepEqual(words, [
    "-v",
    "--tls-cert",
    "$HOME/ca file",
    "--cert=~/*",
    "--new",
    "`id`",
    "-o",
  ]);
});

const REFUSED: [text: string, why: RegExp][] = [
  ["-d /x", /^--dir is not allowed: the destination is an argument/],
  ["-d/x", /^--dir/],
  ["-d=/x", /^--dir/],
  ["-vd /x", /^--dir/],
  ["--dir /x", /^--dir/],
  ["--dir=/x", /^--dir/],
  ["--config /x", /^--config is not allowed/],
  ["--config=/x", /^--config/],
  ["-h", /^--help/],
  ["--help", /^--help/],
  ["ghcr.io/other/model", /^"ghcr.io\/other\/model" is not a flag: the reference/],
  ["-o ghcr.io/other", /is not a flag/],
  ["-- -o", /^"--" is not a flag/],
  ["-", /^"-" is not a flag/],
  ["''", /^"" is not a flag/],
  ["--brand-new 7 8", /^"8" is not a flag/],
  ["--filter", /^--filter needs a value/],
  ["-f", /^-f needs a value/],
  ["-o=perhaps", /^--overwrite is true or false, not "perhaps"/],
  ["--plain-http=", /^--plain-http is true or false, not ""/],
];
for (const [text, why] of REFUSED) {
  Deno.test(`unpack flags: ${text} is refused`, () => {
    assert.throws(() => parseUnpackFlags(text), (error) => {
      assert.ok(error instanceof UnpackFlagsError);
      assert.match(error.message, why);
      return true;
    });
  });
}

Deno.test("unpack flags: an unfinished quote is refused", () => {
  assert.throws(() => parseUnpackFlags("-f 'model"), /not finished/);
});

Deno.test("unpack flags: a kit without a network of its own gets the others, as they are", () => {
  const { local } = parseUnpackFlags(
    "-v --plain-http --filter=model --tls-cert a.pem -oi --proxy=http://x -f 'docs: a' --new value --key k",
  );
  assert.deepEqual(local, ["-v", "--filter=model", "-oi", "-f", "docs: a", "--new", "value"]);
});
