import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { digestOf } from "../../lib/registry/digest.ts";

const BYTES = new TextEncoder().encode("abc");

for (const algorithm of ["sha256", "sha384", "sha512"]) {
  Deno.test(`digest: ${algorithm} is what node's says`, async () => {
    const expected = `${algorithm}:${createHash(algorithm).update(BYTES).digest("hex")}`;
    assert.equal(await digestOf(BYTES, algorithm), expected);
  });
}

for (const algorithm of ["md5", "sha1", "", "SHA256", "toString", "__proto__"]) {
  Deno.test(`digest: "${algorithm}" counts as sha256, so that it never matches`, async () => {
    assert.equal(
      await digestOf(BYTES, algorithm),
      "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
}

Deno.test("digest: of nothing, sha256 without being told", async () => {
  assert.equal(
    await digestOf(new Uint8Array()),
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});
