// ModelKits as large, as small and as strange as kit and Linux allow, and one step past that. That a container of
// 128 MiB and a tenth of a processor is enough is shown in tests/image, which needs a container engine.
import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { sha256 } from "../support/fake_blob.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { putChanged, putLayer, putManifest } from "../support/push.ts";
import { type TarEntry, tarOf } from "../support/tar.ts";
import type { Files } from "../support/world.ts";
import type { Case, CaseWorld, Pushed } from "./cases.ts";

/** Kit takes no longer Kitfile: https://github.com/oras-project/oras-go/blob/v2.6.1/content/reader.go */
const KITFILE_BYTES = 32 * 1024 * 1024;
/** Linux: https://man7.org/linux/man-pages/man7/path_resolution.7.html, without the zero at the end. */
const PATH_BYTES = 4095;
/** Of these a path has so many fewer while its ModelKit is unpacked: `/.kit-storage.tmp-…/tree`. */
const STAGING_BYTES = 39;

/** Pushes, then starts twice: the second start must find the same names, and has nothing to do. */
function whole(
  name: string,
  filesOf: (world: CaseWorld) => Files,
  options: (world: CaseWorld, files: Files) => Parameters<CaseWorld["push"]>[1] = () => ({}),
): Case {
  return {
    name,
    promise: "limits",
    exits: [0, 0],
    left: "the ModelKit",
    // Ten thousand files take a busy machine longer than other cases do.
    within: 60,
    run: async (world) => {
      const files = filesOf(world);
      await world.push(files, options(world, files));
      await world.start();
      const { stderr } = await world.start();
      assert.match(stderr, /Complete already/);
    },
  };
}

const numbered = (count: number, path: (index: number) => string) => ({ name }: CaseWorld) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [path(index), `${index} of ${name}`]),
  );

const NAMES: Record<string, string[]> = {
  "Unicode in both normal forms, with emoji and from right to left": [
    "caf\u00e9",
    "cafe\u0301",
    "\u{1f469}\u200d\u{1f52c}",
    "\u05e2\u05d1\u05e8\u05d9\u05ea",
    "\u202eright to left",
    "\u6a21\u578b",
  ],
  "spaces, line breaks, quotes and what a shell would read": [
    " a name ",
    "two\nlines",
    "tab\tand\rreturn",
    "'single' \"double\" `back`",
    "back\\slash",
    "$HOME *?[a] ~ ; & | < > #",
    "\u0001\u001b[31m\u007f",
  ],
  "what looks like an option, a hidden file or a part of a path": [
    "-rf",
    "--dir",
    ".hidden",
    "%2e%2e%2f",
    "C:",
  ],
  "255 bytes": ["n".repeat(255), "\u00e9".repeat(127) + "n"],
};

/** A path of so many bytes in names that are not too long, with the folders that it needs. */
function pathOf(bytes: number): string {
  const names: string[] = [];
  for (let left = bytes; left > 0; left -= 101) names.push("n".repeat(Math.min(100, left)));
  return names.join("/").padEnd(bytes, "n");
}

/** One in which a file's path has so many bytes together with the destination's. */
const withPath = (bytes: number) => ({ name, destination }: CaseWorld) => ({
  "model.bin": name,
  [`data/${pathOf(bytes - `${destination}/data/`.length)}`]: name,
});

/** A layer that kit itself could not have packed. */
function layerCase(name: string, path: string): Case {
  return {
    name,
    promise: "limits",
    exits: [7],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push({ model: world.name });
      const parts = path.split("/");
      const folders = parts.slice(1).map((_, index): TarEntry => ({
        path: parts.slice(0, index + 1).join("/") + "/",
        type: "5",
        mode: 0o755,
      }));
      const layer = tarOf([...folders, { path, body: world.name }]);
      const repository = `reliability/${world.slug}:long`;
      const uri = await putLayer(world.test, repository, { digest: pushed.digest, layer });
      const { sentence } = await world.start({ pairs: [[{ ...pushed, uri }, world.destination]] });
      assert.match(sentence, /file name too long\. Pack shorter names/);
    },
  };
}

/** A Kitfile that kit makes one of so many bytes of: it writes its own JSON. */
async function pushKitfile(world: CaseWorld, bytes: number): Promise<Pushed> {
  const files = { "model.bin": world.name };
  const push = (description: string, tag: string) =>
    world.push(files, {
      tag,
      kitfile: JSON.stringify({
        manifestVersion: "1.0.0",
        package: { name: "large", description },
        model: { name: "model", path: "model.bin" },
      }),
    });
  const { size } = (await manifestOf(world, await push("d", "small"))).config;
  return await push("d".repeat(bytes - size + 1), "large");
}

