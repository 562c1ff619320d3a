// Signatures in the forms in which cosign 3 stores them, made without it: cosign itself takes minutes to build.
import { Buffer } from "node:buffer";
import crypto, { type KeyObject } from "node:crypto";
import type { Candidate, Evidence } from "../../lib/signature/candidate.ts";
import { sha256 } from "./fake_blob.ts";

export const SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
const STATEMENT_TYPE = "application/vnd.in-toto+json";

export type KeyPair = { privateKey: KeyObject; publicKey: KeyObject };

/** A pair for signing; the curves are OpenSSL's names. */
export function keyPair(curve = "prime256v1"): KeyPair {
  return crypto.generateKeyPairSync("ec", { namedCurve: curve });
}

export function pemOf({ publicKey }: KeyPair): string {
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

/** Signs as cosign does. Without a hash Ed25519 is meant, and with "sha512" Ed25519ph, for a key of that kind. */
export function signWith({ privateKey }: KeyPair, hash = "sha256"): (bytes: Buffer) => Buffer {
  return (bytes) => crypto.sign(hash === "" ? undefined : hash, bytes, privateKey);
}

/** What cosign 3 signs. */
export function statementOf(digest: string, predicateType = SIGNATURE_PREDICATE): object {
  const [algorithm, hex] = digest.split(":");
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { [algorithm]: hex }, annotations: {} }],
    predicateType,
    predicate: {},
  };
}

/** What cosign signed before. */
export function payloadOf(digest: string, reference = "registry.test/org/model"): object {
  return {
    critical: {
      identity: { "docker-reference": reference },
      image: { "docker-manifest-digest": digest },
      type: "cosign container image signature",
    },
    optional: null,
  };
}

/** The bytes that a DSSE envelope's signature is of. */
export function envelopeBytes(payload: Buffer, type = STATEMENT_TYPE): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
}

export interface BundleOptions {
  sign(bytes: Buffer): Buffer;
  /** Key or certificate, and log entries: absent, a key without a name. */
  material?(signature: Buffer, payload: Buffer): Promise<object> | object;
}

/** A bundle of cosign 3. */
export async function bundleOf(statement: object, options: BundleOptions): Promise<object> {
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = options.sign(envelopeBytes(payload));
  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: await options.material?.(signature, payload) ?? keyMaterial(),
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType: STATEMENT_TYPE,
      signatures: [{ sig: signature.toString("base64") }],
    },
  };
}

export function keyMaterial(): object {
  return { publicKey: { hint: "a hint" }, tlogEntries: [] };
}

/** The layer that stands for a signature of cosign's older form, and the payload that is its blob. */
export function taggedOf(
  payload: object,
  sign: (bytes: Buffer) => Buffer,
  annotations: Record<string, string> = {},
) {
  const bytes = Buffer.from(JSON.stringify(payload));
  const layer = {
    mediaType: PAYLOAD_TYPE,
    size: bytes.length,
    digest: sha256(bytes),
    annotations: {
      "dev.cosignproject.cosign/signature": sign(bytes).toString("base64"),
      ...annotations,
    },
  };
  return { layer, bytes };
}

/** What is in a candidate, where it is the only one. */
export async function evidenceOf(candidates: Promise<Candidate[]>): Promise<Evidence> {
  const [candidate, ...others] = await candidates;
  if (candidate === undefined || others.length > 0) throw new Error("there must be one candidate");
  return await candidate.read();
}
