// A registry, or whoever stands in its place, that means harm; and a volume that somebody has prepared.
import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { makeCertificate } from "../support/certificate.ts";
import { sha256 } from "../support/fake_blob.ts";
import { type Fault, FaultProxy, type Seen } from "../support/fault_proxy.ts";
import { ForwardProxy } from "../support/forward_proxy.ts";
import { HostileServer, type Hostility } from "../support/hostile_server.ts";
import { putChanged, putLayer } from "../support/push.ts";
import { Recorder } from "../support/recorder.ts";
import { type TarEntry, tarOf } from "../support/tar.ts";
import type { Case, CaseWorld, Left, Pushed } from "./cases.ts";

const MIB = 1024 * 1024;
/** How much more memory than an ordinary start a hostile one may take. */
const MORE_MEMORY = 64 * MIB;
/** A name that no DNS knows; a proxy leads to it. */
const PUBLIC_NAME = "registry.kit.test";
/** Clears a terminal's screen, and pretends to be a line of the log. */
const FORGED = "\x1b[2J\x1b]0;title\x07\n2026-01-01T00:00:00.000Z INFO  all is well\r\u009b31m";

const isManifest = ({ path }: Seen) => path.includes("/manifests/");
const isRange = ({ range }: Seen) => range !== null;

/** The largest resident memory of a process in bytes, looked at while it runs. */
function watchMemory(): { onStart(process: Deno.ChildProcess): Promise<void>; bytes: number } {
  const watched = {
    bytes: 0,
    onStart: async (process: Deno.ChildProcess) => {
      let isOver = false;
      process.status.then(() => isOver = true);
      while (!isOver) {
        const status = await Deno.readTextFile(`/proc/${process.pid}/status`).catch(() => "");
        watched.bytes = 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? watched.bytes / 1024);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
  return watched;
}

/** Starts once undisturbed and once through a proxy, and compares the memory that both took. */
async function measured(world: CaseWorld, rule: (seen: Seen) => Fault | undefined): Promise<void> {
  const pushed = await world.push({ "model.bin": world.model(MIB) });
  const [ordinary, hostile] = [watchMemory(), watchMemory()];
  const other = `${world.volumes}/ordinary`;
  await world.start({ pairs: [[pushed, other]], onStart: ordinary.onStart });
  await Deno.remove(other, { recursive: true });
  const proxy = world.use(new FaultProxy(world.host, rule));
  await world.start({
    pairs: [[world.via(pushed, proxy.host), world.destination]],
    onStart: hostile.onStart,
    env: { KIT_RETRIES: "1" },
  });
  assert.ok(ordinary.bytes > 0 && hostile.bytes > 0);
  assert.ok(
    hostile.bytes < ordinary.bytes + MORE_MEMORY,
    `${hostile.bytes} bytes of memory instead of ${ordinary.bytes}`,
  );
}

async function gzipOfZeros(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const zeros = new Uint8Array(MIB);
  let left = bytes / MIB;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => left-- > 0 ? controller.enqueue(zeros) : controller.close(),
  });
  return await new Response(stream.pipeThrough(new CompressionStream("gzip")))
    .bytes() as Uint8Array<ArrayBuffer>;
}