async function manifestOf(world: CaseWorld, { digest }: Pushed) {
  return JSON.parse(await Deno.readTextFile(blobPath(world.test.registry, digest)));
}

const KITFILES: Case[] = ([
  ["a Kitfile of 32 MiB, the largest that kit takes", KITFILE_BYTES, [0, 0], "the ModelKit"],
  ["a Kitfile of 32 MiB and one byte", KITFILE_BYTES + 1, [6], "nothing"],
] as const).map(([name, bytes, exits, left]): Case => ({
  name,
  promise: "limits",
  exits: [...exits],
  left,
  run: async (world) => {
    const pushed = await pushKitfile(world, bytes);
    assert.equal((await manifestOf(world, pushed)).config.size, bytes);
    for (const _ of exits) await world.start();
  },
}));

/** A chain of ModelKits, each with the next one's model, down to one that has it. Answers with the first. */
async function pushChain(world: CaseWorld, length: number): Promise<Pushed> {
  const last = await world.push();
  const doc = { "R.md": `payload of ${world.name}` };
  const kitfile = { manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] };
  const base = await world.push(doc, { tag: "base", kitfile: JSON.stringify(kitfile) });
  let uri = last.uri;
  for (let index = 1; index <= length; index++) {
    const path = uri.replace("kit://", "");
    uri = await putChanged(world.test, `reliability/${world.slug}:child-${index}`, {
      digest: base.digest,
      change: (kitfile) => ({ ...kitfile, model: { path } }),
    });
  }
  const model = Object.entries(last.tree).filter(([path]) => path === "model.bin");
  return { ...base, uri, tree: { ...base.tree, ...Object.fromEntries(model) } };
}

const PARENTS: Case[] = [
  {
    name: "parents three deep: the last one's model comes with the first one's files",
    promise: "limits",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pairs: [Pushed, string][] = [[await pushChain(world, 3), world.destination]];
      await world.start({ pairs });
      await world.start({ pairs });
    },
  },
  {
    name: "parents in a circle: kit refuses them",
    promise: "limits",
    exits: [8],
    left: "nothing",
    run: async (world) => {
      const chain = await pushChain(world, 2);
      // The first child's parent is now the second child.
      const uri = await putChanged(world.test, `reliability/${world.slug}:child-1`, {
        digest: chain.digest,
        change: (kitfile) => ({ ...kitfile, model: { path: chain.uri.replace("kit://", "") } }),
      });
      const { sentence } = await world.start({ pairs: [[{ ...chain, uri }, world.destination]] });
      assert.match(sentence, /cycle/);
    },
  },
  {
    name: "a parent that no disk has room for: said before the first byte",
    promise: "limits",
    exits: [7],
    left: "nothing",
    run: async (world) => {
      const parent = await world.push();
      const chain = await pushChain(world, 0);
      const manifest = await manifestOf(world, parent);
      manifest.layers[0].size = 2 ** 52;
      const body = JSON.stringify(manifest);
      const headers = { "Docker-Content-Digest": sha256(new TextEncoder().encode(body)) };
      // A registry that looks at what is pushed would not take it.
      const proxy = world.use(
        new FaultProxy(
          world.host,
          ({ path }) =>
            path.includes("/manifests/") ? { respond: new Response(body, { headers }) } : undefined,
        ),
      );
      const uri = await putChanged(world.test, `reliability/${world.slug}:child`, {
        digest: chain.digest,
        change: (kitfile) => ({
          ...kitfile,
          model: { path: `${proxy.host}/reliability/${world.slug}:v1` },
        }),
      });
      const { sentence } = await world.start({ pairs: [[{ ...chain, uri }, world.destination]] });
      assert.match(sentence, /bytes are needed/);
      assert.deepEqual(proxy.seen.filter(({ range }) => range !== null), []);
    },
  },
];

