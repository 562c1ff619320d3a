import assert from "node:assert/strict";
import { Signatures } from "../../lib/signature/mod.ts";
import { failureOf } from "../support/failure.ts";
import {
  bundleOf,
  type KeyPair,
  keyPair,
  payloadOf,
  pemOf,
  signWith,
  statementOf,
  taggedOf,
} from "../support/signing.ts";
import { Store } from "./store.ts";

const PAIR = keyPair();
const STRANGER = keyPair();

function signaturesOf(store: Store, more: object = {}): Signatures {
  const requirement = { keys: [pemOf(PAIR)], fingerprint: "sha256:1", ...more };
  const { log, signal } = store.log;
  return new Signatures({ requirement, registries: store.registries, log, signal });
}

async function bundleFor(store: Store, digest: string, pair: KeyPair) {
  return await store.putBundle(await bundleOf(statementOf(digest), { sign: signWith(pair) }));
}

const tagged = (digest: string, pair: KeyPair) => taggedOf(payloadOf(digest), signWith(pair));

const WAYS: [name: string, sign: (store: Store, digest: string) => Promise<void>][] = [
  ["the referrers API", async (store, digest) => {
    const manifests = [await bundleFor(store, digest, PAIR)];
    store.referrers = () => Response.json({ schemaVersion: 2, manifests });
  }],
  ["the tag in its place", async (store, digest) => {
    await store.tagReferrers({ digest }, [await bundleFor(store, digest, PAIR)]);
  }],
  ["the tag in its place, and an API that knows nothing", async (store, digest) => {
    store.referrers = () => Response.json({ schemaVersion: 2, manifests: [] });
    await store.tagReferrers({ digest }, [await bundleFor(store, digest, PAIR)]);
  }],
  ["cosign's older tag", async (store, digest) => {
    await store.tagSignatures({ digest }, [tagged(digest, PAIR)]);
  }],
  ["cosign's older tag, and an API that fails", async (store, digest) => {
    store.referrers = () => new Response("{}", { status: 503 });
    await store.tagSignatures({ digest }, [tagged(digest, PAIR)]);
  }],
  ["the older of two, beside a stranger's", async (store, digest) => {
    await store.tagSignatures({ digest }, [tagged(digest, PAIR), tagged(digest, STRANGER)]);
  }],
  ["cosign's older tag, beside a stranger's bundle", async (store, digest) => {
    await store.tagReferrers({ digest }, [await bundleFor(store, digest, STRANGER)]);
    await store.tagSignatures({ digest }, [tagged(digest, PAIR)]);
  }],
  ["the newest of 40", async (store, digest) => {
    const strangers = Array.from({ length: 39 }, () => tagged(digest, STRANGER));
    await store.tagSignatures({ digest }, [...strangers, tagged(digest, PAIR)]);
  }],
];

for (const [name, sign] of WAYS) {
  Deno.test(`signatures: one that counts, by ${name}`, async () => {
    await using store = new Store();
    const subject = await store.subject(name);
    await sign(store, subject.digest);
    await signaturesOf(store).verify(store.repository, [subject]);
    assert.match(
      store.log.lines.join("\n"),
      /INFO {2}Signed by the key with SHA-256 [0-9a-f]{64} /,
    );
  });
}

Deno.test("signatures: one of the index that names the ModelKit counts for it", async () => {
  await using store = new Store();
  const [subject, index] = [await store.subject("kit"), await store.subject("index")];
  await store.tagSignatures(index, [tagged(index.digest, PAIR)]);
  await signaturesOf(store).verify(store.repository, [subject, index]);
  const failure = await failureOf(() => signaturesOf(store).verify(store.repository, [subject]));
  assert.equal(failure.outcome, "integrity");
});

