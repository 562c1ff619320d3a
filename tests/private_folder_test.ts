import assert from "node:assert/strict";
import { PrivateFolder } from "../lib/private_folder.ts";
import { TestFolder } from "./support/folder.ts";

const PREFIX = "kit-storage-private-";

function unexpected(): Promise<string> {
  throw new Error("the fallback must not be asked");
}

Deno.test("private folder: nobody else can look into it, and it is removed at the end", async () => {
  await using folder = await TestFolder.create();
  {
    await using home = await PrivateFolder.create(unexpected, folder.path);
    assert.ok(home.path.startsWith(`${folder.path}/${PREFIX}`));
    const { mode, isDirectory } = await Deno.lstat(home.path);
    assert.deepEqual([isDirectory, (mode ?? 0) & 0o7777], [true, 0o700]);
    await Deno.writeTextFile(`${home.path}/config.json`, "secret");
  }
  assert.deepEqual(await folder.tree(), {});
});

Deno.test("private folder: by default it is in memory, so that a read-only pod has one", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  assert.match(await createApart(), /^\/dev\/shm\//);
});

Deno.test("private folder: where memory is not to be had it is in the fallback", async () => {
  await using folder = await TestFolder.create();
  await folder.write({ "staging/": "" });
  {
    const fallback = () => Promise.resolve(folder.at("staging"));
    await using home = await PrivateFolder.create(fallback, folder.at("nosuch"));
    assert.ok(home.path.startsWith(`${folder.at("staging")}/${PREFIX}`));
    assert.equal(((await Deno.lstat(home.path)).mode ?? 0) & 0o7777, 0o700);
  }
  assert.deepEqual(await folder.tree(), { "staging/": "" });
});

Deno.test("private folder: what a dead process left is removed, and nothing else", async () => {
  await using folder = await TestFolder.create();
  await folder.write({
    [`${PREFIX}dead/config.json`]: "secret",
    "other/file": "mine",
    [`${PREFIX}file`]: "mine",
  });
  await Deno.symlink(folder.at("other"), folder.at(`${PREFIX}link`));
  {
    await using _ = await PrivateFolder.create(unexpected, folder.path);
  }
  assert.deepEqual(await folder.tree(), {
    [`${PREFIX}file`]: "mine",
    [`${PREFIX}link`]: `-> ${folder.at("other")}`,
    "other/": "",
    "other/file": "mine",
  });
});

Deno.test("private folder: that of a living process is kept", async () => {
  await using folder = await TestFolder.create();
  await using living = await PrivateFolder.create(unexpected, folder.path);
  await Deno.writeTextFile(`${living.path}/config.json`, "in use");
  await createApart(folder.path);
  const name = living.path.slice(folder.path.length + 1);
  assert.deepEqual(await folder.tree(), { [`${name}/`]: "", [`${name}/config.json`]: "in use" });
});

/**
 * Makes and removes a private folder in a process of its own, and answers with its path: where others are alive, it
 * keeps asking for their locks until it ends.
 */
async function createApart(...memory: string[]): Promise<string> {
  const program = `
    const [url, ...memory] = Deno.args;
    const { PrivateFolder } = await import(url);
    const home = await PrivateFolder.create(() => { throw new Error("no fallback") }, ...memory);
    console.log(home.path);
    await home[Symbol.asyncDispose]();
    Deno.exit(0);`;
  const url = new URL("../lib/private_folder.ts", import.meta.url).href;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--no-lock", program, url, ...memory],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("private folder: one that another start took for a leftover is made anew", async () => {
  await using folder = await TestFolder.create();
  const { makeTempDir } = Deno;
  let made = 0;
  Deno.makeTempDir = async (options) => {
    const path = await makeTempDir(options);
    if (++made === 1) await Deno.remove(path);
    return path;
  };
  try {
    await using home = await PrivateFolder.create(unexpected, folder.path);
    assert.ok((await Deno.lstat(home.path)).isDirectory);
  } finally {
    Deno.makeTempDir = makeTempDir;
  }
  assert.equal(made, 2);
});
