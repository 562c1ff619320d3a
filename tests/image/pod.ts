// What a cluster gives to a pod with our init container, by a container engine alone.
import { buildImage, type BuiltImage } from "../../tools/image/build.ts";
import { engine, runEngine } from "../../tools/image/engine.ts";
import { acquire } from "../../tools/acquire.ts";
import { makeCertificate } from "../support/certificate.ts";
import { type Files, TestWorld } from "../support/world.ts";
import { type Memory, watchMemory } from "./memory.ts";

/** As a cluster may give each namespace user ids of its own; only root may make up one. */
const USER = Deno.uid() === 0
  ? `${1_000_000_000 + Math.floor(Math.random() * 1_000_000)}:0`
  : `${Deno.uid()}:${Deno.gid()}`;
/** Pod Security "restricted", and as little as a namespace's limits may leave. */
const LIMITS = [
  ...[`--user=${USER}`, "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"],
  ...["--memory=128m", "--memory-swap=128m"],
];
const REGISTRY_START_MS = 20_000;
/** Name of the registry that speaks TLS, which its certificate is for. */
const TLS_NAME = "registry.kit.test";

let built: Promise<BuiltImage> | undefined;

/** The image, built once by whoever asks first. */
export const image = () => built ??= buildImage();

/** A network without a way out, and a registry in it: by plain HTTP, and by TLS of a private authority. */
export class Cluster implements AsyncDisposable {
  readonly world: TestWorld;
  readonly network: string;
  /** A folder with `cabundle.crt`, as KServe mounts its config map. */
  readonly caBundle: string;
  readonly #containers: string[] = [];

  private constructor(world: TestWorld) {
    this.world = world;
    this.network = `kit-test-${crypto.randomUUID().slice(0, 8)}`;
    this.caBundle = `${world.folder}/ca`;
  }

  static async create(): Promise<Cluster> {
    // Before there is anything to clean up.
    await image();
    const cluster = new Cluster(await TestWorld.create());
    try {
      await engine(["network", "create", "--internal", cluster.network]);
      await cluster.#startRegistries();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Pushes a ModelKit; `uri` and `tlsUri` are what pods call it. */
  async push(
    name: string,
    files: Files,
  ): Promise<{ uri: string; tlsUri: string; digest: string }> {
    // The registries in the network have the same folder of blobs as this one.
    const { digest } = await this.world.push(name, files);
    return { uri: `kit://registry:5000/${name}`, tlsUri: `kit://${TLS_NAME}:5000/${name}`, digest };
  }

  /** A pod with an empty volume. */
  async pod(): Promise<Pod> {
    const volume = await Deno.makeTempDir({ dir: this.world.folder, prefix: "volume-" });
    // As an emptyDir is.
    await Deno.chmod(volume, 0o777);
    return new Pod(this, volume);
  }

  /** Makes a container that is removed with the cluster, and answers its name. */
  async create(args: string[]): Promise<string> {
    const name = `${this.network}-${this.#containers.length}`;
    this.#containers.push(name);
    await engine(["create", `--name=${name}`, `--network=${this.network}`, ...args]);
    return name;
  }

  async #startRegistries(): Promise<void> {
    const { folder, registry: { root } } = this.world;
    const certificate = await makeCertificate([TLS_NAME]);
    await Deno.mkdir(this.caBundle);
    await Deno.writeTextFile(`${this.caBundle}/cabundle.crt`, certificate.ca);
    await Deno.writeTextFile(`${folder}/cert.pem`, certificate.cert);
    await Deno.writeTextFile(`${folder}/key.pem`, certificate.key);
    await Deno.mkdir(root, { recursive: true });
    const tls = { certificate: "/config/cert.pem", key: "/config/key.pem" };
    await this.#startRegistry("registry", { addr: ":5000" });
    await this.#startRegistry(TLS_NAME, { addr: ":5000", tls });
  }

  async #startRegistry(alias: string, http: unknown): Promise<void> {
    const { folder, registry: { root } } = this.world;
    const { registry } = await acquire();
    const storage = { filesystem: { rootdirectory: "/blobs" } };
    const config = { version: 0.1, storage, http };
    await Deno.writeTextFile(`${folder}/${alias}.yml`, JSON.stringify(config));
    const name = await this.create([
      ...["--user=0", `--network-alias=${alias}`, "--env=OTEL_TRACES_EXPORTER=none"],
      ...[`--volume=${registry}:/registry:ro`, `--volume=${root}:/blobs:ro`],
      ...[`--volume=${folder}:/config:ro`, "--entrypoint=/registry"],
      ...[(await image()).base, "serve", `/config/${alias}.yml`],
    ]);
    await engine(["start", name]);
    await waitForLog(name, /listening on/, REGISTRY_START_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { network, world } = this;
    if (this.#containers.length > 0) await runEngine(["rm", "--force", ...this.#containers]);
    await runEngine(["network", "rm", network]);
    await world[Symbol.asyncDispose]();
  }
}

/** What an init container is started with beside its URI. */
export interface InitOptions {
  env?: Record<string, string>;
  /** More flags for the engine. */
  flags?: string[];
  /** CPUs that it may use; 0.1 unless told. */
  cpus?: number;
  /** In place of URI and folder. */
  args?: string[];
}

/** A volume, for an init container and whoever reads it then. */
export class Pod {
  readonly volume: string;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, volume: string) {
    this.#cluster = cluster;
    this.volume = volume;
  }

  /** An init container as KServe injects it: URI and folder are its arguments. Not started yet. */
  async init(
    uri: string,
    { env, flags = [], cpus = 0.1, args = [uri, "/mnt/models"] }: InitOptions = {},
  ): Promise<Container> {
    const terminationLog = await Deno.makeTempFile({ dir: this.#cluster.world.folder });
    const variables = { KIT_UNPACK_FLAGS: "--plain-http", ...env };
    const name = await this.#cluster.create([
      ...LIMITS,
      `--cpus=${cpus}`,
      `--volume=${this.volume}:/mnt/models`,
      `--volume=${terminationLog}:/dev/termination-log`,
      ...Object.entries(variables).map(([key, value]) => `--env=${key}=${value}`),
      ...flags,
      ...[(await image()).image, ...args],
    ]);
    return new Container(name, terminationLog);
  }

  /** What a command prints that is started as a model server is: as another user, after the init container. */
  async read(...command: string[]): Promise<string> {
    const name = await this.#cluster.create([
      ...["--user=65534:65534", "--read-only", "--cap-drop=ALL"],
      `--volume=${this.volume}:/mnt/models:ro`,
      ...["--entrypoint=/bin/busybox", (await image()).base, ...command],
    ]);
    return await engine(["start", "--attach", name]);
  }
}

