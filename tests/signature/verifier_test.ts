import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import crypto from "node:crypto";
import { Failure } from "../../lib/errors.ts";
import type { Evidence } from "../../lib/signature/candidate.ts";
import type { Requirement } from "../../lib/signature/requirement.ts";
import { SignatureVerifier } from "../../lib/signature/verifier.ts";
import {
  bundleOf,
  type KeyPair,
  keyPair,
  pemOf,
  signWith,
  statementOf,
} from "../support/signing.ts";
import { type SigstoreOptions, TestSigstore } from "../support/sigstore.ts";

const MANIFEST = Buffer.from('{"schemaVersion":2}');
const DIGEST = `sha256:${crypto.createHash("sha256").update(MANIFEST).digest("hex")}`;
const OTHER = `sha256:${"ab".repeat(32)}`;
const MESSAGE = { bytes: MANIFEST, digest: DIGEST };
const IDENTITY = "https://ci.test/build";
const ISSUER = "https://issuer.test";
const SIGNER = { identity: IDENTITY, issuer: ISSUER };

function verifierOf(requirement: Partial<Requirement>): SignatureVerifier {
  return new SignatureVerifier({ keys: [], fingerprint: "", ...requirement });
}

/** Bundles are JSON, and what a test changes in one may be anywhere. */
// deno-lint-ignore no-explicit-any
type Json = any;

async function signed(pair: KeyPair, hash?: string, digest = DIGEST): Promise<Evidence> {
  const bundle = await bundleOf(statementOf(digest), { sign: signWith(pair, hash) });
  return { bundle, message: MESSAGE };
}

const PAIRS: [name: string, pair: KeyPair, hashes: string[]][] = [
  ["ECDSA P-256", keyPair(), ["sha256", "sha384", "sha512"]],
  ["ECDSA P-384", keyPair("secp384r1"), ["sha256", "sha384"]],
  ["ECDSA P-521", keyPair("secp521r1"), ["sha512"]],
  [
    "RSA 2048",
    crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ["sha256", "sha384", "sha512"],
  ],
  ["Ed25519", crypto.generateKeyPairSync("ed25519"), ["", "sha512"]],
];

for (const [name, pair, hashes] of PAIRS) {
  for (const hash of hashes) {
    Deno.test(`signature verifier: ${name} ${hash}`, async () => {
      const keys = [pemOf(keyPair()), pemOf(pair)];
      const who = verifierOf({ keys }).verify(await signed(pair, hash), [OTHER, DIGEST]);
      const der = pair.publicKey.export({ type: "spki", format: "der" });
      assert.equal(
        who,
        `the key with SHA-256 ${crypto.createHash("sha256").update(der).digest("hex")}`,
      );
    });
  }

  Deno.test(`signature verifier: ${name}, of another pair`, async () => {
    const evidence = await signed(pair, hashes[0]);
    for (const [, other] of PAIRS.filter(([, other]) => other !== pair)) {
      assert.throws(
        () => verifierOf({ keys: [pemOf(other)] }).verify(evidence, [DIGEST]),
        /^Error: it was not made with the key of KIT_COSIGN_KEY$/,
      );
    }
  });
}

Deno.test("signature verifier: an RSA key in its own form of PEM", async () => {
  const [, pair] = PAIRS[3];
  const pem = pair.publicKey.export({ type: "pkcs1", format: "pem" }).toString();
  assert.match(pem, /BEGIN RSA PUBLIC KEY/);
  assert.ok(verifierOf({ keys: [pem] }).verify(await signed(pair), [DIGEST]));
});

Deno.test("signature verifier: a bundle that signs the manifest itself", async () => {
  const pair = keyPair();
  const evidence = await signed(pair) as Json;
  delete evidence.bundle.dsseEnvelope;
  evidence.bundle.messageSignature = {
    messageDigest: {
      algorithm: "SHA2_256",
      digest: Buffer.from(DIGEST.slice(7), "hex").toString("base64"),
    },
    signature: signWith(pair)(MANIFEST).toString("base64"),
  };
  const verifier = verifierOf({ keys: [pemOf(pair)] });
  assert.ok(verifier.verify(evidence, [DIGEST]));
  assert.throws(() => verifier.verify(evidence, [OTHER]), /^Error: it is for sha256:/);
  evidence.message = { ...MESSAGE, bytes: Buffer.from("{}") };
  assert.throws(() => verifier.verify(evidence, [DIGEST]), /it was not made with the key/);
});