/** A body in place of the manifest, with the digest that it has. */
function asManifest(body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Fault {
  return {
    respond: new Response(body, {
      headers: {
        "Content-Type": "application/vnd.oci.image.manifest.v1+json",
        "Docker-Content-Digest": sha256(body),
        ...headers,
      },
    }),
  };
}

const LAYER = `{"mediaType":"a/b","digest":"sha256:${"ab".repeat(32)}","size":1}`;
const encode = (text: string) => new TextEncoder().encode(text);

const SIZES: Case[] = [
  {
    name: "a gzip bomb in place of the manifest",
    promise: "hostile",
    exits: [0, 6],
    left: "nothing",
    run: async (world) => {
      const bomb = await gzipOfZeros(256 * MIB);
      await measured(
        world,
        (seen) => isManifest(seen) ? asManifest(bomb, { "Content-Encoding": "gzip" }) : undefined,
      );
    },
  },
  {
    name: "a gzip bomb in place of each range",
    promise: "hostile",
    exits: [0, [5, 6]],
    left: "nothing",
    run: async (world) => {
      const bomb = await gzipOfZeros(256 * MIB);
      await measured(world, (seen) =>
        isRange(seen)
          ? {
            transform: () => bomb,
            headers: { "Content-Encoding": "gzip", "Content-Length": `${bomb.length}` },
          }
          : undefined);
    },
  },
  {
    name: "a manifest of a million layers",
    promise: "hostile",
    exits: [0, 6],
    left: "nothing",
    run: async (world) => {
      const body = encode(
        `{"schemaVersion":2,"layers":[${`${LAYER},`.repeat(1_000_000)}${LAYER}]}`,
      );
      await measured(world, (seen) => isManifest(seen) ? asManifest(body) : undefined);
    },
  },
  {
    name: "a Kitfile of a million empty lists",
    promise: "hostile",
    exits: [0, 8],
    left: "nothing",
    run: async (world) => {
      const kitfile = encode(
        `{"manifestVersion":"1.0.0","package":{"x":[${"[],".repeat(1_000_000)}1]}}`,
      );
      const config = {
        mediaType: "application/vnd.kitops.modelkit.config.v1+json",
        digest: sha256(kitfile),
        size: kitfile.length,
      };
      const manifest = encode(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
      await measured(world, (seen) => {
        if (isManifest(seen)) return asManifest(manifest);
        return seen.path.endsWith(config.digest) ? { respond: new Response(kitfile) } : undefined;
      });
    },
  },
  {
    name: "a manifest of two million brackets",
    promise: "hostile",
    exits: [0, 6],
    left: "nothing",
    run: async (world) => {
      const body = encode(`{"schemaVersion":2,"layers":${"[".repeat(2_000_000)}`);
      await measured(world, (seen) => isManifest(seen) ? asManifest(body) : undefined);
    },
  },
  ...([
    [
      "in chunks",
      "/manifests/",
      [6],
      "\r\nTransfer-Encoding: chunked\r\n\r\n",
      `400\r\n${" ".repeat(0x400)}\r\n`,
    ],
    ["of a terabyte", "/manifests/", [6], "\r\nContent-Length: 1000000000000\r\n\r\n", " "],
    ["with a header", "/manifests/", [5], "\r\nX-Long: ", "x"],
    ["with headers", "/blobs/", [5], "\r\n", "X-Many: x\r\n"],
  ] as [string, string, number[], string, string][]).map((
    [what, at, codes, head, forever],
  ): Case => ({
    name: `an answer ${what} without an end (${at === "/blobs/" ? "a blob" : "the manifest"})`,
    promise: "hostile",
    exits: [codes],
    left: "nothing",
    run: async (world) => {
      const answer: Hostility = { head: `HTTP/1.1 200 OK${head}`, forever };
      const certificate = await makeCertificate();
      const server = world.use(
        new HostileServer(
          world.host,
          certificate,
          (path) => path.includes(at) ? answer : undefined,
        ),
      );
      await world.start({
        pairs: [[world.via(await world.push(), server.host), world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: certificate.ca, KIT_RETRIES: "1" },
      });
      assert.ok(server.taken < 32 * MIB, `${server.taken} bytes were taken`);
    },
  })),
  ...([
    ["a layer, one byte more than there is", 6, ({ layers: [layer] }) => layer.size++],
    ["a layer, one byte less than there is", 6, ({ layers: [layer] }) => layer.size--],
    ["a layer, nothing at all", 6, ({ layers: [layer] }) => layer.size = 0],
    ["a layer, more than any disk has", 7, ({ layers: [layer] }) => layer.size = 2 ** 52],
    ["a layer, a size below zero", 6, ({ layers: [layer] }) => layer.size = -1],
    ["a layer, a size that no number keeps", 6, ({ layers: [layer] }) => layer.size = 2 ** 53],
    ["the Kitfile, a size below zero", 6, ({ config }) => config.size = -1],
    ["the Kitfile, more than any Kitfile has", 6, ({ config }) => config.size = 2 ** 40],
    ["the Kitfile, one byte less than there is", 6, ({ config }) => config.size--],
  ] as [string, number, (manifest: Sized) => void][]).map(([what, exit, change]): Case => ({
    name: `a manifest that says of ${what}`,
    promise: "hostile",
    exits: [exit],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push({ "model.bin": world.model(2 * MIB) });
      const manifest = JSON.parse(
        await Deno.readTextFile(blobPath(world.test.registry, pushed.digest)),
      );
      change(manifest);
      const body = encode(JSON.stringify(manifest));
      // A registry that looks at what is pushed would not take it.
      const proxy = world.use(
        new FaultProxy(world.host, (seen) => isManifest(seen) ? asManifest(body) : undefined),
      );
      await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]] });
    },
  })),
];

interface Sized {
  config: { size: number };
  layers: { size: number }[];
}

