import assert from "node:assert/strict";
import { putBlob, putChanged, putManifest } from "../support/push.ts";
import { blobsAsked, signByBundle, signByTag, type Signing } from "../support/sign.ts";
import { keyPair, pemOf } from "../support/signing.ts";
import { makeOwnAuthority } from "../support/certificate.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { TestFolder } from "../support/folder.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const PAIR = keyPair();
const STRANGER = keyPair();
const KEY = { KIT_COSIGN_KEY: pemOf(PAIR) };
const ELSEWHERE = `sha256:${"ab".repeat(32)}`;

interface Case {
  name: string;
  /** Absent: it is not signed. */
  sign?(world: TestWorld, signing: Signing): Promise<unknown>;
  says?: RegExp;
}

const CASES: Case[] = [
  { name: "a bundle", sign: signByBundle },
  { name: "cosign's older tag", sign: signByTag },
  { name: "nothing", says: /it is not signed\. Sign it with cosign sign/ },
  {
    name: "a bundle by another key",
    sign: (world, signing) => signByBundle(world, { ...signing, pair: STRANGER }),
    says: /it was not made with the key of KIT_COSIGN_KEY/,
  },
  {
    name: "a tag by another key",
    sign: (world, signing) => signByTag(world, { ...signing, pair: STRANGER }),
    says: /it was not made with the key of KIT_COSIGN_KEY/,
  },
  {
    name: "a bundle of another digest",
    sign: (world, signing) => signByBundle(world, { ...signing, claim: ELSEWHERE }),
    says: /it is for sha256:abab/,
  },
  {
    name: "a tag of another digest",
    sign: (world, signing) => signByTag(world, { ...signing, claim: ELSEWHERE }),
    says: /it is for sha256:abab/,
  },
  {
    name: "a payload that was changed",
    sign: (world, { digest, ...signing }) =>
      signByTag(world, { ...signing, digest, claim: ELSEWHERE }, (payload) => {
        (payload.critical as Record<string, unknown>).image = { "docker-manifest-digest": digest };
      }),
    says: /it was not made with the key of KIT_COSIGN_KEY/,
  },
  {
    name: "garbage",
    sign: (world, signing) =>
      signByBundle(world, signing, (bundle) => {
        for (const name of Object.keys(bundle)) bundle[name] = "garbage";
      }),
    says: /no signature counts: bundle sha256:[0-9a-f]{64}: /,
  },
];

Deno.test("signatures: what is not signed as required is refused before any of it is read", async (t) => {
  await using world = await TestWorld.create();
  for (const [index, { name, sign, says }] of CASES.entries()) {
    await t.step(`${says === undefined ? "unpacked" : "refused"} with ${name}`, async () => {
      const repository = `team/signed-${index}`;
      const { uri, digest } = await world.push(`${repository}:v1`, { "model.bin": `of ${name}` });
      await sign?.(world, { repository, digest, pair: PAIR });
      const destination = world.destination(`case-${index}`);
      const asked = await blobsAsked(world, digest);
      const ended = await world.run([uri, destination], { env: KEY });
      assert.equal(ended.code, says === undefined ? 0 : 6, ended.stderr);
      if (says === undefined) {
        assert.equal(await Deno.readTextFile(`${destination}/model.bin`), `of ${name}`);
        assert.match(ended.stderr, /Signed by the key with SHA-256 [0-9a-f]{64}/);
        assert.equal(asked().length, 2);
      } else {
        assert.match(ended.sentence, says);
        assert.deepEqual(await snapshot(destination), {});
        assert.deepEqual(asked(), []);
      }
    });
  }

  await t.step("refused in another repository, where its signature is not", async () => {
    const files = { "model.bin": "the same in two repositories" };
    let home = await world.push("team/home:v1", files);
    let copy = await world.push("team/copy:v1", files);
    // Files made in two different seconds make two different digests.
    while (copy.digest !== home.digest) {
      home = await world.push("team/home:v1", files);
      copy = await world.push("team/copy:v1", files);
    }
    await signByBundle(world, { repository: "team/home", digest: home.digest, pair: PAIR });
    const ended = await world.run([copy.uri, world.destination("copy")], { env: KEY });
    assert.equal(ended.code, 6, ended.stderr);
    assert.match(ended.sentence, /team\/copy@sha256:.*it is not signed/);
  });

  await t.step("unpacked from an index that is signed", async () => {
    const { digest } = await world.push("team/index:kit", { "model.bin": "in an index" });
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const size = (await putBlob(world, "team/index", new Uint8Array([1]))).size;
    const entry = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size };
    const index = { schemaVersion: 2, mediaType, manifests: [entry] };
    const indexDigest = await putManifest(world, "team/index:v1", index);
    const uri = `kit://${world.host}/team/index:v1`;
    const destination = world.destination("index");
    assert.equal((await world.run([uri, destination], { env: KEY })).code, 6);
    await signByTag(world, { repository: "team/index", digest: indexDigest, pair: PAIR });
    const ended = await world.run([uri, destination], { env: KEY });
    assert.equal(ended.code, 0, ended.stderr);
  });
});

