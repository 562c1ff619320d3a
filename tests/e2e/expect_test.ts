import assert from "node:assert/strict";
import { putChanged } from "../support/push.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const FILES = {
  "model.onnx": "payload of expect",
  "config/a.json": "{}",
  "R.md": "",
  "data/x": "1",
};

Deno.test("KIT_EXPECT: the wrong ModelKit fails, and what is there stays", async (t) => {
  await using world = await TestWorld.create();
  const right = await world.push("team/expect:v1", FILES);
  const expecting = (KIT_EXPECT: string, args: string[], env: Record<string, string> = {}) =>
    world.run(args, { env: { KIT_EXPECT, ...env } });

  await t.step("nothing of it is visible, and the message says what it has", async () => {
    const destination = world.destination("wrong");
    const ended = await expecting("model.pt config/*.json R.md", [right.uri, destination]);
    assert.equal(ended.code, 4, ended.stderr);
    assert.equal(
      ended.sentence,
      `Cannot find "model.pt", "R.md" (empty) in "${right.reference}": it has Kitfile, R.md, model.onnx, ` +
        "config/a.json, data/x. Name another ModelKit, or change KIT_EXPECT or the filters in KIT_UNPACK_FLAGS",
    );
    assert.match(String(ended.report.hint), /change KIT_EXPECT/);
    assert.deepEqual([...Deno.readDirSync(destination)], []);
  });

  const destination = world.destination("right");
  await t.step("the right one is unpacked", async () => {
    const ended = await expecting("*.onnx config/", [right.uri, destination]);
    assert.equal(ended.code, 0, ended.stderr);
  });
  const before = await snapshot(destination);

  await t.step("a second start notices that more is expected now", async () => {
    const ended = await expecting("*.onnx model.pt", [right.uri, destination]);
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(ended.sentence, /^Cannot find "model.pt" in /);
    assert.deepEqual(await snapshot(destination), before);
    assert.equal((await expecting("*.onnx", [right.uri, destination])).code, 0);
  });

  await t.step("by a digest, too", async () => {
    const uri = right.uri.replace(":v1", `@${right.digest}`);
    const place = world.destination("digest");
    assert.equal((await expecting("*.onnx", [uri, place])).code, 0);
    assert.equal((await expecting("*.pt", [uri, place])).code, 4);
  });

  await t.step("a tag that moved to the wrong one: what was there stays", async () => {
    await world.push("team/expect:v1", { "other.bin": "wrong" });
    const ended = await expecting("*.onnx", [right.uri, destination]);
    assert.equal(ended.code, 4, ended.stderr);
    assert.deepEqual(await snapshot(destination), before);
  });

  await t.step("a filter leaves out what is expected", async () => {
    const { uri } = await world.push("team/expect:filter", FILES);
    const env = { KIT_UNPACK_FLAGS: "--plain-http --filter=model" };
    const place = world.destination("filter");
    assert.equal((await expecting("config/*", [uri, place], env)).code, 4);
    assert.equal((await expecting("model.onnx", [uri, place], env)).code, 0);
  });

  await t.step("direct transfer looks as well", async () => {
    const { uri } = await world.push("team/expect:direct", FILES);
    const place = world.destination("direct");
    const ended = await expecting("*.pt", [uri, place], { KIT_TRANSFER: "direct" });
    assert.equal(ended.code, 4, ended.stderr);
    assert.deepEqual([...Deno.readDirSync(place)], []);
  });

  await t.step("a ModelPack, whose names only its layers know", async () => {
    const { uri } = await world.push("team/expect:pack", FILES, {
      packFlags: ["--use-model-pack"],
    });
    const place = world.destination("pack");
    assert.equal((await expecting("*.pt", [uri, place])).code, 4);
    assert.equal((await expecting("model.onnx config/a.json", [uri, place])).code, 0);
  });

  await t.step("a model that its parent brings is there", async () => {
    const parent = await world.push("team/parent:v1", { "model.onnx": "payload of a parent" });
    const base = await world.push("team/child:base", { "R.md": "child" }, {
      kitfile: JSON.stringify({ manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] }),
    });
    const uri = await putChanged(world, "team/child:v1", {
      digest: base.digest,
      change: (kitfile) => ({ ...kitfile, model: { path: parent.reference } }),
    });
    const place = world.destination("child");
    assert.equal((await expecting("model.onnx R.md", [uri, place])).code, 0);
    assert.equal((await expecting("model.onnx config", [uri, place])).code, 4);
  });

  await t.step("a mistake in it is told before anything is done", async () => {
    const calls = await world.kitCalls();
    const ended = await expecting("/model.onnx a[", [right.uri, world.destination("never")]);
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(ended.sentence, /"\/model.onnx": names are relative.*"a\[": there is a "\["/);
    assert.equal(await world.kitCalls(), calls);
  });
});

Deno.test("KIT_EXPECT: several pairs, each with its own", async () => {
  await using world = await TestWorld.create();
  const a = await world.push("team/a:v1", { "a.bin": "payload a" });
  const b = await world.push("team/b:v1", { "b.bin": "payload b" });
  const [first, second] = [world.destination("0"), world.destination("1")];
  const args = [a.uri, first, b.uri, second];
  const run = (KIT_EXPECT: string) => world.run(args, { env: { KIT_EXPECT } });

  const swapped = await run(`${first}=a.bin ${second}=a.bin`);
  assert.equal(swapped.code, 4, swapped.stderr);
  assert.match(swapped.sentence, /^Cannot find "a.bin" in ".*\/team\/b:v1": it has Kitfile, b.bin/);
  assert.equal(swapped.report.uri, b.uri);
  assert.deepEqual(Object.keys(await snapshot(first)), ["Kitfile", "a.bin"]);
  assert.deepEqual([...Deno.readDirSync(second)], []);

  const each = await run(`Kitfile kit://*/team/a=a.bin kit://*/team/b:*=b.bin`);
  assert.equal(each.code, 0, each.stderr);
});

Deno.test("KIT_EXPECT: two pairs in one folder, where the second one's files win", async () => {
  await using world = await TestWorld.create();
  const a = await world.push("team/a:v1", { "same.bin": "payload a" });
  const b = await world.push("team/b:v1", { "same.bin": "payload b", "b.bin": "b" });
  const place = world.destination("shared");
  const run = (KIT_EXPECT: string) =>
    world.run([a.uri, place, b.uri, place], {
      env: { KIT_EXPECT, KIT_UNPACK_FLAGS: "--plain-http -o" },
    });
  for (let start = 0; start < 2; start++) assert.equal((await run("same.bin")).code, 0);
  assert.equal((await run("same.bin b.bin")).code, 4, "the first one has no b.bin");
});
