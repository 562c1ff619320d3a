import { asObject, parseObject } from "../json.ts";

// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const SIMPLE_SIGNING_TYPE = "cosign container image signature";
/** Other statements say something about a ModelKit, and that may be that it failed a scan. */
export const SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
const STATEMENT_TYPE_REGEXP = /^https:\/\/in-toto\.io\/Statement\/v(0\.1|1)$/;

/**
 * The digest that a simple signing payload is about. The name of a repository in it is not looked at, nor does cosign:
 * a digest is the same everywhere.
 *
 * @throws {Error} where it is no such payload
 */
export function digestOfPayload(payload: Uint8Array): string {
  const critical = asObject(objectOf(payload)?.critical);
  const digest = asObject(critical?.image)?.["docker-manifest-digest"];
  if (critical?.type !== SIMPLE_SIGNING_TYPE || typeof digest !== "string") {
    throw new Error("what is signed is not a payload of cosign");
  }
  return digest;
}

/**
 * The digests that an in-toto statement is about.
 *
 * @throws {Error} where it is no statement, or none by which cosign signs
 */
export function digestsOfStatement(payload: Uint8Array): string[] {
  const { _type, predicateType, subject } = objectOf(payload) ?? {};
  if (!STATEMENT_TYPE_REGEXP.test(String(_type)) || !Array.isArray(subject)) {
    throw new Error("what is signed is not an in-toto statement");
  }
  if (predicateType !== SIGNATURE_PREDICATE) {
    throw new Error("it is an attestation, and not a signature");
  }
  return subject.flatMap((item) =>
    Object.entries(asObject(asObject(item)?.digest) ?? {}).map(([name, hex]) => `${name}:${hex}`)
  );
}

function objectOf(bytes: Uint8Array): Record<string, unknown> | undefined {
  return parseObject(new TextDecoder().decode(bytes));
}
