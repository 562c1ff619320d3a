import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { patterned } from "../support/fake_blob.ts";
import { putChanged } from "../support/push.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const MODEL = patterned(3 * 1024 * 1024 + 1);

/** The tree that both transfers make; a difference between them fails the test. */
async function treeOf(
  world: TestWorld,
  uri: string,
  env: Record<string, string> = {},
): Promise<string> {
  const [verified, direct] = ["verified", "direct"].map((way) =>
    world.destination(`${way}-${crypto.randomUUID()}`)
  );
  const ended = await world.run([uri, verified], { env });
  assert.equal(ended.code, 0, ended.stderr);
  const own = await world.run([uri, direct], { env: { ...env, KIT_TRANSFER: "direct" } });
  assert.equal(own.code, 0, own.stderr);
  assert.deepEqual(await snapshot(verified), await snapshot(direct));
  return verified;
}

Deno.test("a ModelKit whose model is another ModelKit", async (t) => {
  await using world = await TestWorld.create();
  await using other = await TestWorld.create();
  const own = await world.push("team/child:base", { "R.md": "payload of the child" }, {
    kitfile: JSON.stringify({ manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] }),
  });
  const files = { "model.bin": MODEL, "data/x.csv": "not asked for" };
  const near = await world.push("team/parent:v1", files);
  const far = await other.push("else/parent:v1", files);
  const child = (tag: string, path: string) =>
    putChanged(world, `team/child:${tag}`, {
      digest: own.digest,
      change: (kitfile) => ({ ...kitfile, model: { path } }),
    });

  const PARENTS: [name: string, path: string][] = [
    ["in the same registry, by its tag", near.reference],
    ["in the same registry, by its digest", near.reference.replace(":v1", `@${near.digest}`)],
    ["in another registry", far.reference],
  ];
  for (const [index, [name, path]] of PARENTS.entries()) {
    await t.step(`${name}: its model comes too, and nothing else of it`, async () => {
      const place = await treeOf(world, await child(`v${index}`, path));
      assert.deepEqual(await Deno.readFile(`${place}/model.bin`), MODEL);
      assert.deepEqual(Object.keys(await snapshot(place)), ["Kitfile", "R.md", "model.bin"]);
    });
  }

  await t.step("a parent of a parent, in another registry", async () => {
    const middle = await child("middle", far.reference);
    const uri = await child("top", middle.replace("kit://", ""));
    const place = await treeOf(world, uri);
    assert.deepEqual(await Deno.readFile(`${place}/model.bin`), MODEL);
  });

  await t.step("a parent with a damaged layer: exit 6, and nothing is left", async () => {
    const damaged = await other.push("else/damaged:v1", { "model.bin": patterned(100_000, 7) });
    const manifest = JSON.parse(await Deno.readTextFile(blobPath(other.registry, damaged.digest)));
    const layer = blobPath(other.registry, manifest.layers[0].digest);
    const bytes = await Deno.readFile(layer);
    bytes[50_000] ^= 1;
    await Deno.writeFile(layer, bytes);
    const destination = world.destination("damaged");
    const ended = await world.run([await child("damaged", damaged.reference), destination]);
    assert.equal(ended.code, 6, ended.stderr);
    assert.deepEqual(await snapshot(destination), {});
  });

  await t.step("a parent that is missing: exit 4, and nothing is left", async () => {
    const destination = world.destination("missing");
    const uri = await child("missing", `${other.host}/else/missing:v1`);
    const ended = await world.run([uri, destination]);
    assert.equal(ended.code, 4, ended.stderr);
    assert.deepEqual(await snapshot(destination), {});
  });

  await t.step("a parent in a registry that wants a password: exit 3, which says so", async () => {
    await using closed = await TestWorld.create({
      htpasswd: [{ user: "alice", password: "secret-4711" }],
    });
    const destination = world.destination("closed");
    const ended = await world.run([await child("closed", `${closed.host}/team/x:v1`), destination]);
    assert.equal(ended.code, 3, ended.stderr);
    assert.ok(ended.sentence.includes(`no source has any for "${closed.host}"`), ended.sentence);
    assert.deepEqual(await snapshot(destination), {});
  });

  await t.step("parents in a circle: kit refuses, exit 8, and nothing is left", async () => {
    const circle = `${world.host}/team/child:circle`;
    await child("circle", circle);
    const destination = world.destination("circle");
    const ended = await world.run([`kit://${circle}`, destination]);
    assert.equal(ended.code, 8, ended.stderr);
    assert.match(ended.sentence, /cycle/);
    assert.deepEqual(await snapshot(destination), {});
  });
});