/** Where a range is redirected to by a registry with a public name; `HERE` is a server on this machine. */
const LOCATIONS: [name: string, location: string][] = [
  ["a file", "file:///etc/passwd"],
  ["ftp", "ftp://example.com/blob"],
  ["data", "data:text/plain,hello"],
  ["the cloud's metadata", "http://169.254.169.254/latest/meta-data/"],
  ["the cloud's metadata, written as one number", "http://2852039166/latest/meta-data/"],
  ["the cloud's metadata by IPv6", "http://[fd00:ec2::254]/latest/meta-data/"],
  ["the pod itself", "http://HERE/"],
  ["the pod itself by name", "http://localhost:PORT/"],
  ["the pod itself in hexadecimal", "http://0x7f.1:PORT/"],
  ["the pod itself by IPv6", "http://[::ffff:127.0.0.1]:PORT/"],
];

const REDIRECTS = LOCATIONS.map(([name, location]): Case => ({
  name: `a redirect to ${name}`,
  promise: "hostile",
  exits: [5],
  left: "nothing",
  run: async (world) => {
    const pushed = await world.push();
    const victim = world.use(new Recorder(() => new Response("a secret of the pod")));
    const Location = location.replace("HERE", victim.host)
      .replace("PORT", victim.host.split(":")[1]);
    const registry = world.use(
      new FaultProxy(
        world.host,
        (seen) =>
          isRange(seen)
            ? { respond: new Response(null, { status: 307, headers: { Location } }) }
            : undefined,
      ),
    );
    const proxy = world.use(new ForwardProxy({ hosts: { [PUBLIC_NAME]: registry.host } }));
    const ended = await world.start({
      pairs: [[world.via(pushed, PUBLIC_NAME), world.destination]],
      env: { HTTP_PROXY: `http://${proxy.host}` },
    });
    assert.match(ended.sentence, /Cannot follow a redirect/);
    assert.deepEqual(victim.visits, []);
    for (const { line } of proxy.visits) assert.ok(line.includes(`http://${PUBLIC_NAME}/`), line);
  },
}));

const REALMS = ["http://169.254.169.254/token", "http://HERE/token", "file:///etc/passwd"].map((
  realm,
): Case => ({
  name: `a token server at ${realm.replace("HERE", "the pod itself")}`,
  promise: "hostile",
  exits: [3],
  left: "nothing",
  run: async (world) => {
    const pushed = await world.push();
    const victim = world.use(new Recorder(() => Response.json({ token: "token-4741" })));
    const value = `Bearer realm="${realm.replace("HERE", victim.host)}"`;
    const registry = world.use(
      new FaultProxy(world.host, () => ({
        respond: new Response("{}", { status: 401, headers: { "WWW-Authenticate": value } }),
      })),
    );
    const proxy = world.use(new ForwardProxy({ hosts: { [PUBLIC_NAME]: registry.host } }));
    await world.start({
      pairs: [[world.via(pushed, PUBLIC_NAME), world.destination]],
      env: {
        HTTP_PROXY: `http://${proxy.host}`,
        KIT_USER: "alice",
        KIT_PASSWORD: world.secret("correct-horse-4742"),
      },
    });
    assert.deepEqual(victim.visits, []);
  },
}));

/** What kit refuses to unpack, and we show: layers whose tar means harm. */
const TARS: [
  name: string,
  exit: number,
  entries: (world: CaseWorld) => TarEntry[],
  says?: RegExp,
][] = [
  ["a file above the destination", 8, () => [{ path: "../outside.txt", body: "x" }]],
  ["a file above the destination by a detour", 8, () => [{ path: "model/../../x", body: "x" }]],
  ["a file at an absolute path", 8, ({ volumes }) => [{ path: `${volumes}/canary/x`, body: "x" }]],
  [
    "a link that leads out",
    8,
    ({ volumes }) => [{ path: "model", type: "2", target: `${volumes}/canary` }],
  ],
  [
    "a file below a link that leads out",
    8,
    () => [{ path: "model", type: "2", target: "../../../canary" }, { path: "model/x", body: "x" }],
  ],
  [
    "a hard link to a file outside",
    8,
    () => [{ path: "model", type: "1", target: "../../../canary/alive.txt" }],
  ],
  ["a link within the destination", 8, () => [{ path: "model", type: "2", target: "Kitfile" }]],
  ["a device", 8, () => [{ path: "model", type: "3" }]],
  ["a pipe", 8, () => [{ path: "model", type: "6" }]],
  ["the marker's name", 7, () => [{ path: ".kit-storage.json", body: "{}" }]],
  [
    "a staging folder's name",
    7,
    () => [{ path: ".kit-storage.tmp-x/", type: "5", mode: 0o755 }, {
      path: ".kit-storage.tmp-x/a",
      body: "x",
    }],
  ],
  ["the same file twice", 8, () => [{ path: "model", body: "1" }, { path: "model", body: "2" }]],
  ["another Kitfile", 8, () => [{ path: "Kitfile", body: "evil" }]],
  [
    "a file that is longer than the tar",
    8,
    () => [{ path: "model", body: "1", size: 1024 ** 3 }],
    /Pack and push the ModelKit again: kit cannot read what is in its layers$/,
  ],
  [
    "a name with escapes that kit cannot write",
    8,
    () => [{ path: `nowhere/${FORGED}`, body: "x" }],
  ],
];

