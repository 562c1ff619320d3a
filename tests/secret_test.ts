import assert from "node:assert/strict";
import { knownSecrets, Secret } from "../lib/secret.ts";

const SHOWN: [name: string, show: (secret: Secret) => string, text: string][] = [
  ["as text", (secret) => `${secret}`, "***"],
  ["joined to a text", (secret) => "x" + secret, "x***"],
  ["by String()", String, "***"],
  ["as JSON", (secret) => JSON.stringify({ secret }), '{"secret":"***"}'],
  ["by Deno.inspect", (secret) => Deno.inspect({ secret }), "{ secret: *** }"],
  ["in a list", (secret) => [secret].join(), "***"],
  ["by its entries", (secret) => JSON.stringify(Object.entries(secret)), "[]"],
];
for (const [name, show, text] of SHOWN) {
  Deno.test(`secret: shown ${name} it is stars`, () => {
    assert.equal(show(new Secret("hunter2-hunter2")), text);
  });
}

Deno.test("secret: only reveal gives it out", () => {
  assert.equal(new Secret("hunter2-hunter2").reveal(), "hunter2-hunter2");
});

Deno.test("secret: an empty one says so, and is not known to the redaction", () => {
  assert.equal(new Secret("").isEmpty, true);
  assert.equal(new Secret("x").isEmpty, false);
  assert.ok(!knownSecrets().includes(""));
});

Deno.test("secret: known ones come longest first, each once", () => {
  for (const value of ["aa", "aaaa", "aaa", "aaa"]) new Secret(value);
  assert.deepEqual(knownSecrets().filter((value) => /^a+$/.test(value)), ["aaaa", "aaa", "aa"]);
});