const KEY_FAULTS: [name: string, change: (bundle: Json) => void, says: RegExp][] = [
  ["another statement under the signature", ({ dsseEnvelope }) => {
    dsseEnvelope.payload = Buffer.from(JSON.stringify({ ...statementOf(DIGEST), predicate: 1 }))
      .toString("base64");
  }, /it was not made with the key/],
  ["another type of what is signed", ({ dsseEnvelope }) => {
    dsseEnvelope.payloadType = "text/plain";
  }, /is not an in-toto statement/],
  ["another digest", ({ dsseEnvelope }) => {
    dsseEnvelope.payload = Buffer.from(JSON.stringify(statementOf(OTHER))).toString("base64");
  }, /^Error: it is for sha256:abab/],
  ["an attestation in place of a signature", ({ dsseEnvelope }) => {
    dsseEnvelope.payload = Buffer.from(JSON.stringify(statementOf(DIGEST, "x"))).toString("base64");
  }, /it is an attestation, and not a signature/],
  ["a changed signature", ({ dsseEnvelope: { signatures } }) => {
    signatures[0].sig = Buffer.from(signatures[0].sig, "base64").fill(7, 20, 24).toString("base64");
  }, /it was not made with the key/],
  ["no signature", ({ dsseEnvelope }) => dsseEnvelope.signatures = [], /invalid bundle/],
  ["two signatures", ({ dsseEnvelope: { signatures } }) => {
    signatures.push(signatures[0]);
  }, /invalid bundle/],
  ["no material", (bundle) => delete bundle.verificationMaterial, /invalid bundle/],
  ["another version", (bundle) => bundle.mediaType = "text/plain", /invalid bundle/],
];

for (const [name, change, says] of KEY_FAULTS) {
  Deno.test(`signature verifier: a bundle with ${name} does not count`, async () => {
    const pair = keyPair();
    const evidence = await signed(pair);
    change(evidence.bundle);
    assert.throws(() => verifierOf({ keys: [pemOf(pair)] }).verify(evidence, [DIGEST]), says);
  });
}

for (const garbage of [{}, { mediaType: 1 }, { dsseEnvelope: "x" }, { verificationMaterial: [] }]) {
  Deno.test(`signature verifier: garbage ${JSON.stringify(garbage)} does not count`, () => {
    const verifier = verifierOf({ keys: [pemOf(keyPair())] });
    assert.throws(() => verifier.verify({ bundle: garbage, message: MESSAGE }, [DIGEST]));
  });
}

Deno.test("signature verifier: with a trusted root a key's signature must be in the log", async () => {
  const pair = keyPair();
  const sigstore = await TestSigstore.create();
  const verifier = verifierOf({ keys: [pemOf(pair)], trustedRoot: sigstore.trustedRoot() });
  const unlogged = await signed(pair);
  assert.throws(() => verifier.verify(unlogged, [DIGEST]), /expected 1 tlog entries, got 0/);
  const bundle = await bundleOf(statementOf(DIGEST), {
    sign: signWith(pair),
    material: async (signature, payload) => ({
      publicKey: { hint: "" },
      tlogEntries: [await sigstore.logEnvelope(signature, payload)],
    }),
  });
  assert.ok(verifier.verify({ bundle, message: MESSAGE }, [DIGEST]));
});

for (const root of [{ tlogs: [{}] }, { certificateAuthorities: 1 }, {}]) {
  Deno.test(`signature verifier: a trusted root ${JSON.stringify(root)} is a mistake`, () => {
    assert.throws(
      () => verifierOf({ signer: SIGNER, trustedRoot: root }),
      /^Failure: Cannot use KIT_COSIGN_TRUSTED_ROOT: /,
    );
  });
}

Deno.test("signature verifier: a key that is none is a mistake", () => {
  const pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----";
  assert.throws(() => verifierOf({ keys: [pem] }), (error) => {
    assert.ok(error instanceof Failure);
    assert.match(error.message, /^Cannot use KIT_COSIGN_KEY: /);
    assert.equal(error.hint, "Correct KIT_COSIGN_KEY, or the file that it names");
    return true;
  });
});

interface Keyless {
  identity?: string;
  issuer?: string;
  digest?: string;
  sigstore?: SigstoreOptions;
  /** Changes the bundle, where the other Sigstore has the same identities. */
  change?(bundle: Json, other: TestSigstore): void | Promise<void>;
  /** Of the root that is trusted. */
  root?(other: TestSigstore): Record<string, unknown>;
}

async function keyless({ identity = IDENTITY, digest = DIGEST, ...options }: Keyless) {
  const sigstore = await TestSigstore.create(options.sigstore);
  const other = await TestSigstore.create();
  const pair = keyPair();
  const issuer = "issuer" in options ? options.issuer : ISSUER;
  const rawBytes = await sigstore.certify(pair, identity, issuer);
  const bundle = await bundleOf(statementOf(digest), {
    sign: signWith(pair),
    material: async (signature, payload) => ({
      certificate: { rawBytes },
      tlogEntries: [await sigstore.logEnvelope(signature, payload)],
    }),
  });
  await options.change?.(bundle, other);
  const trustedRoot = sigstore.trustedRoot(options.root?.(other));
  return { evidence: { bundle, message: MESSAGE }, trustedRoot };
}