/** How a start of a container ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  /** The termination message: its sentence, and the JSON of its second line. */
  sentence: string;
  report: Record<string, unknown>;
  /** When the process began and ended, in milliseconds since 1970. */
  started: number;
  finished: number;
  memory: Memory;
}

/** An init container that can be started, and started again. */
export class Container {
  readonly name: string;
  readonly #terminationLog: string;

  constructor(name: string, terminationLog: string) {
    this.name = name;
    this.#terminationLog = terminationLog;
  }

  /** Starts it, and goes on when `pattern` is in its log. */
  async startUntil(pattern: RegExp): Promise<void> {
    await this.#prepare();
    await engine(["start", this.name]);
    await waitForLog(this.name, pattern, 60_000);
  }

  /** Starts it, and waits for its end. */
  async run(): Promise<Ended> {
    await this.#prepare();
    using memory = watchMemory(this.name);
    const { stdout, stderr } = await runEngine(["start", "--attach", this.name]);
    return { ...await this.ended(), stdout, stderr, memory: memory.peak };
  }

  /** How its last start ended. */
  async ended(): Promise<Ended> {
    const [{ State }] = JSON.parse(await engine(["inspect", this.name]));
    const { stdout, stderr } = await runEngine(["logs", this.name]);
    const [sentence, json] = (await Deno.readTextFile(this.#terminationLog)).split("\n");
    return {
      code: State.ExitCode,
      stdout,
      stderr,
      sentence,
      report: json ? JSON.parse(json) : {},
      started: Date.parse(State.StartedAt),
      finished: Date.parse(State.FinishedAt),
      memory: { peak: 0, unreclaimable: 0 },
    };
  }

  /** The kubelet gives each start an empty file. */
  async #prepare(): Promise<void> {
    await Deno.writeTextFile(this.#terminationLog, "");
    await Deno.chmod(this.#terminationLog, 0o666);
  }
}

async function waitForLog(name: string, pattern: RegExp, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const { stdout, stderr } = await runEngine(["logs", name]);
    if (pattern.test(stdout + stderr)) return;
    if (Date.now() > end) throw new Error(`${name} never says ${pattern}: ${stdout}${stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
