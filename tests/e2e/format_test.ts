import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { putManifest } from "../support/push.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const LIST_TYPE = "application/vnd.docker.distribution.manifest.list.v2+json";
const FILES = { "model.bin": "payload of formats", "data/x.csv": "x", "R.md": "r" };

async function describe(world: TestWorld, digest: string) {
  const bytes = await Deno.readFile(blobPath(world.registry, digest));
  const { mediaType } = JSON.parse(new TextDecoder().decode(bytes));
  return { mediaType, digest, size: bytes.byteLength };
}

for (const mediaType of [INDEX_TYPE, LIST_TYPE]) {
  Deno.test(`an index (${mediaType.split(".")[1]}): the ModelKit in it is unpacked, though kit itself takes none`, async (t) => {
    await using world = await TestWorld.create();
    const { uri, digest } = await world.push("team/indexed:v1", FILES);
    const child = await describe(world, digest);
    const plain = world.destination("plain");
    assert.equal((await world.run([uri, plain])).code, 0);
    const index = { schemaVersion: 2, mediaType, manifests: [child] };
    const indexDigest = await putManifest(world, "team/indexed:index", index);

    const destination = world.destination("index");
    const tag = uri.replace(":v1", ":index");
    for (const again of [false, true]) {
      await t.step(again ? "a second start finds it complete" : "by its tag", async () => {
        const ended = await world.run([tag, destination]);
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(ended.report.digest, digest);
        assert.deepEqual(await snapshot(destination), await snapshot(plain));
        assert.equal(ended.stderr.includes("Complete already"), again);
      });
    }

    await t.step("by its digest, and then again without any registry", async () => {
      const byDigest = uri.replace(":v1", `@${indexDigest}`);
      const place = world.destination("by-digest");
      const ended = await world.run([byDigest, place]);
      assert.equal(ended.code, 0, ended.stderr);
      const offline = await world.run([byDigest, place], {
        env: { HTTP_PROXY: "http://127.0.0.1:9" },
      });
      assert.equal(offline.code, 0, offline.stderr);
      assert.match(offline.stderr, /Complete already/);
      assert.doesNotMatch(offline.stderr, /WARN/, "nobody is asked");
    });

    await t.step("with several ModelKits: exit 2 names their digests", async () => {
      const other = await world.push("team/indexed:v2", { ...FILES, "R.md": "other" });
      const manifests = [child, await describe(world, other.digest)];
      await putManifest(
        world,
        "team/indexed:both",
        { ...index, manifests } as typeof index,
      );
      const place = world.destination("both");
      const ended = await world.run([uri.replace(":v1", ":both"), place]);
      assert.equal(ended.code, 2, ended.stderr);
      assert.ok(ended.sentence.includes(`${digest} or ${other.digest}`), ended.sentence);
      assert.deepEqual(await snapshot(place), {});
    });
  });
}

Deno.test("what is no ModelKit: exit 8 in both transfers, and nothing is left", async () => {
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/image:v1", FILES);
  const manifest = JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
  delete manifest.artifactType;
  manifest.config.mediaType = "application/vnd.oci.image.config.v1+json";
  await putManifest(world, "team/image:image", manifest);
  for (const KIT_TRANSFER of ["verified", "direct"]) {
    const destination = world.destination(KIT_TRANSFER);
    const ended = await world.run([uri.replace(":v1", ":image"), destination], {
      env: { KIT_TRANSFER },
    });
    assert.equal(ended.code, 8, ended.stderr);
    assert.match(ended.sentence, /not a modelkit/i);
    assert.deepEqual(await snapshot(destination), {});
  }
});

Deno.test("a ModelPack: the same tree as kit's own, also with a filter", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/pack:v1", FILES, { packFlags: ["--use-model-pack"] });
  const FILTERS: [filter: string, files: string[]][] = [
    ["", ["Kitfile", "R.md", "data", "data/x.csv", "model.bin"]],
    ["--filter=model", ["model.bin"]],
    ["--filter=datasets,docs", ["R.md", "data", "data/x.csv"]],
  ];
  for (const [filter, files] of FILTERS) {
    await t.step(filter === "" ? "without a filter" : filter, async () => {
      const env = { KIT_UNPACK_FLAGS: `--plain-http ${filter}` };
      const [verified, direct] = ["verified", "direct"].map((way) =>
        world.destination(way + filter)
      );
      const ended = await world.run([uri, verified], { env });
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(Object.keys(await snapshot(verified)), files);
      const own = await world.run([uri, direct], { env: { ...env, KIT_TRANSFER: "direct" } });
      assert.equal(own.code, 0, own.stderr);
      assert.deepEqual(await snapshot(verified), await snapshot(direct));
    });
  }
});