Deno.test("signature verifier: without a key, by a certificate", async () => {
  const { evidence, trustedRoot } = await keyless({});
  const verifier = verifierOf({ signer: SIGNER, trustedRoot });
  assert.equal(verifier.verify(evidence, [DIGEST]), `"${IDENTITY}" of "${ISSUER}"`);
});

Deno.test("signature verifier: without a key, by an expression", async () => {
  const { evidence, trustedRoot } = await keyless({});
  const signer = { identity: "/https://ci\\.test/.+/", issuer: "/https://.*/" };
  assert.ok(verifierOf({ signer, trustedRoot }).verify(evidence, [DIGEST]));
});

Deno.test("signature verifier: without a trusted root Sigstore's public one counts", async () => {
  const { evidence } = await keyless({});
  assert.throws(
    () => verifierOf({ signer: SIGNER }).verify(evidence, [DIGEST]),
    /Failed to verify certificate chain/,
  );
});

const firstEntry = (bundle: Json): Json => bundle.verificationMaterial.tlogEntries[0];
const HOUR = 60 * 60 * 1000;

const KEYLESS_FAULTS: [name: string, keyless: Keyless, says: RegExp][] = [
  [
    "of another identity",
    { identity: "https://ci.test/other" },
    /by "https:\/\/ci\.test\/other" of/,
  ],
  ["of an identity that begins alike", { identity: `${IDENTITY}/x` }, /it was made by/],
  ["of another issuer", { issuer: "https://other.test" }, /of "https:\/\/other\.test"$/],
  ["without an issuer", { issuer: undefined }, /its certificate names nobody/],
  ["of another digest", { digest: OTHER }, /^Error: it is for sha256:abab/],
  [
    "of a certificate that had expired",
    { sigstore: { logTime: new Date(Date.now() + HOUR) } },
    /Failed to verify certificate chain/,
  ],
  [
    "of a certificate that was not valid yet",
    { sigstore: { logTime: new Date(Date.now() - 30_000) } },
    /Failed to verify certificate chain/,
  ],
  ["without an SCT", { sigstore: { hasCtLog: false } }, /expected 1 SCTs, got 0/],
  [
    "of another authority",
    { root: (other) => ({ certificateAuthorities: other.trustedRoot().certificateAuthorities }) },
    /Failed to verify certificate chain/,
  ],
  [
    "of another CT log",
    { root: (other) => ({ ctlogs: other.trustedRoot().ctlogs }) },
    /SCT verification failed/,
  ],
  [
    "of another transparency log",
    { root: (other) => ({ tlogs: other.trustedRoot().tlogs }) },
    /inclusion promise could not be verified/,
  ],
  [
    "without an entry in the log",
    { change: (bundle) => bundle.verificationMaterial.tlogEntries = [] },
    /expected 1 timestamps, got 0/,
  ],
  ["with another signature's entry", {
    change: async (bundle) => {
      const pair = keyPair();
      const payload = Buffer.from(bundle.dsseEnvelope.payload, "base64");
      bundle.dsseEnvelope.signatures[0].sig = signWith(pair)(payload).toString("base64");
      await Promise.resolve();
    },
  }, /tlog entry signature mismatch/],
  ["with a time that the log did not promise", {
    change: (bundle) =>
      firstEntry(bundle).integratedTime = String(Math.floor(Date.now() / 1000) + 9),
  }, /inclusion promise could not be verified/],
  ["with an entry without a promise", {
    change: (bundle) => delete firstEntry(bundle).inclusionPromise,
  }, /expected 1 timestamps, got 0/],
  ["with a proof for another entry", {
    change: (bundle) => {
      firstEntry(bundle).inclusionProof.checkpoint.envelope = firstEntry(bundle).inclusionProof
        .checkpoint.envelope.replace(/\n[A-Za-z0-9+/=]{44}\n/, `\n${btoa("x".repeat(32))}\n`);
    },
  }, /invalid checkpoint signature/],
  ["with another certificate", {
    change: async (bundle, other) => {
      bundle.verificationMaterial.certificate.rawBytes = await other.certify(
        keyPair(),
        IDENTITY,
        ISSUER,
      );
    },
  }, /Failed to verify certificate chain/],
  ["with garbage for a certificate", {
    change: (bundle) => bundle.verificationMaterial.certificate.rawBytes = "AAAA",
  }, /./],
  ["made with a key", {
    change: (bundle) => {
      bundle.verificationMaterial = { publicKey: { hint: "" }, tlogEntries: [] };
    },
  }, /it was made with a key, without a certificate/],
];

for (const [name, options, says] of KEYLESS_FAULTS) {
  Deno.test(`signature verifier: without a key, ${name} it does not count`, async () => {
    const { evidence, trustedRoot } = await keyless(options);
    const verifier = verifierOf({ signer: SIGNER, trustedRoot });
    assert.throws(() => verifier.verify(evidence, [DIGEST]), says);
  });
}
