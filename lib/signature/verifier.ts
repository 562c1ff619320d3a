import { Buffer } from "node:buffer";
import crypto, { type KeyObject } from "node:crypto";
import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import seeds from "@sigstore/tuf/seeds.json" with { type: "json" };
import { type SignedEntity, toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { Failure, messageOf } from "../errors.ts";
import type { Evidence } from "./candidate.ts";
import { digestsOfStatement } from "./claim.ts";
import type { Requirement } from "./requirement.ts";
import { matcherOf } from "./settings.ts";

type SignatureContent = SignedEntity["signature"];

const STATEMENT_TYPE = "application/vnd.in-toto+json";
/** By key and tool it is one or another: cosign takes SHA-256 for all keys, or what fits the curve. */
const HASHES = ["sha256", "sha384", "sha512"];
/** What a trusted root must name; for keys the first is enough. */
const LOGS = ["tlogs", "ctlogs", "certificateAuthorities"] as const;

/** With Node an absent algorithm stands for the key's usual one, which Sigstore's packages rely on; with Deno for none. */
const { verify } = crypto;
crypto.verify = ((algorithm, data, key, signature) => {
  const { asymmetricKeyType } = key as KeyObject;
  const usual = asymmetricKeyType === "ed25519" ? undefined : "sha256";
  return verify(algorithm ?? usual, data, key, signature);
}) as typeof crypto.verify;

/** Decides whether a signature counts. */
export class SignatureVerifier {
  readonly #requirement: Requirement;
  readonly #keys: KeyObject[];
  readonly #root: TrustedRoot;

  /** @throws {Failure} `usage` where a key or the trusted root cannot be read */
  constructor(requirement: Requirement) {
    this.#requirement = requirement;
    this.#keys = requirement.keys.map((pem) =>
      reading("KIT_COSIGN_KEY", () => crypto.createPublicKey(pem))
    );
    this.#root = reading("KIT_COSIGN_TRUSTED_ROOT", () => {
      const root = TrustedRoot.fromJSON(requirement.trustedRoot ?? publicRoot());
      toTrustMaterial(root);
      const needed = requirement.signer === undefined ? LOGS.slice(0, 1) : LOGS;
      const missing = needed.find((name) => root[name].length === 0);
      if (missing !== undefined) throw new Error(`it has no ${missing}`);
      return root;
    });
  }

  /**
   * Verifies a signature of one of these digests.
   *
   * @returns who made it
   * @throws {Error} that says why it does not count; garbage may bring any other error
   */
  verify({ bundle: json, message }: Evidence, digests: string[]): string {
    const bundle = bundleFromJSON(json);
    const { claims, content } = contentOf(bundle, message);
    if (!claims.some((digest) => digests.includes(digest))) {
      throw new Error(`it is for ${claims.join(", ") || "no digest"}`);
    }
    const entity = { ...toSignedEntity(bundle, Buffer.from(message.bytes)), signature: content };
    return this.#requirement.signer === undefined
      ? this.#verifyKey(entity)
      : this.#verifyCertificate(entity);
  }

  /** The key vouches by itself; with a trusted root the signature must be in its log, too. */
  #verifyKey(entity: SignedEntity): string {
    const hasLog = this.#requirement.trustedRoot !== undefined;
    const key = this.#keys.find((key) => entity.signature.verifySignature(key));
    if (key === undefined) throw new Error("it was not made with the key of KIT_COSIGN_KEY");
    const trust = toTrustMaterial(this.#root, () => ({ publicKey: key, validFor: () => true }));
    new Verifier(trust, { tlogThreshold: hasLog ? 1 : 0, timestampThreshold: 0 }).verify({
      ...entity,
      key: { $case: "public-key", hint: "" },
      tlogEntries: hasLog ? entity.tlogEntries : [],
      timestamps: [],
    });
    const der = key.export({ type: "spki", format: "der" });
    return `the key with SHA-256 ${crypto.createHash("sha256").update(der).digest("hex")}`;
  }

  /** Fulcio's certificates live for minutes: what counts is that a log or a timestamp saw the signature then. */
  #verifyCertificate(entity: SignedEntity): string {
    if (entity.key.$case !== "certificate") {
      throw new Error("it was made with a key, without a certificate");
    }
    const limits = { ctlogThreshold: 1, tlogThreshold: 1, timestampThreshold: 1 };
    const signer = new Verifier(toTrustMaterial(this.#root), limits).verify(entity);
    const { subjectAlternativeName: identity, extensions } = signer.identity ?? {};
    const { issuer } = extensions ?? {};
    const wanted = this.#requirement.signer!;
    // An expression may match a text that is empty, too.
    if (!identity || !issuer) throw new Error("its certificate names nobody");
    if (!matcherOf(wanted.identity)(identity) || !matcherOf(wanted.issuer)(issuer)) {
      throw new Error(`it was made by "${identity}" of "${issuer}"`);
    }
    return `"${identity}" of "${issuer}"`;
  }
}

/** What a bundle's signature is of, and the digests that this speaks of. */
function contentOf(
  { content }: Bundle,
  message: Evidence["message"],
): { claims: string[]; content: SignatureContent } {
  if (content.$case === "messageSignature") {
    const bytes = Buffer.from(message.bytes);
    const { signature } = content.messageSignature;
    return { claims: [message.digest], content: new SignedBytes(bytes, signature, bytes) };
  }
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  if (payloadType !== STATEMENT_TYPE) throw new Error("what is signed is not an in-toto statement");
  // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  const bytes = Buffer.concat([Buffer.from(head), payload]);
  return {
    claims: digestsOfStatement(payload),
    content: new SignedBytes(bytes, signatures[0].sig, payload),
  };
}

/** A signature and what it is of: like the package's own, but for any of the hashes that cosign takes. */
class SignedBytes implements SignatureContent {
  readonly #bytes: Buffer;
  readonly signature: Buffer;
  readonly #payload: Buffer;

  constructor(bytes: Buffer, signature: Buffer, payload: Buffer) {
    this.#bytes = bytes;
    this.signature = signature;
    this.#payload = payload;
  }

  compareSignature(signature: Buffer): boolean {
    return this.signature.equals(signature);
  }

  compareDigest(digest: Buffer): boolean {
    return isDigestOf(digest, this.#payload);
  }

  compareSignedDigest(digest: Buffer): boolean {
    return isDigestOf(digest, this.#bytes);
  }

  verifySignature(key: KeyObject): boolean {
    // With a hash Deno takes Ed25519 for Ed25519ph, and Sigstore's clients sign in both ways:
    // https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md
    const hashes = key.asymmetricKeyType === "ed25519" ? [undefined, "sha512"] : HASHES;
    return hashes.some((hash) => {
      try {
        return verify(hash, this.#bytes, key, this.signature);
      } catch {
        // Too short a hash for the curve.
        return false;
      }
    });
  }
}

function isDigestOf(digest: Buffer, bytes: Buffer): boolean {
  return HASHES.some((hash) => crypto.createHash(hash).update(bytes).digest().equals(digest));
}

/** Sigstore's public instance, as it was when the package was made. */
function publicRoot(): unknown {
  const { targets } = seeds["https://tuf-repo-cdn.sigstore.dev"];
  return JSON.parse(atob(targets["trusted_root.json"]));
}

function reading<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Failure("usage", `Cannot use ${name}: ${messageOf(error)}`, {
      hint: `Correct ${name}, or the file that it names`,
      cause: error,
    });
  }
}
