// Bytes that are not those that the digests are of, in the registry or on the way.
import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { FaultProxy, type Seen } from "../support/fault_proxy.ts";
import type { Case, CaseWorld, Pushed } from "./cases.ts";

const MIB = 1024 * 1024;

interface Paths {
  manifest: string;
  config: string;
  /** The blob of the model. */
  layer: string;
  /** A smaller one. */
  other: string;
}

/** Where the registry has the parts of a ModelKit. */
async function pathsOf(world: CaseWorld, { digest }: Pushed): Promise<Paths> {
  const path = (digest: string) => blobPath(world.test.registry, digest);
  const { config, layers } = JSON.parse(await Deno.readTextFile(path(digest)));
  const [largest, smaller] = layers.toSorted((a: { size: number }, b: { size: number }) =>
    b.size - a.size
  );
  return {
    manifest: path(digest),
    config: path(config.digest),
    layer: path(largest.digest),
    other: path(smaller.digest),
  };
}

async function overwrite(path: string, position: number, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true });
  await file.seek(position, position < 0 ? Deno.SeekMode.End : Deno.SeekMode.Start);
  await file.write(bytes);
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await Deno.writeTextFile(path, change(await Deno.readTextFile(path)));
}

const DAMAGES: [name: string, damage: (paths: Paths) => Promise<void>][] = [
  [
    "eight flipped bytes in a layer",
    ({ layer }) => overwrite(layer, 3 * MIB, new Uint8Array(8).fill(0xff)),
  ],
  ["a flipped bit in the first byte of a layer", async ({ layer }) => {
    const [first] = await Deno.readFile(layer);
    await overwrite(layer, 0, new Uint8Array([first ^ 1]));
  }],
  [
    "a changed byte past the end of the tar, which kit does not read",
    ({ layer }) => overwrite(layer, -1, new Uint8Array([1])),
  ],
  [
    "a layer of zeros",
    async ({ layer }) => await Deno.writeFile(layer, new Uint8Array((await Deno.stat(layer)).size)),
  ],
  [
    "a layer whose second half is zeros",
    async ({ layer }) =>
      await overwrite(layer, 2 * MIB, new Uint8Array((await Deno.stat(layer)).size - 2 * MIB)),
  ],
  ["a layer that is cut", ({ layer }) => Deno.truncate(layer, 2 * MIB + 17)],
  ["a layer that is empty", ({ layer }) => Deno.truncate(layer, 0)],
  [
    "a layer with more bytes behind it",
    async ({ layer }) => await Deno.writeFile(layer, new Uint8Array(4096), { append: true }),
  ],
  ["another layer's bytes in a layer's place", ({ layer, other }) => Deno.copyFile(other, layer)],
  [
    "a manifest with another space in it",
    ({ manifest }) =>
      edit(manifest, (text) => text.replace('"schemaVersion":2', '"schemaVersion": 2')),
  ],
  [
    "a Kitfile with one changed word",
    ({ config }) => edit(config, (text) => text.replace("test", "tset")),
  ],
  [
    "a Kitfile of zeros",
    async ({ config }) =>
      await Deno.writeFile(config, new Uint8Array((await Deno.stat(config)).size)),
  ],
];

const files = (world: CaseWorld, version: string) => ({
  "model.bin": world.model(5 * MIB + 3),
  "data/x.csv": `${version} of ${world.name}`,
});

const DAMAGED = DAMAGES.flatMap(([name, damage]): Case[] => [
  {
    name: `${name}, and nothing is there`,
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      await damage(await pathsOf(world, await world.push(files(world, "v1"))));
      await world.start();
    },
  },
]);

/** What an earlier version is not replaced by. */
const OVER = [
  "eight flipped bytes in a layer",
  "a layer that is cut",
  "a Kitfile of zeros",
];

const UPGRADES = DAMAGES.filter(([name]) => OVER.includes(name)).map(([name, damage]): Case => ({
  name: `${name}, and an earlier version is there`,
  promise: "untouched",
  exits: [0, 6],
  left: "what was there",
  run: async (world) => {
    await world.push({ "model.bin": `an earlier payload of ${world.name}`, "old/x.txt": "old" });
    await world.start();
    await world.remember();
    await damage(await pathsOf(world, await world.push(files(world, "v2"), { tag: "v2" })));
    await world.start();
  },
}));

/** Starts through a proxy that changes bodies. */
async function changed(
  world: CaseWorld,
  is: (seen: Seen) => boolean,
  change: (body: Uint8Array<ArrayBuffer>, seen: Seen) => Uint8Array<ArrayBuffer>,
  packFlags: string[] = [],
): Promise<void> {
  const pushed = await world.push(files(world, "v1"), { packFlags });
  const proxy = world.use(
    new FaultProxy(
      world.host,
      (seen) => is(seen) ? { transform: (body) => change(body, seen) } : undefined,
    ),
  );
  await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]] });
}

const flipped = (body: Uint8Array<ArrayBuffer>) =>
  body.map((byte, index) => index === 5 ? byte ^ 1 : byte);