Deno.test("a dataset that is another ModelKit: with --include-remote, into its own folder", async (t) => {
  await using world = await TestWorld.create();
  await using other = await TestWorld.create();
  const far = await other.push("else/data:v1", { "model.bin": "no", "rows/x.csv": "1,2,3" });
  const { uri } = await world.push("team/remote:v1", { "model.bin": MODEL }, {
    kitfile: JSON.stringify({
      manifestVersion: "1.0.0",
      package: {},
      model: { path: "model.bin" },
      datasets: [{ name: "far", path: "far", remotePath: far.reference }],
    }),
  });
  await t.step("with it", async () => {
    const place = await treeOf(world, uri, { KIT_UNPACK_FLAGS: "--plain-http --include-remote" });
    assert.deepEqual(Object.keys(await snapshot(place)), [
      ...["Kitfile", "far", "far/rows", "far/rows/x.csv", "model.bin"],
    ]);
    assert.equal(await Deno.readTextFile(`${place}/far/rows/x.csv`), "1,2,3");
  });
  await t.step("without it", async () => {
    const place = await treeOf(world, uri);
    assert.deepEqual(Object.keys(await snapshot(place)), ["Kitfile", "model.bin"]);
  });
});

Deno.test("a dataset in S3: kit itself reads it, with the keys for S3 and without the registry's password", async (t) => {
  const rows = patterned(300_000, 5);
  const requests: Request[] = [];
  await using s3 = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push(request);
    const { pathname } = new URL(request.url);
    const wanted = request.headers.get("If-Match")?.replaceAll('"', "") ?? "etag-1";
    if (pathname !== "/bucket/rows.bin") return new Response(null, { status: 404 });
    if (wanted !== "etag-1") return new Response(null, { status: 412 });
    return new Response(request.method === "HEAD" ? null : rows, {
      headers: { ETag: '"etag-1"', "Content-Length": `${rows.length}` },
    });
  });
  const env = {
    S3_API_ENDPOINT: `http://127.0.0.1:${s3.addr.port}`,
    S3_ACCESS_KEY_ID: "test-key-id",
    S3_SECRET_KEY: "not-a-secret-4718",
    S3_REGION: "us-east-1",
  };
  const user = { user: "alice", password: "correct-horse-4711" };
  await using world = await TestWorld.create({ htpasswd: [user] });
  const { uri } = await world.push("team/s3:v1", { "model.bin": MODEL }, {
    env,
    kitfile: JSON.stringify({
      manifestVersion: "1.0.0",
      package: {},
      model: { path: "model.bin" },
      datasets: [
        { path: "rows.bin", remotePath: "s3://bucket/rows.bin", remoteHash: "etag-1" },
      ],
    }),
  });
  requests.length = 0;
  const login = { KIT_USER: user.user, KIT_PASSWORD: user.password };
  for (const KIT_TRANSFER of ["verified", "direct"]) {
    await t.step(KIT_TRANSFER, async () => {
      const destination = world.destination(KIT_TRANSFER);
      const KIT_UNPACK_FLAGS = "--plain-http --include-remote";
      const ended = await world.run([uri, destination], {
        env: { ...env, ...login, KIT_TRANSFER, KIT_UNPACK_FLAGS },
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(await Deno.readFile(`${destination}/rows.bin`), rows);
    });
  }
  assert.deepEqual(requests.map(({ method }) => method), ["GET", "GET"]);
  for (const { headers } of requests) {
    assert.match(headers.get("Authorization") ?? "", /^AWS4-HMAC-SHA256 Credential=test-key-id\//);
  }
});