const REFUSED: [
  name: string,
  sign: (store: Store, digest: string) => Promise<void>,
  says: RegExp,
][] = [
  [
    "none",
    () => Promise.resolve(),
    /^Cannot trust "r\.test\/org\/model@sha256:[0-9a-f]{64}": it is not signed$/,
  ],
  [
    "one by another key",
    async (store, digest) => {
      await store.tagReferrers({ digest }, [await bundleFor(store, digest, STRANGER)]);
    },
    /: no signature counts: bundle sha256:[0-9a-f]{64}: it was not made with the key of KIT_COSIGN_KEY$/,
  ],
  ["one of another digest under the same tag", async (store, digest) => {
    await store.tagSignatures({ digest }, [tagged(`sha256:${"00".repeat(32)}`, PAIR)]);
  }, /signature 1 of the tag sha256-[0-9a-f]{64}\.sig: it is for sha256:0000/],
  ["one that was a bundle of another digest", async (store, digest) => {
    const other = await bundleFor(store, `sha256:${"00".repeat(32)}`, PAIR);
    await store.tagReferrers({ digest }, [other]);
  }, /it is for sha256:0000/],
  ["four by strangers: three reasons, and a number", async (store, digest) => {
    const strangers = Array.from({ length: 4 }, () => tagged(digest, keyPair()));
    await store.tagSignatures({ digest }, strangers);
  }, /signature 4 of .*signature 3 of .*signature 2 of [^;]*; and 1 more$/],
  ["the oldest of 40", async (store, digest) => {
    const strangers = Array.from({ length: 39 }, () => tagged(digest, STRANGER));
    await store.tagSignatures({ digest }, [tagged(digest, PAIR), ...strangers]);
  }, /: only the newest 32 of 40 are looked at; signature 40 .*; and 30 more$/],
  [
    "one that speaks of a thousand digests, some with signs of a terminal",
    async (store, digest) => {
      const subject = Array.from(
        { length: 1000 },
        (_, n) => ({ digest: { sha256: `\x1b[2J${n}` } }),
      );
      const bundle = await bundleOf({ ...statementOf(digest), subject }, { sign: signWith(PAIR) });
      await store.tagReferrers({ digest }, [await store.putBundle(bundle)]);
    },
    /it is for sha256: \[2J0, [^\p{Cc}]{200,300}$/u,
  ],
  ["garbage everywhere", async (store, digest) => {
    store.referrers = () => new Response("<html>");
    await store.tagReferrers({ digest }, [await store.putBundle("garbage")]);
    const { layer } = tagged(digest, PAIR);
    await store.tagSignatures({ digest }, [{ layer, bytes: new Uint8Array() }]);
  }, /: Cannot trust the list .*; bundle .*: it is not JSON; signature 1 .*: Cannot /],
];

for (const [name, sign, says] of REFUSED) {
  Deno.test(`signatures: refused: ${name}`, async () => {
    await using store = new Store();
    const subject = await store.subject(name);
    await sign(store, subject.digest);
    const failure = await failureOf(() => signaturesOf(store).verify(store.repository, [subject]));
    assert.deepEqual([failure.outcome, failure.host, failure.transient], [
      "integrity",
      "r.test",
      false,
    ]);
    assert.match(failure.message, says);
    assert.match(failure.hint!, /private key of KIT_COSIGN_KEY/);
  });
}

Deno.test("signatures: of too many only the newest are read", async () => {
  await using store = new Store();
  const subject = await store.subject("many");
  const strangers = Array.from({ length: 1000 }, (_, index) => {
    const payload = { ...payloadOf(subject.digest), optional: { index } };
    return taggedOf(payload, () => new Uint8Array(64) as never);
  });
  await store.tagSignatures(subject, strangers);
  const failure = await failureOf(() => signaturesOf(store).verify(store.repository, [subject]));
  assert.equal(failure.outcome, "integrity");
  assert.equal(store.network.visits.filter(({ path }) => path.includes("/blobs/")).length, 32);
});

Deno.test("signatures: where not all could be asked it is not said that there is none", async () => {
  await using store = new Store();
  const subject = await store.subject("outage");
  store.fault = ({ path }) =>
    path.endsWith(".sig") ? new Response("{}", { status: 503 }) : undefined;
  const failure = await failureOf(() => signaturesOf(store).verify(store.repository, [subject]));
  assert.deepEqual([failure.outcome, failure.transient], ["unavailable", true]);
});

Deno.test("signatures: with a key the hint says how to sign", async () => {
  await using store = new Store();
  const subject = await store.subject("unsigned");
  const failure = await failureOf(() => signaturesOf(store).verify(store.repository, [subject]));
  assert.match(failure.message, /: it is not signed$/);
  assert.equal(failure.hint, "Sign it with cosign sign and the private key of KIT_COSIGN_KEY");
});

Deno.test("signatures: without a key the hint says who must sign", async () => {
  await using store = new Store();
  const subject = await store.subject("hint");
  const signer = { identity: "a@b.test", issuer: "https://issuer.test" };
  const signatures = signaturesOf(store, { keys: [], signer });
  const unsigned = await failureOf(() => signatures.verify(store.repository, [subject]));
  assert.equal(unsigned.hint, 'Sign it with cosign sign, as "a@b.test"');
  await store.tagSignatures(subject, [tagged(subject.digest, PAIR)]);
  const { hint, message } = await failureOf(() => signatures.verify(store.repository, [subject]));
  assert.match(message, /: no signature counts: /);
  assert.match(hint!, /^It must be signed by "a@b\.test" of "https:\/\/issuer\.test": /);
});

Deno.test("signatures: a key that cannot be read is a mistake, and no fault of the signature", async () => {
  await using store = new Store();
  const subject = await store.subject("mistake");
  await store.tagSignatures(subject, [tagged(subject.digest, PAIR)]);
  const keys = ["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"];
  const failure = await failureOf(() =>
    signaturesOf(store, { keys }).verify(store.repository, [subject])
  );
  assert.equal(failure.outcome, "usage");
});