/** A ModelKit whose first layer is this tar. */
async function pushTar(world: CaseWorld, entries: TarEntry[], tag = "evil"): Promise<Pushed> {
  const pushed = await world.push({ "model": world.name });
  const uri = await putLayer(world.test, `reliability/${world.slug}:${tag}`, {
    digest: pushed.digest,
    layer: tarOf(entries),
  });
  return { ...pushed, uri };
}

const REFUSED_TARS = TARS.map(([name, exit, entries, says]): Case => ({
  name: `a layer with ${name}`,
  promise: "hostile",
  exits: [exit],
  left: "nothing",
  run: async (world) => {
    const pushed = await pushTar(world, entries(world));
    const ended = await world.start({ pairs: [[pushed, world.destination]] });
    if (says !== undefined) assert.match(ended.sentence, says);
  },
}));

const TAMED: Case[] = [
  {
    name: "a layer with a file that would run as its owner",
    promise: "hostile",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await pushTar(world, [{ path: "model", mode: 0o6755, body: world.name }]);
      await world.start({ pairs: [[pushed, world.destination]] });
      const { mode } = await Deno.stat(`${world.destination}/model`);
      assert.equal(mode! & 0o7000, 0, "setuid and setgid are gone");
    },
  },
  {
    name: "a Kitfile with escapes that steer a terminal",
    promise: "hostile",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await world.push();
      const uri = await putChanged(world.test, `reliability/${world.slug}:evil`, {
        digest: pushed.digest,
        change: (kitfile) =>
          ({ ...kitfile, package: { name: "x", description: FORGED } }) as typeof kitfile,
      });
      await world.start({ pairs: [[{ ...pushed, uri }, world.destination]] });
    },
  },
  {
    name: "a foreign file in the way whose name has escapes and line breaks",
    promise: "untouched",
    exits: [7],
    left: "what was there",
    run: async (world) => {
      // The name in the tar is bytes, the one on disk text.
      const name = FORGED.replace("\u009b", "");
      await world.foreign({ [name]: "a foreign file" });
      const pushed = await pushTar(world, [{ path: name, body: "x" }]);
      await world.start({ pairs: [[pushed, world.destination]] });
    },
  },
  {
    name: "an error of the registry with escapes and a forged line in it",
    promise: "hostile",
    exits: [3],
    left: "nothing",
    run: async (world) => {
      const errors = [{ code: "DENIED", message: FORGED }];
      const proxy = world.use(
        new FaultProxy(world.host, () => ({ respond: Response.json({ errors }, { status: 403 }) })),
      );
      await world.start({
        pairs: [[world.via(await world.push(), proxy.host), world.destination]],
      });
    },
  },
  {
    name: "an index with an entry that is answered with the index again",
    promise: "hostile",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push();
      const mediaType = "application/vnd.oci.image.index.v1+json";
      const manifests = [{ mediaType, digest: pushed.digest, size: 1 }];
      const index = encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
      const proxy = world.use(
        new FaultProxy(world.host, (seen) => isManifest(seen) ? asManifest(index) : undefined),
      );
      await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]] });
    },
  },
  {
    name: "a signature in a redirect's URL",
    promise: "hostile",
    exits: [4],
    left: "nothing",
    run: async (world) => {
      const signature = world.secret("signature-4743");
      const user = world.secret("user-of-the-storage-4744");
      const proxy = world.use(
        new FaultProxy(world.host, ({ path, range }): Fault | undefined => {
          if (range === null) return undefined;
          if (path.includes(signature)) return { respond: new Response("{}", { status: 404 }) };
          const Location = `http://${user}:${user}@${proxy.host}/blob?sig=${signature}`;
          return { respond: new Response(null, { status: 307, headers: { Location } }) };
        }),
      );
      await world.start({
        pairs: [[world.via(await world.push(), proxy.host), world.destination]],
        env: { KIT_LOG_LEVEL: "debug" },
      });
    },
  },
];

