import assert from "node:assert/strict";
import { digestOfPayload, digestsOfStatement } from "../../lib/signature/claim.ts";
import { payloadOf, statementOf } from "../support/signing.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

Deno.test("claim: a payload speaks of its digest, whatever the repository is called", () => {
  assert.equal(digestOfPayload(bytes(payloadOf(DIGEST, "elsewhere.test/x"))), DIGEST);
});

Deno.test("claim: a statement speaks of all its subjects", () => {
  const other = `sha512:${"cd".repeat(64)}`;
  const statement = statementOf(DIGEST) as { subject: object[] };
  statement.subject.push(...(statementOf(other) as { subject: object[] }).subject);
  assert.deepEqual(digestsOfStatement(bytes(statement)), [DIGEST, other]);
});

Deno.test("claim: a statement of in-toto 0.1 is one, too", () => {
  const statement = { ...statementOf(DIGEST), _type: "https://in-toto.io/Statement/v0.1" };
  assert.deepEqual(digestsOfStatement(bytes(statement)), [DIGEST]);
});

const PAYLOADS: [name: string, value: unknown][] = [
  ["a list", []],
  ["null", null],
  ["without anything", {}],
  ["of another type", { critical: { ...criticalOf(), type: "atomic container signature" } }],
  ["without a digest", { critical: { ...criticalOf(), image: {} } }],
  ["with a number for a digest", {
    critical: { ...criticalOf(), image: { "docker-manifest-digest": 1 } },
  }],
];

for (const [name, value] of PAYLOADS) {
  Deno.test(`claim: what is signed is no payload: ${name}`, () => {
    assert.throws(() => digestOfPayload(bytes(value)), /is not a payload of cosign/);
  });
}

const STATEMENTS: [name: string, value: unknown, why: RegExp][] = [
  ["a text", "x", /not an in-toto statement/],
  ["of another type", { ...statementOf(DIGEST), _type: "x" }, /not an in-toto statement/],
  ["without subjects", { ...statementOf(DIGEST), subject: null }, /not an in-toto statement/],
  [
    "about a scan",
    statementOf(DIGEST, "https://cosign.sigstore.dev/attestation/vuln/v1"),
    /an attesta/,
  ],
];

for (const [name, value, why] of STATEMENTS) {
  Deno.test(`claim: what is signed is no signature: a statement ${name}`, () => {
    assert.throws(() => digestsOfStatement(bytes(value)), why);
  });
}

Deno.test("claim: subjects without digests claim nothing", () => {
  const statement = {
    ...statementOf(DIGEST),
    subject: [null, {}, { digest: "x" }, { digest: [] }],
  };
  assert.deepEqual(digestsOfStatement(bytes(statement)), []);
});

function criticalOf(): Record<string, unknown> {
  return (payloadOf(DIGEST) as { critical: Record<string, unknown> }).critical;
}
