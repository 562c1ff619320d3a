import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { snapshot, TestWorld } from "../support/world.ts";

Deno.test("plain HTTP: the tree is what kit unpack makes in an empty folder, and nothing else", async (t) => {
  await using world = await TestWorld.create();
  const { uri, digest, reference } = await world.push("team/plain:v1", {
    "model.bin": "payload of plain HTTP",
    "README.md": "# plain",
    "data/train.csv": "a,b\n1,2\n",
    "data/deep/er/x y ü.csv": "1",
    "data/empty/": "",
  });
  const expected = world.destination("expected");
  const kit = await new Deno.Command(world.kit, {
    args: ["unpack", reference, "--plain-http", "-d", expected],
    env: { KITOPS_HOME: `${world.folder}/kit-home` },
  }).output();
  assert.ok(kit.success);
  const destination = world.destination("plain");

  await t.step("the first start fills the destination", async () => {
    const ended = await world.run([uri, destination]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await snapshot(destination), await snapshot(expected));
    assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of plain HTTP");
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, /kit: Version: /);
    assert.match(ended.stderr, /manifestVersion: 1\.0\.0/);
  });

  await t.step("the termination message and the marker say what was unpacked", async () => {
    const marker = JSON.parse(await Deno.readTextFile(`${destination}/.kit-storage.json`));
    assert.equal(marker.modelkits[0].digest, digest);
    assert.equal(marker.modelkits[0].uri, uri);
    assert.equal(marker.modelkits[0].status, "complete");
    assert.deepEqual(Object.keys(marker.modelkits[0].files).sort(), [
      "Kitfile",
      "README.md",
      "data/deep/er/x y ü.csv",
      "data/train.csv",
      "model.bin",
    ]);
  });

  await t.step("the second start downloads no layer", async () => {
    const before = world.registry.log().length;
    const ended = await world.run([uri, destination]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.report.bytes, 0);
    assert.equal(ended.report.digest, digest);
    const requests = world.registry.log().slice(before);
    const marker = JSON.parse(await Deno.readTextFile(`${destination}/.kit-storage.json`));
    const { layers } = JSON.parse(
      await Deno.readTextFile(blobPath(world.registry, marker.modelkits[0].digest)),
    );
    for (const layer of layers) {
      assert.ok(!requests.includes(layer.digest), "a layer was asked for");
    }
    assert.ok(requests.includes("/v2/team/plain/manifests/v1"), "the tag was asked for");
    assert.deepEqual(await snapshot(destination), await snapshot(expected));
  });

  await t.step("a file that somebody changed is repaired", async () => {
    await Deno.writeTextFile(`${destination}/model.bin`, "changed");
    await Deno.remove(`${destination}/data/train.csv`);
    assert.equal((await world.run([uri, destination])).code, 0);
    assert.deepEqual(await snapshot(destination), await snapshot(expected));
  });

  await t.step("a reference by digest that is complete needs no network", async () => {
    const byDigest = `kit://${world.host}/team/plain@${digest}`;
    const other = world.destination("by-digest");
    assert.equal((await world.run([byDigest, other])).code, 0);
    const calls = (await world.kitCalls()).length;
    const ended = await world.run([byDigest, other]);
    assert.equal(ended.code, 0);
    assert.equal((await world.kitCalls()).length, calls, "kit was started");
  });

  await t.step("JSON logs are one object a line", async () => {
    const ended = await world.run(["--log-format=json", uri, world.destination("json")]);
    const lines = ended.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).outcome, "ok");
    assert.equal(lines.at(-1).digest, digest);
    assert.equal(lines.at(-1).bytes, ended.report.bytes);
  });

  await t.step("and so are mistakes, by the option rather than by KIT_LOG_FORMAT", async () => {
    const ended = await world.run(["--log-format", "json", uri], {
      env: { KIT_LOG_FORMAT: "text" },
    });
    assert.equal(JSON.parse(ended.stderr).code, 2);
  });
});

Deno.test("a tag that moved replaces the files, and removes those that are gone", async () => {
  await using world = await TestWorld.create();
  const old = await world.push("team/moving:latest", {
    "model.bin": "old",
    "gone/away.txt": "x",
    "same.md": "s",
  });
  const destination = world.destination("moving");
  // Without a tag it is "latest".
  const uri = old.uri.replace(":latest", "");
  assert.equal((await world.run([uri, destination])).code, 0);
  await Deno.writeTextFile(`${destination}/foreign.txt`, "left alone");
  await world.push("team/moving:latest", {
    "model.bin": "new one",
    "same.md": "s",
    "added.md": "+",
  });

  const ended = await world.run([uri, destination]);
  assert.equal(ended.code, 0, ended.stderr);
  const paths = Object.keys(await snapshot(destination));
  assert.deepEqual(paths, ["Kitfile", "added.md", "foreign.txt", "model.bin", "same.md"]);
  assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "new one");
});