Deno.test("signatures: a folder that is full counts if it was checked in the same way", async (t) => {
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/kept:v1", { "model.bin": "first" });
  let isDown = false;
  const down = () => isDown ? { respond: new Response("{}", { status: 503 }) } : undefined;
  await using registry = new FaultProxy(world.host, down);
  const tagged = uri.replace(world.host, registry.host);
  const fixed = tagged.replace(":v1", `@${digest}`);
  const signing = { repository: "team/kept", digest, pair: PAIR };
  const start = async (uri: string, destination: string, env: Record<string, string>) =>
    await world.run([uri, world.destination(destination)], { env });
  const model = (destination: string) =>
    Deno.readTextFile(`${world.destination(destination)}/model.bin`);

  for (const [name, uri] of [["tag", tagged], ["digest", fixed]]) {
    await t.step(`by its ${name}, filled without a check: not without the registry`, async () => {
      isDown = false;
      assert.equal((await start(uri, name, {})).code, 0);
      isDown = true;
      assert.equal((await start(uri, name, KEY)).code, 5);
      assert.equal((await start(uri, name, {})).code, 0);
    });

    await t.step(`by its ${name}, filled without a check: not unsigned, and it stays`, async () => {
      isDown = false;
      assert.equal((await start(uri, name, KEY)).code, 6);
      assert.equal(await model(name), "first");
    });
  }

  await t.step("signed now: it is filled anew, and then needs no registry", async () => {
    await signByBundle(world, signing);
    for (const [name, uri] of [["tag", tagged], ["digest", fixed]]) {
      isDown = false;
      const filled = await start(uri, name, KEY);
      assert.equal(filled.code, 0, filled.stderr);
      assert.match(filled.stderr, /Unpacking /);
      isDown = true;
      const again = await start(uri, name, KEY);
      assert.equal(again.code, 0, again.stderr);
      assert.match(again.stderr, /Complete already/);
    }
  });

  await t.step("another key: what the first one vouched for does not count", async () => {
    const other = { KIT_COSIGN_KEY: pemOf(STRANGER) };
    isDown = true;
    assert.equal((await start(tagged, "tag", other)).code, 5);
    assert.equal((await start(fixed, "digest", other)).code, 5);
    isDown = false;
    assert.equal((await start(tagged, "tag", other)).code, 6);
  });

  await t.step("its signature is gone: what was checked is still there", async () => {
    await putManifest(world, `team/kept:${digest.replace(":", "-")}`, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [],
    } as { mediaType: string });
    assert.equal((await start(tagged, "tag", KEY)).code, 0);
    assert.equal((await start(tagged, "fresh", KEY)).code, 6);
  });

  await t.step("the tag moves to what nobody signed: refused, and the old one stays", async () => {
    await world.push("team/kept:v1", { "model.bin": "second" });
    const ended = await start(tagged, "tag", KEY);
    assert.equal(ended.code, 6, ended.stderr);
    assert.match(ended.sentence, /it is not signed/);
    assert.equal(await model("tag"), "first");
  });
});

