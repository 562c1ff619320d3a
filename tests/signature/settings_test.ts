import assert from "node:assert/strict";
import {
  matcherOf,
  parseSignatureSettings,
  signatureWarnings,
} from "../../lib/signature/settings.ts";

const KEY = { KIT_COSIGN_KEY: "/keys/cosign.pub" };
const SIGNER = { KIT_COSIGN_IDENTITY: "a@b.test", KIT_COSIGN_ISSUER: "https://issuer.test" };
const ROOT = { KIT_COSIGN_TRUSTED_ROOT: "/root.json" };

function parse(environment: Record<string, string>, tlsVerify = true) {
  const mistakes: string[] = [];
  return { settings: parseSignatureSettings(environment, tlsVerify, mistakes), mistakes };
}

Deno.test("signature settings: without any nothing is required", () => {
  assert.deepEqual(parse({ KIT_TRANSFER: "direct" }, false), {
    settings: undefined,
    mistakes: [],
  });
});

Deno.test("signature settings: what Kubernetes adds for a Service kit-cosign is none", () => {
  const service = { KIT_COSIGN_SERVICE_HOST: "10.0.0.1", KIT_COSIGN_PORT: "tcp://10.0.0.1:80" };
  assert.deepEqual(parse(service), { settings: undefined, mistakes: [] });
  assert.deepEqual(parse({ ...service, ...KEY }).mistakes, []);
});

Deno.test("signature settings: only empty ones are a warning", () => {
  assert.deepEqual(signatureWarnings({ KIT_COSIGN_KEY: "", KIT_USER: "" }, true), [
    "KIT_COSIGN_KEY is empty: signatures are not checked",
  ]);
  assert.deepEqual(signatureWarnings({ KIT_COSIGN_KEY: "", ...SIGNER }, false), []);
  assert.deepEqual(signatureWarnings({ KIT_USER: "" }, true), []);
});

Deno.test("signature settings: that S3 is not covered is a warning where it is asked for", () => {
  assert.deepEqual(signatureWarnings(KEY, true), [
    "Signatures do not cover datasets in S3, which --include-remote fetches as they are",
  ]);
  assert.deepEqual(signatureWarnings(KEY, false), []);
});

const GOOD: [name: string, environment: Record<string, string>, settings: object][] = [
  ["a key", KEY, { key: "/keys/cosign.pub", signer: undefined, trustedRoot: undefined }],
  ["a key and a log", { ...KEY, ...ROOT }, {
    key: "/keys/cosign.pub",
    signer: undefined,
    trustedRoot: "/root.json",
  }],
  ["a signer", { ...SIGNER, ...ROOT }, {
    key: undefined,
    signer: { identity: "a@b.test", issuer: "https://issuer.test" },
    trustedRoot: "/root.json",
  }],
];

for (const [name, environment, settings] of GOOD) {
  Deno.test(`signature settings: ${name}`, () => {
    assert.deepEqual(parse(environment), { settings, mistakes: [] });
  });
}

const BAD: [name: string, environment: Record<string, string>, mistake: RegExp][] = [
  ["a key and a signer", { ...KEY, ...SIGNER }, /^KIT_COSIGN_KEY is set beside .*: choose$/],
  ["a key and an issuer", { ...KEY, KIT_COSIGN_ISSUER: "x" }, /^KIT_COSIGN_KEY is set beside/],
  ["an identity alone", { KIT_COSIGN_IDENTITY: "x" }, /must be set together$/],
  ["an issuer alone", { KIT_COSIGN_ISSUER: "x" }, /must be set together$/],
  ["a trusted root alone", ROOT, /^KIT_COSIGN_TRUSTED_ROOT needs KIT_COSIGN_KEY, or/],
  ["a name that is misspelt", { ...KEY, KIT_COSIGN_KEYS: "x" }, /^there is no .*_KEYS: it can be/],
  [
    "an expression that is none",
    { ...SIGNER, KIT_COSIGN_IDENTITY: "/(/" },
    /^KIT_COSIGN_IDENTITY is not a regular expression/,
  ],
  [
    "an issuer's expression that is none",
    { ...SIGNER, KIT_COSIGN_ISSUER: "/[/" },
    /^KIT_COSIGN_ISSUER is not a regular expression/,
  ],
];

for (const [name, environment, mistake] of BAD) {
  Deno.test(`signature settings: ${name} is a mistake`, () => {
    const { mistakes } = parse(environment);
    assert.equal(mistakes.length, 1, mistakes.join("\n"));
    assert.match(mistakes[0], mistake);
  });
}

Deno.test("signature settings: with layers that nothing verifies a signature is a mistake", () => {
  assert.deepEqual(parse({ ...KEY, KIT_TRANSFER: "direct" }).mistakes, [
    "KIT_TRANSFER=direct cannot be combined with KIT_COSIGN_KEY: layers are not verified then",
  ]);
  assert.deepEqual(parse(KEY, false).mistakes, [
    "--tls-verify=false cannot be combined with KIT_COSIGN_KEY: layers are not verified then",
  ]);
});

const MATCHES: [pattern: string, text: string, matches: boolean][] = [
  ["a@b.test", "a@b.test", true],
  ["a@b.test", "a@bxtest", false],
  ["a@b.test", "xa@b.test", false],
  ["https://host/path/", "https://host/path/", true],
  ["/.*@b\\.test/", "a@b.test", true],
  ["/a@b/", "a@b.test", false],
  ["/b/", "abc", false],
  ["/a|b/", "ax", false],
  ["/https://github\\.com/org/.*/", "https://github.com/org/x", true],
  ["/https://github\\.com/org/.*/", "https://evil.test/https://github.com/org/x", false],
  ["/", "/", true],
  ["//", "", false],
];

for (const [pattern, text, matches] of MATCHES) {
  Deno.test(`signature settings: ${pattern} ${matches ? "is" : "is not"} "${text}"`, () => {
    assert.equal(matcherOf(pattern)(text), matches);
  });
}
