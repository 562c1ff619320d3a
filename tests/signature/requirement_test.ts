import assert from "node:assert/strict";
import { readRequirement } from "../../lib/signature/requirement.ts";
import { failureOf } from "../support/failure.ts";
import { keyPair, pemOf } from "../support/signing.ts";

const [ONE, OTHER] = [pemOf(keyPair()), pemOf(keyPair())];
const ROOT = { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" };
const SIGNER = { identity: "a@b.test", issuer: "https://issuer.test" };

async function file(text: string) {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

Deno.test("signature requirement: a key as text or as a file is the same", async () => {
  await using named = await file(`a comment\n${ONE}`);
  const [text, path] = [
    await readRequirement({ key: ONE }),
    await readRequirement({ key: named.path }),
  ];
  assert.deepEqual(path.keys.map((key) => key.trim()), [ONE.trim()]);
  assert.equal(path.fingerprint, text.fingerprint);
  assert.match(text.fingerprint, /^sha256:[0-9a-f]{64}$/);
});

Deno.test("signature requirement: several keys, in any order", async () => {
  const both = await readRequirement({ key: ONE + OTHER });
  assert.equal(both.keys.length, 2);
  assert.equal(both.fingerprint, (await readRequirement({ key: OTHER + ONE })).fingerprint);
  assert.notEqual(both.fingerprint, (await readRequirement({ key: ONE })).fingerprint);
});

Deno.test("signature requirement: a trusted root as text or as a file is the same", async () => {
  await using named = await file(JSON.stringify(ROOT, null, 2));
  const path = await readRequirement({ signer: SIGNER, trustedRoot: named.path });
  const text = await readRequirement({ signer: SIGNER, trustedRoot: ` ${JSON.stringify(ROOT)}` });
  assert.deepEqual(path, text);
  assert.deepEqual(path.trustedRoot, ROOT);
  assert.notEqual(path.fingerprint, (await readRequirement({ signer: SIGNER })).fingerprint);
});

for (const change of [{ identity: "x@b.test" }, { issuer: "https://other.test" }]) {
  Deno.test(`signature requirement: another ${Object.keys(change)} is another one`, async () => {
    const [before, after] = [
      await readRequirement({ signer: SIGNER }),
      await readRequirement({ signer: { ...SIGNER, ...change } }),
    ];
    assert.notEqual(before.fingerprint, after.fingerprint);
  });
}

const PRIVATE = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nfake-secret\n-----END X-----";
const BAD: [name: string, key: string, says: RegExp][] = [
  [
    "a file that is not there",
    "/nowhere/cosign.pub",
    /Cannot read the file of KIT_COSIGN_KEY: No su/,
  ],
  ["a private key", PRIVATE, /holds a private key$/],
  ["a text that is cut", "-----BEGIN PUBLIC KEY-----\nMFkw", /there is no public key in it$/],
  ["a key in a KMS", "awskms:///alias/key", /key management services are not asked$/],
];

for (const [name, key, says] of BAD) {
  Deno.test(`signature requirement: ${name} is a mistake`, async () => {
    const failure = await failureOf(() => readRequirement({ key }));
    assert.equal(failure.outcome, "usage");
    assert.match(failure.message, says);
    assert.doesNotMatch(failure.message + failure.hint, /fake-secret/);
  });
}

Deno.test("signature requirement: a trusted root that is not JSON is a mistake", async () => {
  const failure = await failureOf(() => readRequirement({ signer: SIGNER, trustedRoot: "{x" }));
  assert.equal(failure.outcome, "usage");
  assert.match(failure.message, /^Cannot use KIT_COSIGN_TRUSTED_ROOT: it is not JSON$/);
});

Deno.test("signature requirement: a file without an end is not read", async () => {
  await using large = await file("x".repeat(1024 * 1024 + 1));
  const failure = await failureOf(() => readRequirement({ key: large.path }));
  assert.match(failure.message, /it is larger than 1 MiB$/);
});
