// The whole main job on this machine: `deno task demo`. It asks nothing and leaves nothing running.
import { acquire } from "./acquire.ts";
import { type Flower, type Model, predict, writeModelKit } from "./demo/iris.ts";
import { describeTree, filesOf } from "./demo/tree.ts";
import { packAndPush } from "./kit.ts";
import { programCommand, ROOT } from "./program.ts";
import { blobPath, type Registry, startRegistry } from "./registry.ts";
import { note, step } from "./steps.ts";

/** What the steps share. */
interface Scene {
  kit: string;
  registry: Registry;
  /** A temporary folder, removed at the end. */
  folder: string;
  signal: AbortSignal;
}

/** A step's title, and what it shows when it went as it should; it throws when it did not. */
type Step = [title: string, play: (scene: Scene) => Promise<string>];

/** Not in the training data: Fisher's flower number 101. */
const FLOWER: Flower = [6.3, 3.3, 6.0, 2.5];
const SPECIES = "virginica";

const STEPS: Step[] = [
  ["Train a model and push it as a ModelKit", async ({ kit, registry, folder, signal }) => {
    const accuracy = await writeModelKit(`${folder}/source`);
    const reference = `${registry.host}/demo/iris:v1`;
    const plainHttp = true;
    await packAndPush(kit, { folder: `${folder}/source`, reference, plainHttp, signal });
    return `${reference}, right for ${(100 * accuracy).toFixed(0)} % of the flowers it never saw`;
  }],
  ["Initialise a folder from it, as KServe would", async (scene) => {
    await initialise(scene, { tag: "v1", folder: "model" });
    const source = await filesOf(`${scene.folder}/source`);
    const model = await filesOf(`${scene.folder}/model`);
    // kit writes the Kitfile anew, in its own layout.
    source.delete("Kitfile");
    for (const [path, bytes] of source) {
      if (model.get(path) !== bytes) throw new Error(`${path} is not what was pushed`);
    }
    return await describeTree(`${scene.folder}/model`);
  }],
  ["Use the model from the folder", async ({ folder }) => {
    const text = await Deno.readTextFile(`${folder}/model/model/weights.json`);
    const species = predict(JSON.parse(text) as Model, FLOWER);
    expect(species, SPECIES, "the species");
    return `a flower of ${FLOWER.join(" × ")} cm is an Iris ${species}: right`;
  }],
  ["Start again, as after a node's reboot", async (scene) => {
    const before = await layersServed(scene.registry);
    if (before === 0) {
      throw new Error("the registry's log does not show the layers of the first start");
    }
    await initialise(scene, { tag: "v1", folder: "model" });
    expect(await layersServed(scene.registry), before, "the number of layers served");
    return "complete at once, and the registry served no layer";
  }],
  ["Ask for a tag that does not exist", async (scene) => {
    await initialise(scene, { tag: "v2", folder: "missing", code: 4 });
    return "refused with exit code 4";
  }],
  ["Initialise a folder where somebody else's file is in the way", async (scene) => {
    await Deno.mkdir(`${scene.folder}/foreign`);
    await Deno.writeTextFile(`${scene.folder}/foreign/README.md`, "mine");
    await initialise(scene, { tag: "v1", folder: "foreign", code: 7 });
    expect(await Deno.readTextFile(`${scene.folder}/foreign/README.md`), "mine", "the file");
    return "refused with exit code 7, and the file is untouched";
  }],
  ["Initialise a folder when one byte in the registry's storage has changed", async (scene) => {
    const layer = (await layersOf(scene.registry))[0].digest;
    const blob = await Deno.readFile(blobPath(scene.registry, layer));
    blob[blob.length >> 1] ^= 1;
    await Deno.writeFile(blobPath(scene.registry, layer), blob);
    await initialise(scene, { tag: "v1", folder: "corrupt", code: 6 });
    expect((await filesOf(`${scene.folder}/corrupt`)).size, 0, "the number of files there");
    return "refused with exit code 6, and nothing of it is visible";
  }],
];

const stop = new AbortController();
const codes = { SIGINT: 130, SIGTERM: 143 };
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    Deno.exitCode = codes[signal];
    stop.abort(new Error(`ended by ${signal}`));
  });
}
try {
  await play(stop.signal);
} catch (error) {
  const cause = stop.signal.aborted ? stop.signal.reason : error;
  note(`\nThe demo failed: ${cause instanceof Error ? cause.message : cause}`);
  Deno.exitCode ||= 1;
}
// The signal listeners would keep the process alive.
Deno.exit();

async function play(signal: AbortSignal): Promise<void> {
  const { kit, registry: binary } = await acquire(signal);
  const folder = await Deno.makeTempDir({ prefix: "storage-initializer-demo-" });
  try {
    await using registry = await step("Starting a registry", () => startRegistry({ binary }));
    for (const [index, [title, play]] of STEPS.entries()) {
      signal.throwIfAborted();
      note(`\n${index + 1}. ${title}`);
      const start = performance.now();
      const shown = await play({ kit, registry, folder, signal });
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      note(`${shown.replaceAll(/^/gm, "   ")}  (${seconds} s)`);
    }
    note(`\nAll ${STEPS.length} steps went as they should.`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Run {
  tag: string;
  /** Below the scene's folder. */
  folder: string;
  /** The wanted exit code. Default: 0. */
  code?: number;
}

/** Runs our program as `deno task run` does, and shows what it writes. */
async function initialise(scene: Scene, { tag, folder, code = 0 }: Run): Promise<void> {
  const uri = `kit://${scene.registry.host}/demo/iris:${tag}`;
  note(`   $ deno task run ${uri} ./${folder}`);
  const { command, args } = programCommand();
  const output = await new Deno.Command(command, {
    args: [...args, uri, `${scene.folder}/${folder}`],
    cwd: ROOT,
    env: {
      KIT_BIN: scene.kit,
      KIT_UNPACK_FLAGS: "--plain-http",
      KIT_TERMINATION_LOG: `${scene.folder}/termination-log`,
    },
    signal: scene.signal,
  }).output();
  const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  if (text !== "") note(text.trimEnd().replaceAll(/^/gm, "   │ "));
  scene.signal.throwIfAborted();
  expect(output.code, code, "the exit code");
}

/** How often the registry has sent one of the ModelKit's layers. Asking for its Kitfile is no download. */
async function layersServed(registry: Registry): Promise<number> {
  const layers = await layersOf(registry);
  const requests = registry.log().match(/"GET \S+\/blobs\/\S+ HTTP/g) ?? [];
  return requests.filter((request) => layers.some(({ digest }) => request.includes(digest))).length;
}

async function layersOf(registry: Registry): Promise<{ digest: string }[]> {
  const response = await fetch(`http://${registry.host}/v2/demo/iris/manifests/v1`, {
    headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
  });
  return (await response.json()).layers;
}

function expect(is: unknown, wanted: unknown, what: string): void {
  if (is !== wanted) throw new Error(`${what} is ${is}, wanted is ${wanted}`);
}
