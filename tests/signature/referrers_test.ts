import assert from "node:assert/strict";
import { findReferrers, findTaggedReferrers } from "../../lib/signature/referrers.ts";
import { failureOf } from "../support/failure.ts";
import { BUNDLE_TYPE, bundleOf, keyPair, signWith, statementOf } from "../support/signing.ts";
import { type Described, Store } from "./store.ts";

const PREDICATE = "dev.sigstore.bundle.predicateType";

/** The two ways in which a registry tells what refers to a manifest. */
const WAYS = {
  "the referrers API": {
    find: findReferrers,
    answer: (store: Store, _: { digest: string }, manifests: object[]) => {
      store.referrers = () => Response.json({ schemaVersion: 2, manifests });
    },
  },
  "the tag in its place": {
    find: findTaggedReferrers,
    answer: (store: Store, subject: { digest: string }, manifests: object[]) =>
      store.tagReferrers(subject, manifests),
  },
};

for (const [way, { find, answer }] of Object.entries(WAYS)) {
  Deno.test(`referrers: a bundle by ${way}`, async () => {
    await using store = new Store();
    const subject = await store.subject(way);
    const bundle = await bundleOf(statementOf(subject.digest), { sign: signWith(keyPair()) });
    const described = await store.putBundle(bundle);
    await answer(store, subject, [described]);
    const [candidate] = await find(store.registries, store.repository, subject);
    assert.equal(candidate.name, `bundle ${described.digest}`);
    const { message, bundle: read } = await candidate.read();
    assert.deepEqual(read, bundle);
    assert.deepEqual(message, { bytes: subject.bytes, digest: subject.digest });
  });

  const LISTED: [name: string, change: (described: Described) => object, isAsked: boolean][] = [
    ["without a type", ({ mediaType, digest, size }) => ({ mediaType, digest, size }), true],
    ["as a signature", (bundle) => listedAs(bundle, "https://sigstore.dev/cosign/sign/v1"), true],
    ["as an attestation", (bundle) => listedAs(bundle, "https://slsa.dev/provenance/v1"), false],
    ["as an SBOM", (bundle) => ({ ...bundle, artifactType: "application/spdx+json" }), false],
  ];

  for (const [name, change, isAsked] of LISTED) {
    Deno.test(`referrers: by ${way}, what is listed ${name} is ${isAsked ? "" : "not "}a candidate`, async () => {
      await using store = new Store();
      const subject = await store.subject(way + name);
      await answer(store, subject, [change(await store.putBundle("{}"))]);
      const found = await find(store.registries, store.repository, subject);
      assert.equal(found.length, isAsked ? 1 : 0);
    });
  }

  Deno.test(`referrers: by ${way}, where there is none`, async () => {
    await using store = new Store();
    const subject = await store.subject(way);
    const failure = await failureOf(() => find(store.registries, store.repository, subject));
    assert.equal(failure.outcome, "not found");
  });
}

const ANSWERS: [name: string, answer: () => Response, outcome: string, says: RegExp][] = [
  [
    "a page for people",
    () => new Response("<html>"),
    "integrity",
    /Cannot trust the list of referr/,
  ],
  ["null", () => Response.json(null), "integrity", /it is not an OCI manifest/],
  [
    "what has no digest",
    () => Response.json({ schemaVersion: 2, manifests: [{}] }),
    "integrity",
    /no d/,
  ],
  ["400", () => new Response("{}", { status: 400 }), "unavailable", /answered 400/],
  [
    "more than 4 MiB",
    () => new Response("x".repeat(4 * 1024 * 1024 + 1)),
    "integrity",
    /is longer than 4194304 bytes/,
  ],
];

for (const [name, answer, outcome, says] of ANSWERS) {
  Deno.test(`referrers: an API that answers ${name}`, async () => {
    await using store = new Store();
    const subject = await store.subject(name);
    store.referrers = answer;
    const failure = await failureOf(() =>
      findReferrers(store.registries, store.repository, subject)
    );
    assert.equal(failure.outcome, outcome);
    assert.match(failure.message, says);
  });
}

const MANIFESTS: [name: string, bundle: string, more: object, says: RegExp][] = [
  ["without layers", "{}", { layers: [] }, /^Error: it is not a bundle$/],
  ["with a layer of another kind", "{}", {
    layers: [{ mediaType: "text/plain", digest: `sha256:${"00".repeat(32)}`, size: 1 }],
  }, /^Error: it is not a bundle$/],
  ["with garbage", "garbage", {}, /^Error: it is not JSON$/],
  [
    "without an end",
    "x".repeat(1024 * 1024 + 1),
    {},
    /it has 1048577 bytes, and may have 1048576$/,
  ],
];

for (const [name, bundle, more, says] of MANIFESTS) {
  Deno.test(`referrers: a manifest ${name} does not count`, async () => {
    await using store = new Store();
    const subject = await store.subject(name);
    await store.tagReferrers(subject, [await store.putBundle(bundle, more)]);
    const [candidate] = await findTaggedReferrers(store.registries, store.repository, subject);
    await assert.rejects(candidate.read(), says);
  });
}

function listedAs(bundle: Described, predicate: string): object {
  return { ...bundle, artifactType: BUNDLE_TYPE, annotations: { [PREDICATE]: predicate } };
}
