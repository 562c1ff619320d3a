import { asObject, parseObject } from "../json.ts";
import type { Descriptor, Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";
import { type Candidate, type Evidence, MAX_SIGNATURE_BYTES } from "./candidate.ts";
import { digestOfPayload } from "./claim.ts";

// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
const PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE = "dev.cosignproject.cosign/signature";
const CERTIFICATE = "dev.sigstore.cosign/certificate";
const LOG_ENTRY = "dev.sigstore.cosign/bundle";
const TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp";

/** The signatures under the tag `sha256-….sig`, where cosign kept them before version 3: a layer for each. */
export async function findTagged(
  registries: Registries,
  { host, repository }: { host: string; repository: string },
  { digest }: Manifest,
): Promise<Candidate[]> {
  const tag = `${digest.replace(":", "-")}.sig`;
  const { layers } = await registries.manifest(host, repository, tag);
  return layers.map((layer, index) => ({
    name: `signature ${index + 1} of the tag ${tag}`,
    read: async (): Promise<Evidence> => {
      if (layer.mediaType !== PAYLOAD_TYPE) throw new Error("it is not a payload of cosign");
      const limit = { what: "a signature", maxBytes: MAX_SIGNATURE_BYTES };
      const bytes = await registries.document({ host, repository }, layer.digest, limit);
      const message = { bytes, digest: digestOfPayload(bytes) };
      return { bundle: bundleOf(layer), message };
    },
  }));
}

/** The annotations in the form that everything is verified in. */
function bundleOf({ digest, annotations }: Descriptor): unknown {
  const { [SIGNATURE]: signature, [CERTIFICATE]: certificate } = annotations;
  if (signature === undefined) throw new Error("its manifest has no signature");
  const [algorithm, hex] = digest.split(":");
  const timestamp = parseObject(annotations[TIMESTAMP] ?? "")?.SignedRFC3161Timestamp;
  const key = certificate === undefined
    ? { publicKey: { hint: "" } }
    : { x509CertificateChain: { certificates: [{ rawBytes: derOf(certificate) }] } };
  return {
    mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1",
    verificationMaterial: {
      ...key,
      tlogEntries: logEntriesOf(annotations[LOG_ENTRY]),
      timestampVerificationData: {
        rfc3161Timestamps: timestamp === undefined ? [] : [{ signedTimestamp: timestamp }],
      },
    },
    messageSignature: {
      messageDigest: {
        algorithm: `SHA2_${algorithm.slice("sha".length)}`,
        digest: Uint8Array.fromHex(hex).toBase64(),
      },
      signature,
    },
  };
}

function logEntriesOf(annotation: string | undefined): unknown[] {
  if (annotation === undefined) return [];
  const { SignedEntryTimestamp, Payload } = parseObject(annotation) ?? {};
  const { body, integratedTime, logIndex, logID } = asObject(Payload) ?? {};
  const { kind, apiVersion } = parseObject(atob(String(body))) ?? {};
  return [{
    logIndex: String(logIndex),
    logId: { keyId: Uint8Array.fromHex(String(logID)).toBase64() },
    kindVersion: { kind, version: apiVersion },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
    canonicalizedBody: body,
  }];
}

/** The first certificate of a PEM text, in base64. */
function derOf(pem: string): string {
  const body = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)?.[1];
  if (body === undefined) throw new Error("its certificate is not PEM");
  return body.replaceAll(/\s/g, "");
}