Deno.test("signatures: a parent counts by its digest, or by its own signature", async (t) => {
  await using world = await TestWorld.create();
  const own = await world.push("team/child:own", { "R.md": "of a child" }, {
    kitfile: JSON.stringify({ manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] }),
  });
  const parent = await world.push("team/parent:v1", { "model.bin": "of a parent" });
  const child = async (tag: string, path: string) => {
    const uri = await putChanged(world, `team/child:${tag}`, {
      digest: own.digest,
      change: (kitfile) => ({ ...kitfile, model: { path } }),
    });
    const answer = await fetch(`http://${world.host}/v2/team/child/manifests/${tag}`, {
      headers: { Accept: "application/vnd.oci.image.manifest.v1+json" },
      method: "HEAD",
    });
    const digest = answer.headers.get("Docker-Content-Digest")!;
    await signByBundle(world, { repository: "team/child", digest, pair: PAIR });
    return uri;
  };
  const byDigest = await child("digest", parent.reference.replace(":v1", `@${parent.digest}`));
  const byTag = await child("tag", parent.reference);

  await t.step("by its digest", async () => {
    const destination = world.destination("by-digest");
    const ended = await world.run([byDigest, destination], { env: KEY });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "of a parent");
  });

  await t.step("by its tag, unsigned: refused before any of it is read", async () => {
    const destination = world.destination("by-tag");
    const asked = await blobsAsked(world, parent.digest);
    const ended = await world.run([byTag, destination], { env: KEY });
    assert.equal(ended.code, 6, ended.stderr);
    assert.match(ended.sentence, /team\/parent@sha256:.*it is not signed/);
    assert.deepEqual(asked(), []);
    assert.deepEqual(await snapshot(destination), {});
  });

  await t.step("by its tag, signed", async () => {
    await signByTag(world, { repository: "team/parent", digest: parent.digest, pair: PAIR });
    const ended = await world.run([byTag, world.destination("by-tag")], { env: KEY });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stderr.match(/Signed by/g)?.length, 2);
  });
});

Deno.test("signatures: from a mirror alone, where the registry cannot be reached", async () => {
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/mirrored:v1", { "model.bin": "mirrored" });
  const away = uri.replace(world.host, "127.0.0.1:1");
  const env = { ...KEY, KIT_MIRRORS: `127.0.0.1:1=http://${world.host}` };
  const start = () => world.run([away, world.destination("mirrored")], { env });
  const unsigned = await start();
  assert.equal(unsigned.code, 5, unsigned.stderr);
  await signByTag(world, { repository: "team/mirrored", digest, pair: PAIR });
  const ended = await start();
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /Signed by the key/);
});

Deno.test("signatures: a certificate that is its own authority leads to no unverified transfer", async () => {
  await using folder = await TestFolder.create();
  const tls = await makeOwnAuthority(folder.path);
  await using world = await TestWorld.create({ tls, ca: tls.cert });
  const { uri } = await world.push("team/own:v1", { "model.bin": "own" });
  const start = (env: Record<string, string>) =>
    world.run([uri, world.destination("own")], { env: { KIT_CA_BUNDLE: tls.cert, ...env } });
  const refused = await start(KEY);
  assert.equal(refused.code, 5, refused.stderr);
  assert.match(refused.sentence, /CaUsedAsEndEntity.*signatures need one that is not/);
  assert.deepEqual(await snapshot(world.destination("own")), {});
  const direct = await start({});
  assert.equal(direct.code, 0, direct.stderr);
  assert.match(direct.stderr, /certificate is its own authority, .*: layers are not verified/);
});

const MISTAKES: [name: string, env: Record<string, string>, says: RegExp][] = [
  ["direct transfer", { KIT_TRANSFER: "direct" }, /KIT_TRANSFER=direct cannot be combined with/],
  [
    "certificates that nothing checks",
    { KIT_UNPACK_FLAGS: "--tls-verify=false" },
    /--tls-verify=false cannot be combined with/,
  ],
  ["a name that is misspelt", { KIT_COSIGN_KEYS: "x" }, /there is no setting KIT_COSIGN_KEYS/],
  ["a key that is none", { KIT_COSIGN_KEY: "/nowhere" }, /Cannot read the file of KIT_COSIGN_KEY/],
];

Deno.test("signatures: mistakes in the settings end it before anything is touched", async (t) => {
  await using world = await TestWorld.create();
  for (const [name, env, says] of MISTAKES) {
    await t.step(name, async () => {
      const args = [`kit://${world.host}/team/none:v1`, world.destination("mistake")];
      const ended = await world.run(args, { env: { ...KEY, ...env } });
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.sentence, says);
      await assert.rejects(Deno.stat(world.destination("mistake")), Deno.errors.NotFound);
    });
  }
});