/** A volume that somebody has prepared before the start. */
const PLANTED: [
  name: string,
  exit: number,
  left: Left,
  plant: (world: CaseWorld) => Promise<void>,
][] = [
  [
    "the marker is a link to one outside that claims foreign files",
    7,
    "what was there",
    async ({ test, destination }) => {
      await Deno.writeTextFile(`${test.folder}/marker`, markerOf({ "model.bin": STATE }));
      await Deno.symlink(`${test.folder}/marker`, `${destination}/.kit-storage.json`);
      await Deno.writeTextFile(`${destination}/model.bin`, "a foreign file");
    },
  ],
  [
    "the marker is a folder",
    7,
    "what was there",
    ({ destination }) => Deno.mkdir(`${destination}/.kit-storage.json`),
  ],
  [
    "the marker claims files outside as its own",
    0,
    "the ModelKit",
    ({ destination, volumes }) =>
      Deno.writeTextFile(
        `${destination}/.kit-storage.json`,
        markerOf({ "../canary/alive.txt": STATE, [`${volumes}/canary/alive.txt`]: STATE }),
      ),
  ],
  [
    "the marker claims files behind a link as its own",
    0,
    "the ModelKit, and what was there",
    async (world) => {
      const { volumes, destination } = world;
      await Deno.symlink(`${volumes}/canary`, `${destination}/link`);
      await world.remember();
      await Deno.writeTextFile(
        `${destination}/.kit-storage.json`,
        markerOf({ "link/alive.txt": STATE }),
      );
    },
  ],
  [
    "the marker says that all is complete, and nothing is there",
    0,
    "the ModelKit",
    ({ destination }) =>
      Deno.writeTextFile(`${destination}/.kit-storage.json`, markerOf({ "model.bin": STATE })),
  ],
  [
    "the marker is nonsense",
    0,
    "the ModelKit",
    ({ destination }) => Deno.writeTextFile(`${destination}/.kit-storage.json`, "{nonsense"),
  ],
  [
    "a staging folder is a link to a folder outside",
    0,
    "the ModelKit",
    ({ volumes, destination }) =>
      Deno.symlink(`${volumes}/canary`, `${destination}/.kit-storage.tmp-x`),
  ],
  [
    "a staging folder has a link to a folder outside",
    0,
    "the ModelKit",
    async ({ volumes, destination }) => {
      await Deno.mkdir(`${destination}/.kit-storage.tmp-x`);
      await Deno.symlink(`${volumes}/canary`, `${destination}/.kit-storage.tmp-x/link`);
    },
  ],
  [
    "a folder of the ModelKit is a link to a folder outside",
    7,
    "what was there",
    ({ volumes, destination }) => Deno.symlink(`${volumes}/canary`, `${destination}/data`),
  ],
  [
    "a file of the ModelKit is a link to a file outside",
    7,
    "what was there",
    ({ volumes, destination }) =>
      Deno.symlink(`${volumes}/canary/alive.txt`, `${destination}/model.bin`),
  ],
];

const STATE = { size: 8, mtime: 1 };

function markerOf(files: Record<string, typeof STATE>): string {
  const entry = {
    uri: "kit://r/x:v1",
    digest: `sha256:${"0".repeat(64)}`,
    filters: [],
    status: "complete",
  };
  const modelkits = [{ ...entry, files, directories: [], started: "2026-01-01T00:00:00.000Z" }];
  return JSON.stringify({ format: 1, version: "0.1.0", modelkits });
}

const PREPARED: Case[] = [
  ...PLANTED.map(([name, exit, left, plant]): Case => ({
    name: `before the start ${name}`,
    promise: "hostile",
    exits: [exit],
    left,
    run: async (world) => {
      await Deno.mkdir(world.destination);
      await plant(world);
      if (left === "what was there") await world.remember();
      await world.push();
      await world.start();
    },
  })),
  {
    name: "the destination is a link to the volume",
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const volume = `${world.test.folder}/volume`;
      await Deno.mkdir(volume);
      await Deno.symlink(volume, world.destination);
      await world.push();
      await world.start();
      assert.ok((await Deno.lstat(world.destination)).isSymlink, "the link stays");
      await world.start();
    },
  },
];

export const HOSTILE: Case[] = [
  ...SIZES,
  ...REDIRECTS,
  ...REALMS,
  ...REFUSED_TARS,
  ...TAMED,
  ...PREPARED,
];
