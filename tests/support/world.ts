import { acquire } from "../../tools/acquire.ts";
import { packAndPush, type PackOptions } from "../../tools/kit.ts";
import { type Registry, type RegistryOptions, startRegistry } from "../../tools/registry.ts";
import { type Ended, type ProgramOptions, runProgram } from "./program.ts";

/** Files of a ModelKit: the path and the contents of each; a path with a slash at its end is an empty folder. */
export type Files = Record<string, string | Uint8Array<ArrayBuffer>>;

/** A registry of its own, a folder for destinations, and a kit that records how it is called. */
export class TestWorld implements AsyncDisposable {
  readonly folder: string;
  readonly registry: Registry;
  /** The real kit. */
  readonly kit: string;
  /** A script that records arguments, environment and standard input, and becomes the real kit. */
  readonly spyKit: string;
  readonly #options: WorldOptions;

  private constructor(folder: string, registry: Registry, kit: string, options: WorldOptions) {
    this.folder = folder;
    this.registry = registry;
    this.kit = kit;
    this.spyKit = `${folder}/spy-kit`;
    this.#options = options;
  }

  static async create(options: WorldOptions = {}): Promise<TestWorld> {
    const { kit, registry: binary } = await acquire();
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "world-" }));
    try {
      const world = new TestWorld(
        folder,
        await startRegistry({ binary, ...options }),
        kit,
        options,
      );
      await Deno.writeTextFile(
        world.spyKit,
        `#!/bin/sh\n{ echo "argv: $*"; env; } >>'${folder}/kit-calls'\nexec '${kit}' "$@"\n`,
        { mode: 0o755 },
      );
      return world;
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  get host(): string {
    return this.registry.host;
  }

  /** Who may push, where the registry asks for a password. */
  get login(): { user: string; password: string } | undefined {
    return this.#options.htpasswd?.[0];
  }

  /** Packs and pushes a ModelKit whose model file says `payload`. Returns its URI and digest. */
  async push(
    reference: string,
    files: Files,
    options: Partial<PackOptions> & { kitfile?: string } = {},
  ): Promise<{ uri: string; digest: string; reference: string }> {
    const folder = await Deno.makeTempDir({ dir: this.folder, prefix: "pack-" });
    await writeFiles(folder, { "Kitfile": options.kitfile ?? kitfileFor(files), ...files });
    const { kitfile: _, ...pack } = options;
    const full = `${this.host}/${reference}`;
    const digest = await packAndPush(this.kit, {
      folder,
      reference: full,
      plainHttp: this.#options.tls === undefined,
      networkFlags: this.#options.ca === undefined ? [] : [`--tls-cert=${this.#options.ca}`],
      login: this.login,
      ...pack,
    });
    await Deno.remove(folder, { recursive: true });
    return { uri: `kit://${full}`, digest, reference: full };
  }

  /** A path for a destination that is not there yet. */
  destination(name: string): string {
    return `${this.folder}/dest-${name}`;
  }

  /** Runs the program against this world's registry. */
  async run(args: string[], options: Omit<ProgramOptions, "args"> = {}): Promise<Ended> {
    const flags = { KIT_UNPACK_FLAGS: this.#options.tls === undefined ? "--plain-http" : "" };
    return await runProgram({
      ...options,
      args,
      env: { KIT_BIN: this.spyKit, KIT_RETRIES: "1", ...flags, ...options.env },
    });
  }

  /** What the spy has recorded so far. */
  async kitCalls(): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/kit-calls`).catch(() => "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

export type WorldOptions = Omit<RegistryOptions, "binary"> & {
  /** Path of the CA certificate that signed the registry's. */
  ca?: string;
};

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, contents] of Object.entries(files)) {
    const parent = path.slice(0, path.lastIndexOf("/") + 1);
    await Deno.mkdir(`${folder}/${parent}`, { recursive: true });
    if (path.endsWith("/")) continue;
    if (typeof contents === "string") await Deno.writeTextFile(`${folder}/${path}`, contents);
    else await Deno.writeFile(`${folder}/${path}`, contents);
  }
}

/** The first file is the model; what lies in folders are datasets; the others are documents. */
function kitfileFor(files: Files): string {
  const [model, ...others] = Object.keys(files).filter((path) => path !== "Kitfile");
  const folders = [
    ...new Set(others.filter((path) => path.includes("/")).map((path) => path.split("/")[0])),
  ];
  return JSON.stringify({
    manifestVersion: "1.0.0",
    package: { name: "test" },
    model: { name: "model", path: model },
    datasets: folders.map((path) => ({ name: path, path })),
    docs: others.filter((path) => !path.includes("/")).map((path) => ({ path })),
  });
}

/** Everything below a folder, with type, mode and contents, but for the marker: two equal ones are the same tree. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (prefix: string) => {
    for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
      const path = prefix + entry.name;
      if (path === ".kit-storage.json") continue;
      const { mode } = await Deno.lstat(`${folder}/${path}`);
      const permissions = ((mode ?? 0) & 0o7777).toString(8);
      if (entry.isDirectory) {
        found[path] = `folder ${permissions}`;
        await visit(`${path}/`);
      } else {
        const digest = await crypto.subtle.digest(
          "SHA-256",
          await Deno.readFile(`${folder}/${path}`),
        );
        found[path] = `file ${permissions} ${new Uint8Array(digest).toHex()}`;
      }
    }
  };
  await visit("");
  return Object.fromEntries(Object.entries(found).sort());
}
