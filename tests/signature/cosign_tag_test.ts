import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { findTagged } from "../../lib/signature/cosign_tag.ts";
import { SignatureVerifier } from "../../lib/signature/verifier.ts";
import { failureOf } from "../support/failure.ts";
import { evidenceOf, keyPair, payloadOf, pemOf, signWith, taggedOf } from "../support/signing.ts";
import { TestSigstore } from "../support/sigstore.ts";
import { Store } from "./store.ts";

const SIGNER = { identity: "https://ci.test/build", issuer: "https://issuer.test" };

Deno.test("cosign tag: a signature by a key", async () => {
  await using store = new Store();
  const [pair, subject] = [keyPair(), await store.subject("key")];
  await store.tagSignatures(subject, [taggedOf(payloadOf(subject.digest), signWith(pair))]);
  const candidates = await findTagged(store.registries, store.repository, subject);
  assert.equal(
    candidates[0].name,
    `signature 1 of the tag ${subject.digest.replace(":", "-")}.sig`,
  );
  const evidence = await evidenceOf(Promise.resolve(candidates));
  const verifier = (key = pair) => new SignatureVerifier({ keys: [pemOf(key)], fingerprint: "" });
  assert.ok(verifier().verify(evidence, [subject.digest]));
  assert.throws(
    () => verifier(keyPair()).verify(evidence, [subject.digest]),
    /not made with the key/,
  );
  assert.throws(() => verifier().verify(evidence, ["sha256:00"]), /^Error: it is for sha256:/);
});

Deno.test("cosign tag: a payload that was changed after it was signed", async () => {
  await using store = new Store();
  const [pair, subject] = [keyPair(), await store.subject("changed")];
  const { layer } = taggedOf(payloadOf(`sha256:${"00".repeat(32)}`), signWith(pair));
  const changed = taggedOf(payloadOf(subject.digest), signWith(pair), layer.annotations);
  await store.tagSignatures(subject, [changed]);
  const evidence = await evidenceOf(findTagged(store.registries, store.repository, subject));
  const verifier = new SignatureVerifier({ keys: [pemOf(pair)], fingerprint: "" });
  assert.throws(() => verifier.verify(evidence, [subject.digest]), /not made with the key/);
});

/** Signs in cosign's older form without a key. `change` is for the annotations. */
async function keyless(
  store: Store,
  change: (annotations: Record<string, string>) => void = () => {},
) {
  const [pair, subject] = [keyPair(), await store.subject("keyless")];
  const sigstore = await TestSigstore.create();
  const certificate = await sigstore.certify(pair, SIGNER.identity, SIGNER.issuer);
  const { layer, bytes } = taggedOf(payloadOf(subject.digest), signWith(pair));
  const signature = Buffer.from(layer.annotations["dev.cosignproject.cosign/signature"], "base64");
  Object.assign(layer.annotations, {
    "dev.sigstore.cosign/certificate":
      `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`,
    "dev.sigstore.cosign/bundle": await sigstore.logPayload(signature, bytes),
  });
  change(layer.annotations);
  await store.tagSignatures(subject, [{ layer, bytes }]);
  const trustedRoot = sigstore.trustedRoot();
  const verifier = new SignatureVerifier({
    keys: [],
    signer: SIGNER,
    trustedRoot,
    fingerprint: "",
  });
  return async () => {
    const evidence = await evidenceOf(findTagged(store.registries, store.repository, subject));
    return verifier.verify(evidence, [subject.digest]);
  };
}

Deno.test("cosign tag: a signature without a key, with its entry in the log", async () => {
  await using store = new Store();
  assert.equal(await (await keyless(store))(), '"https://ci.test/build" of "https://issuer.test"');
});

const FAULTS: [
  name: string,
  change: (annotations: Record<string, string>) => void,
  says: RegExp,
][] = [
  ["no signature", (all) => {
    delete all["dev.cosignproject.cosign/signature"];
  }, /has no signature/],
  ["no certificate", (all) => {
    delete all["dev.sigstore.cosign/certificate"];
  }, /made with a key, without a certificate/],
  ["no PEM", (all) => all["dev.sigstore.cosign/certificate"] = "x", /is not PEM/],
  ["no entry in the log", (all) => {
    delete all["dev.sigstore.cosign/bundle"];
  }, /expected 1 timestamps, got 0/],
  ["garbage for an entry", (all) => all["dev.sigstore.cosign/bundle"] = "x", /./],
  ["a later time in its entry", (all) => {
    const entry = JSON.parse(all["dev.sigstore.cosign/bundle"]);
    entry.Payload.integratedTime++;
    all["dev.sigstore.cosign/bundle"] = JSON.stringify(entry);
  }, /inclusion promise could not be verified/],
  ["garbage for a timestamp", (all) => {
    all["dev.sigstore.cosign/rfc3161timestamp"] = '{"SignedRFC3161Timestamp":"AAAA"}';
  }, /./],
];

for (const [name, change, says] of FAULTS) {
  Deno.test(`cosign tag: a signature with ${name} does not count`, async () => {
    await using store = new Store();
    await assert.rejects(await keyless(store, change), says);
  });
}

Deno.test("cosign tag: a layer of another kind is not read", async () => {
  await using store = new Store();
  const subject = await store.subject("other");
  const { layer, bytes } = taggedOf(payloadOf(subject.digest), signWith(keyPair()));
  await store.tagSignatures(subject, [{ layer: { ...layer, mediaType: "text/plain" }, bytes }]);
  const before = store.network.visits.length;
  await assert.rejects(
    evidenceOf(findTagged(store.registries, store.repository, subject)),
    /it is not a payload of cosign/,
  );
  assert.equal(store.network.visits.length, before + 1);
});

Deno.test("cosign tag: a payload without an end is not read", async () => {
  await using store = new Store();
  const subject = await store.subject("large");
  const payload = { ...payloadOf(subject.digest), optional: "x".repeat(1024 * 1024) };
  await store.tagSignatures(subject, [taggedOf(payload, signWith(keyPair()))]);
  const failure = await failureOf(() =>
    evidenceOf(findTagged(store.registries, store.repository, subject))
  );
  assert.match(
    failure.message,
    /^Cannot read a signature: it has \d+ bytes, and may have 1048576$/,
  );
});

Deno.test("cosign tag: without the tag it is not found", async () => {
  await using store = new Store();
  const subject = await store.subject("none");
  const failure = await failureOf(() => findTagged(store.registries, store.repository, subject));
  assert.equal(failure.outcome, "not found");
});