const SMALL: Case[] = [
  whole("files without a byte", ({ name }) => ({
    "model.bin": "",
    "data/empty.csv": "",
    "data/name.csv": name,
  })),
  whole(
    "folders without a file",
    ({ name }) => ({ "model.bin": name, "data/a/b/": "", "empty/": "" }),
  ),
  whole("a ModelKit without a model", ({ name }) => ({ "R.md": name, "data/x.csv": name }), () => ({
    kitfile: JSON.stringify({
      manifestVersion: "1.0.0",
      package: {},
      docs: [{ path: "R.md" }],
      datasets: [{ name: "data", path: "data" }],
    }),
  })),
  {
    name: "a ModelKit without a layer",
    promise: "limits",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const kitfile = { manifestVersion: "1.0.0", package: { name: world.name } };
      await world.push({}, { kitfile: JSON.stringify(kitfile) });
      for (const _ of [1, 2]) await world.start();
      const text = await Deno.readTextFile(`${world.destination}/Kitfile`);
      assert.ok(text.includes(world.name));
    },
  },
  {
    name: "only --filter=model of a ModelKit with all kinds of parts",
    promise: "limits",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { name } = world;
      const pushed = await world.push({
        ...{ "model.bin": name, "lora/a.bin": name, "data/x.csv": name },
        ...{ "src/x.py": name, "R.md": name, "prompt.md": name },
      }, {
        kitfile: JSON.stringify({
          manifestVersion: "1.0.0",
          package: {},
          model: { name: "m", path: "model.bin", parts: [{ name: "lora", path: "lora" }] },
          datasets: [{ name: "data", path: "data" }],
          code: [{ path: "src" }],
          docs: [{ path: "R.md" }],
          prompts: [{ path: "prompt.md" }],
        }),
      });
      const tree = { "model.bin": name, "lora/a.bin": name };
      const env = { KIT_UNPACK_FLAGS: "--plain-http --filter=model" };
      const pairs: [Pushed, string][] = [[{ ...pushed, tree }, world.destination]];
      for (const _ of [1, 2]) await world.start({ pairs, env });
    },
  },
  {
    name: "a ModelPack without a Kitfile, as other tools make it",
    promise: "limits",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const files = { "model.bin": world.name, "data/x.csv": world.name };
      const pushed = await world.push(files, { packFlags: ["--use-model-pack"] });
      const manifest = await manifestOf(world, pushed);
      delete manifest.annotations;
      await putManifest(world.test, `reliability/${world.slug}:bare`, manifest);
      const bare = { ...pushed, uri: pushed.uri.replace(":v1", ":bare"), tree: files };
      for (const _ of [1, 2]) await world.start({ pairs: [[bare, world.destination]] });
    },
  },
];

const OPEN_FILES: Case = {
  name: "a layer of more files than a process may have open",
  promise: "limits",
  exits: [8, 0],
  left: "the ModelKit",
  run: async (world) => {
    await world.push({
      "model.bin": world.name,
      ...numbered(600, (index) => `data/${index}`)(world),
    });
    const { sentence } = await world.start({ through: ["prlimit", "--nofile=512", "--"] });
    assert.match(sentence, /Raise the container's limit of open files/);
    await world.start();
  },
};

export const LIMITS: Case[] = [
  whole("10,000 files in a layer", (world) => ({
    "model.bin": world.name,
    ...numbered(10_000, (index) => `data/${index % 100}/${index}.txt`)(world),
  })),
  OPEN_FILES,
  whole("1,000 layers", numbered(1_000, (index) => `${index}.txt`)),
  ...KITFILES,
  ...Object.entries(NAMES).map(([what, names]) =>
    whole(`names of ${what}`, ({ name }) => ({
      "model.bin": name,
      ...Object.fromEntries(names.map((path) => [`data/${path}`, `${path} of ${name}`])),
    }))
  ),
  whole(
    "folders 300 deep",
    ({ name }) => ({ "model.bin": name, [`${"d/".repeat(300)}x`]: name }),
  ),
  whole("a path of 4,095 bytes while it is unpacked", withPath(PATH_BYTES - STAGING_BYTES)),
  {
    name: "a path of 4,095 bytes, which leaves no room for unpacking",
    promise: "limits",
    exits: [7],
    left: "nothing",
    run: async (world) => {
      await world.push(withPath(PATH_BYTES)(world));
      const { sentence, report } = await world.start();
      assert.match(sentence, /file name too long/);
      assert.match(`${report.hint}`, /4055/);
    },
  },
  layerCase("a path of 4,096 bytes by itself, which Linux has no room for", pathOf(4096)),
  layerCase("a name of 256 bytes", "n".repeat(256)),
  ...SMALL,
  ...PARENTS,
];
