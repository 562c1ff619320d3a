// The image as a pod runs it: any user, a read-only root, no capabilities, little memory.
import assert from "node:assert/strict";
import { buildImage, type BuiltImage } from "../../tools/image/build.ts";
import { engine, runEngine } from "../../tools/image/engine.ts";
import { OUTCOMES } from "../../lib/errors.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const MAX_ADDED_BYTES = 100 * 2 ** 20;
/** As if a cluster gave each namespace user ids of its own; only root may make up one. */
const USER = Deno.uid() === 0 ? "1000650000:0" : `${Deno.uid()}:${Deno.gid()}`;

let built: Promise<BuiltImage> | undefined;
/** Built once, by the test that comes first. */
const image = () => built ??= buildImage();

Deno.test("the image starts our program as a user with a number", async () => {
  const { image: name } = await image();
  const [{ Config }] = JSON.parse(await engine(["image", "inspect", name]));
  assert.match(Config.User, /^[1-9]\d*$/);
  assert.deepEqual(Config.Entrypoint, ["/usr/local/bin/storage-initializer"]);
  assert.ok(!Config.Cmd, "there are arguments");
});

Deno.test("the image adds at most 100 MiB to its base", async () => {
  const { image: name, base } = await image();
  const sizes = await engine(["image", "inspect", "--format={{.Size}}", name, base]);
  const [size, baseSize] = sizes.split("\n").map(Number);
  console.log(`it adds ${((size - baseSize) / 2 ** 20).toFixed(1)} MiB`);
  assert.ok(size - baseSize <= MAX_ADDED_BYTES, `it adds ${size - baseSize} bytes`);
});

Deno.test("a pod fills its volume, and a second start finds it complete", async () => {
  await using pod = await Pod.create();
  const { uri, digest } = await pod.world.push("image/fill:v1", {
    "model.bin": "payload of the image's pod",
    "docs/README.md": "# fill",
  });

  const first = await pod.run(uri);
  assert.equal(first.code, OUTCOMES.ok.code, first.stderr);
  assert.equal(first.report.digest, digest);
  const tree = await snapshot(pod.volume);
  assert.equal(await Deno.readTextFile(`${pod.volume}/model.bin`), "payload of the image's pod");
  assert.equal(await Deno.readTextFile(`${pod.volume}/docs/README.md`), "# fill");
  const names = await Array.fromAsync(Deno.readDir(pod.volume), ({ name }) => name);
  assert.deepEqual(names.sort(), [".kit-storage.json", "Kitfile", "docs", "model.bin"]);

  const second = await pod.run(uri);
  assert.equal(second.code, OUTCOMES.ok.code, second.stderr);
  assert.equal(second.report.bytes, 0);
  assert.deepEqual(await snapshot(pod.volume), tree);
});

Deno.test("a pod that asks for a missing tag says so in its termination message", async () => {
  await using pod = await Pod.create();
  await pod.world.push("image/missing:v1", { "model.bin": "payload of the missing tag" });
  const { code, sentence, report } = await pod.run(`kit://${pod.world.host}/image/missing:v2`);
  assert.equal(code, OUTCOMES["not found"].code, sentence);
  assert.equal(report.name, "not found");
  assert.match(sentence, /image\/missing:v2/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(pod.volume)), []);
});

Deno.test("a pod with wrong arguments ends with the usage code", async () => {
  await using pod = await Pod.create();
  const { code, sentence } = await pod.run("s3://bucket/model");
  assert.equal(code, OUTCOMES.usage.code, sentence);
  assert.match(sentence, /only "kit:\/\/" is served here/);
});

/** How a start of the container ended. */
interface Ended {
  code: number;
  stderr: string;
  /** The termination message: its sentence, and the JSON of its second line. */
  sentence: string;
  report: Record<string, unknown>;
}

/** What Kubernetes would give to the init container: a volume, a termination file, limits, a user. */
class Pod implements AsyncDisposable {
  readonly world: TestWorld;
  readonly volume: string;
  readonly #terminationLog: string;

  private constructor(world: TestWorld) {
    this.world = world;
    this.volume = `${world.folder}/volume`;
    this.#terminationLog = `${world.folder}/termination-log`;
  }

  static async create(): Promise<Pod> {
    const pod = new Pod(await TestWorld.create());
    await Deno.mkdir(pod.volume);
    // An emptyDir is so, and the kubelet makes the file so.
    await Deno.chmod(pod.volume, 0o777);
    return pod;
  }

  async run(uri: string): Promise<Ended> {
    await Deno.writeTextFile(this.#terminationLog, "");
    await Deno.chmod(this.#terminationLog, 0o666);
    const { code, stderr } = await runEngine([
      ...["run", "--rm", "--network=host", `--user=${USER}`, "--memory=128m", "--memory-swap=128m"],
      ...["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"],
      `--volume=${this.volume}:/mnt/models`,
      `--volume=${this.#terminationLog}:/dev/termination-log`,
      "--env=KIT_UNPACK_FLAGS=-v --plain-http",
      (await image()).image,
      ...[uri, "/mnt/models"],
    ]);
    const [sentence, json] = (await Deno.readTextFile(this.#terminationLog)).split("\n");
    return { code, stderr, sentence, report: json ? JSON.parse(json) : {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}
