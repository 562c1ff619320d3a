import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { fulcioHandler, initializeCA, initializeCTLog } from "@sigstore/mock/dist/fulcio/index.js";
import { initializeTLog } from "@sigstore/mock/dist/rekor/index.js";
import { type KeyPair, keyPair } from "./signing.ts";

const URL = "https://sigstore.test";
/** https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
const ISSUER_OID = "1.3.6.1.4.1.57264.1.8";

type Authority = Awaited<ReturnType<typeof initializeCA>>;
type Log = Awaited<ReturnType<typeof initializeTLog>>;
type Keys = Record<"ctlogs" | "tlogs", KeyPair>;

export interface SigstoreOptions {
  /** Without a CT log its certificates have no SCT. */
  hasCtLog?: boolean;
  /** When its transparency log takes in everything; default: now. */
  logTime?: Date;
  url?: string;
}

/** A Sigstore of its own: a certificate authority, a CT log and a transparency log. */
export class TestSigstore {
  readonly #options: SigstoreOptions;
  readonly #authority: Authority;
  readonly #log: Log;
  readonly #keys: Keys;

  private constructor(
    options: SigstoreOptions,
    authority: Authority,
    log: Log,
    keys: Keys,
  ) {
    this.#options = options;
    this.#authority = authority;
    this.#log = log;
    this.#keys = keys;
  }

  static async create(options: SigstoreOptions = {}): Promise<TestSigstore> {
    const { hasCtLog = true, logTime, url = URL } = options;
    const keys = { ctlogs: keyPair(), tlogs: keyPair() };
    const ctLog = hasCtLog ? await initializeCTLog(keys.ctlogs) : undefined;
    const authority = await initializeCA(keyPair(), ctLog);
    return new TestSigstore(
      options,
      authority,
      await initializeTLog(url, keys.tlogs, logTime),
      keys,
    );
  }

  /** As `cosign trusted-root create` makes it. `others` replaces parts of it. */
  trustedRoot(others: Record<string, unknown> = {}): Record<string, unknown> {
    const validFor = { start: new Date(Date.now() - 60_000).toISOString() };
    const baseUrl = this.#options.url ?? URL;
    const logs = (name: "ctlogs" | "tlogs") => {
      const der = this.#keys[name].publicKey.export({ type: "spki", format: "der" });
      return [{
        baseUrl,
        hashAlgorithm: "SHA2_256",
        publicKey: {
          rawBytes: der.toString("base64"),
          keyDetails: "PKIX_ECDSA_P256_SHA_256",
          validFor,
        },
        logId: { keyId: hash(der).toString("base64") },
      }];
    };
    const rawBytes = base64(this.#authority.rootCertificate);
    return {
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: logs("tlogs"),
      certificateAuthorities: [{
        subject: { organization: "sigstore.mock", commonName: "sigstore" },
        uri: baseUrl,
        certChain: { certificates: [{ rawBytes }] },
        validFor,
      }],
      ctlogs: logs("ctlogs"),
      timestampAuthorities: [],
      ...others,
    };
  }

  /** A certificate in base64, valid for ten minutes from now. */
  async certify(pair: KeyPair, identity: string, issuer?: string): Promise<string> {
    return base64(
      await this.#authority.issueCertificate({
        publicKey: new Uint8Array(pair.publicKey.export({ type: "spki", format: "der" })),
        subjectAltName: identity,
        extensions: issuer === undefined ? [] : [{ oid: ISSUER_OID, value: issuer }],
      }),
    );
  }

  /** The log's entry for a DSSE envelope, as a bundle has it. */
  async logEnvelope(signature: Buffer, payload: Buffer): Promise<Record<string, unknown>> {
    const payloadHash = { algorithm: "sha256", value: hash(payload).toString("hex") };
    const signatures = [{ signature: signature.toString("base64"), verifier: "" }];
    return await this.#entry("dsse", { payloadHash, signatures });
  }

  /** The log's entry for a simple signing payload, as the annotation of cosign's older form has it. */
  async logPayload(signature: Buffer, payload: Buffer): Promise<string> {
    const { canonicalizedBody, integratedTime, logIndex, logId, inclusionPromise } = await this
      .#entry("hashedrekord", {
        data: { hash: { algorithm: "sha256", value: hash(payload).toString("hex") } },
        signature: { content: signature.toString("base64"), publicKey: { content: "" } },
        // deno-lint-ignore no-explicit-any
      }) as any;
    return JSON.stringify({
      SignedEntryTimestamp: inclusionPromise.signedEntryTimestamp,
      Payload: {
        body: canonicalizedBody,
        integratedTime: Number(integratedTime),
        logIndex: Number(logIndex),
        logID: Buffer.from(logId.keyId, "base64").toString("hex"),
      },
    });
  }

  /** Serves the parts that cosign speaks to when it signs without a key; its URL must be the option's. */
  async handle(request: Request): Promise<Response> {
    const { pathname } = new globalThis.URL(request.url);
    const body = await request.json();
    if (pathname === "/api/v1/log/entries") return await this.#answerLog(body);
    const handler = fulcioHandler(this.#authority);
    if (pathname !== handler.path) return new Response("{}", { status: 404 });
    const oidcIdentityToken = request.headers.get("Authorization")?.slice("Bearer ".length);
    const { response } = await handler.fn(
      JSON.stringify({ ...body, credentials: { oidcIdentityToken } }),
    );
    return new Response(String(response), { headers: { "Content-Type": "application/json" } });
  }

  async #answerLog(
    // deno-lint-ignore no-explicit-any
    proposed: any,
  ): Promise<Response> {
    const { kind, spec } = proposed;
    const envelope = JSON.parse(spec.proposedContent?.envelope ?? "{}");
    const entry = await this.#log.log(
      kind !== "dsse" ? proposed : {
        apiVersion: "0.0.1",
        kind,
        spec: {
          envelopeHash: {
            algorithm: "sha256",
            value: hash(Buffer.from(spec.proposedContent.envelope)).toString("hex"),
          },
          payloadHash: {
            algorithm: "sha256",
            value: hash(Buffer.from(envelope.payload, "base64")).toString("hex"),
          },
          signatures: [{
            signature: envelope.signatures[0].sig,
            verifier: spec.proposedContent.verifiers[0],
          }],
        },
      },
    );
    const [id] = Object.keys(entry);
    const headers = { ETag: id, Location: `/api/v1/log/entries/${id}` };
    return Response.json(entry, { status: 201, headers });
  }

  async #entry(kind: string, spec: object): Promise<Record<string, unknown>> {
    const logged = await this.#log.log({ kind, apiVersion: "0.0.1", spec });
    // deno-lint-ignore no-explicit-any
    const { body, integratedTime, logID, logIndex, verification } = Object.values(logged)[0] as any;
    const { signedEntryTimestamp, inclusionProof } = verification;
    return {
      logIndex: String(logIndex),
      logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
      kindVersion: { kind, version: "0.0.1" },
      integratedTime: String(integratedTime),
      inclusionPromise: { signedEntryTimestamp },
      inclusionProof: {
        ...inclusionProof,
        logIndex: String(inclusionProof.logIndex),
        treeSize: String(inclusionProof.treeSize),
        rootHash: Buffer.from(inclusionProof.rootHash, "hex").toString("base64"),
        checkpoint: { envelope: inclusionProof.checkpoint },
      },
      canonicalizedBody: body,
    };
  }
}

function hash(bytes: Uint8Array): Buffer {
  return crypto.createHash("sha256").update(bytes).digest();
}

function base64(view: ArrayBufferView<ArrayBuffer>): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64");
}