Deno.test("a tag whose registry is gone succeeds with a warning when its content is complete", async () => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/rebooted:v1", { "model.bin": "payload of rebooted" });
  const destination = world.destination("rebooted");
  assert.equal((await world.run([uri, destination])).code, 0);
  const env = {
    HTTP_PROXY: "http://127.0.0.1:9",
    KIT_UNPACK_FLAGS: "--plain-http --proxy http://127.0.0.1:9",
  };

  const ended = await world.run([uri, destination], { env });
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stderr, /WARN .*whether the tag has moved is unknown/);

  const elsewhere = await world.run([uri, world.destination("other")], { env });
  assert.equal(elsewhere.code, 5, "without content it is an error");
});

Deno.test("several pairs: each folder gets its own, also nested ones and the same one twice", async () => {
  await using world = await TestWorld.create();
  const a = await world.push("team/a:v1", { "a.bin": "payload a" });
  const b = await world.push("team/b:v1", { "b.bin": "payload b" }, {
    kitfile: JSON.stringify({ manifestVersion: "1.0.0", model: { path: "b.bin" } }),
  });
  const root = world.destination("several");
  // Kitfiles of the two would meet in the same folder, so only the model is asked for.
  const env = { KIT_UNPACK_FLAGS: "--plain-http --filter=model" };
  const args = [
    a.uri,
    root,
    b.uri,
    root,
    b.uri,
    `${root}/sub/b`,
    a.uri,
    world.destination("other"),
  ];
  for (const start of ["first", "second"]) {
    const ended = await world.run(args, { env });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(Object.keys(await snapshot(root)), [
      "a.bin",
      "b.bin",
      "sub",
      "sub/b",
      "sub/b/.kit-storage.json",
      "sub/b/b.bin",
    ]);
    assert.equal(await Deno.readTextFile(`${root}/sub/b/b.bin`), "payload b");
    assert.equal(await Deno.readTextFile(`${world.destination("other")}/a.bin`), "payload a");
    assert.equal(ended.report.bytes === 0, start === "second");
  }
});

Deno.test("two pairs that bring the same file to one folder: error 7 names it, and -o lets the last one win", async () => {
  await using world = await TestWorld.create();
  const a = await world.push("team/one:v1", { "model.bin": "payload one" });
  const b = await world.push("team/two:v1", { "model.bin": "payload two" });
  const destination = world.destination("clash");
  const refused = await world.run([a.uri, destination, b.uri, destination]);
  assert.equal(refused.code, 7);
  assert.match(refused.sentence, /"(Kitfile|model\.bin)" is there already/);

  const env = { KIT_UNPACK_FLAGS: "--plain-http -o" };
  for (let start = 1; start <= 2; start++) {
    const ended = await world.run([a.uri, destination, b.uri, destination], { env });
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload two");
    if (start === 2) assert.equal(ended.report.bytes, 0, "the second start has nothing to do");
  }
});

Deno.test("filters: only what they select is there; other filters make another tree", async () => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/filters:v1", {
    "model.bin": "payload of filters",
    "d/x.csv": "1",
    "R.md": "r",
  });
  const destination = world.destination("filters");
  const tree = async (flags: string) => {
    const ended = await world.run([uri, destination], {
      env: { KIT_UNPACK_FLAGS: `--plain-http ${flags}` },
    });
    assert.equal(ended.code, 0, ended.stderr);
    return { paths: Object.keys(await snapshot(destination)), stderr: ended.stderr };
  };
  assert.deepEqual((await tree("--filter=model")).paths, ["model.bin"]);
  assert.deepEqual((await tree("-f 'datasets:d' --filter=kitfile")).paths, [
    "Kitfile",
    "d",
    "d/x.csv",
  ]);
  const none = await tree("--filter=code");
  assert.deepEqual(none.paths, []);
  assert.match(none.stderr, /WARN .*select no layer/);
});

Deno.test("a ModelPack without layers' paths in a Kitfile is unpacked like kit does", async () => {
  await using world = await TestWorld.create();
  const { uri, reference } = await world.push("team/modelpack:v1", {
    "model.bin": "payload of modelpack",
  }, {
    packFlags: ["--use-model-pack"],
  });
  const expected = world.destination("expected");
  const kit = await new Deno.Command(world.kit, {
    args: ["unpack", reference, "--plain-http", "-d", expected],
    env: { KITOPS_HOME: `${world.folder}/kit-home` },
  }).output();
  assert.ok(kit.success, new TextDecoder().decode(kit.stderr));
  const destination = world.destination("modelpack");
  const ended = await world.run([uri, destination]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(await snapshot(destination), await snapshot(expected));
});