const ON_THE_WAY: Case[] = [
  {
    name: "one byte of every range is changed on the way",
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: (world) => changed(world, ({ range }) => range !== null, flipped),
  },
  {
    name: "the wrong ModelKit, where KIT_EXPECT names a file that it does not have",
    promise: "untouched",
    exits: [0, 4, 4],
    left: "what was there",
    run: async (world) => {
      const env = { KIT_EXPECT: "model.bin data/*.csv" };
      await world.foreign({ "theirs.txt": "theirs" });
      const right = await world.push();
      await world.start({ env });
      await world.remember();
      // The tag moves, and what it stands for lacks the dataset, or has an empty one.
      await world.push({ "model.bin": `another of ${world.name}` });
      await world.start({ env, pairs: [[right, world.destination]] });
      await world.push({ "model.bin": `a third of ${world.name}`, "data/x.csv": "" });
      await world.start({ env, pairs: [[right, world.destination]] });
    },
  },
  {
    name: "a complete folder, of which KIT_EXPECT wants more than it has",
    promise: "untouched",
    exits: [0, 4],
    left: "what was there",
    run: async (world) => {
      await world.push();
      await world.start();
      await world.remember();
      const { sentence } = await world.start({ env: { KIT_EXPECT: "model.onnx" } });
      assert.match(sentence, /^Cannot find "model.onnx" in .*: it has Kitfile, model.bin, data/);
    },
  },
  {
    name: "the first byte of compressed layers is changed on the way, and kit itself fails first",
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: (world) =>
      changed(
        world,
        ({ range }) => range?.startsWith("bytes=0-") ?? false,
        (body) => body.map((byte, index) => index === 0 ? byte ^ 1 : byte),
        ["--compression=gzip"],
      ),
  },
  {
    name: "the manifest is cut on the way, and nobody says so",
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push(files(world, "v1"));
      const manifest = await Deno.readFile(blobPath(world.test.registry, pushed.digest));
      const cut = manifest.subarray(0, -10);
      const proxy = world.use(
        new FaultProxy(
          world.host,
          ({ path }) =>
            path.includes("/manifests/")
              ? { transform: () => cut, headers: { "Content-Length": `${cut.length}` } }
              : undefined,
        ),
      );
      await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]] });
    },
  },
  {
    name: "two ranges of a layer change places on the way",
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push({
        "model.bin": world.model(12 * MIB),
        "data/x.csv": world.name,
      });
      const { layer } = await pathsOf(world, pushed);
      const bytes = await Deno.readFile(layer);
      const proxy = world.use(
        new FaultProxy(world.host, ({ range }) => {
          const start = Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? NaN);
          const other = [4 * MIB, 8 * MIB].indexOf(start) === -1 ? undefined : 12 * MIB - start;
          if (other === undefined) return undefined;
          return { transform: (body) => bytes.slice(other, other + body.length) };
        }),
      );
      await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]] });
    },
  },
  {
    name: "the manifest of another ModelKit comes for a digest",
    promise: "nothingWrong",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      const other = await world.push({ "model.bin": "another ModelKit" }, { tag: "other" });
      const pushed = await world.push(files(world, "v1"));
      const manifest = await Deno.readFile(blobPath(world.test.registry, other.digest));
      const proxy = world.use(
        new FaultProxy(
          world.host,
          ({ path }) =>
            path.includes("/manifests/")
              ? { transform: () => manifest, headers: { "Content-Length": `${manifest.length}` } }
              : undefined,
        ),
      );
      const byDigest = { ...pushed, uri: pushed.uri.replace(":v1", `@${pushed.digest}`) };
      await world.start({ pairs: [[world.via(byDigest, proxy.host), world.destination]] });
    },
  },
  {
    name: "a layer is damaged, then pushed again, and the next start has it",
    promise: "restart",
    exits: [6, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { layer } = await pathsOf(world, await world.push(files(world, "v1")));
      const good = await Deno.readFile(layer);
      await overwrite(layer, 3 * MIB, new Uint8Array(8).fill(0xff));
      await world.start();
      await Deno.writeFile(layer, good);
      await world.start();
    },
  },
  {
    name: "a mirror sends a wrong byte, and the registry has the right one",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push(files(world, "v1"));
      const mirror = world.use(
        new FaultProxy(
          world.host,
          ({ range }) => range === null ? undefined : { transform: flipped },
        ),
      );
      await world.start({ env: { KIT_MIRRORS: `${world.host}=http://${mirror.host}` } });
    },
  },
];

/** What somebody did to a destination between two starts. */
const TAMPERED: Case[] = ([
  [
    "a file of the ModelKit is changed",
    (path) => Deno.writeTextFile(`${path}/model.bin`, "changed"),
  ],
  ["a file of the ModelKit is removed", (path) => Deno.remove(`${path}/model.bin`)],
  [
    "a folder of the ModelKit is removed",
    (path) => Deno.remove(`${path}/data`, { recursive: true }),
  ],
  ["a file of the ModelKit is replaced by a link", async (path) => {
    await Deno.remove(`${path}/model.bin`);
    await Deno.symlink("Kitfile", `${path}/model.bin`);
  }],
  ["the marker is removed with the ModelKit's files", async (path) => {
    for await (const { name } of Deno.readDir(path)) {
      await Deno.remove(`${path}/${name}`, { recursive: true });
    }
  }],
] as [string, (path: string) => Promise<void>][]).map(([name, tamper]): Case => ({
  name: `${name} between two starts`,
  promise: "restart",
  exits: [0, 0],
  left: "the ModelKit",
  run: async (world) => {
    await world.push();
    await world.start();
    await tamper(world.destination);
    await world.start();
  },
}));

const UNREADABLE: Case = {
  name: "the marker is damaged between two starts: whose the files are is not known then",
  promise: "untouched",
  exits: [0, 7],
  left: "what was there",
  run: async (world) => {
    await world.push();
    await world.start();
    await edit(
      `${world.destination}/.kit-storage.json`,
      (text) => text.replace('"size"', '"sice"'),
    );
    await world.remember();
    await world.start();
  },
};

export const INTEGRITY: Case[] = [
  ...DAMAGED,
  ...UPGRADES,
  ...ON_THE_WAY,
  ...TAMPERED,
  UNREADABLE,
];
