import bcrypt from "bcryptjs";

/** How long the registry may take to listen. */
const START_MS = 20_000;

/** What a registry is started with; only the program's path is needed. */
export interface RegistryOptions {
  /** Path of the distribution registry, version 3. */
  binary: string;
  /** Users; without any the registry asks nobody who they are. */
  htpasswd?: readonly { user: string; password: string }[];
  /** Paths of PEM files; without them the registry speaks plain HTTP. */
  tls?: {
    cert: string;
    key: string;
    /** Path of the authority that clients need a certificate of. */
    clientCa?: string;
  };
  /** Token sign-in, as distribution's `auth.token` wants it. Not together with htpasswd. */
  token?: {
    realm: string;
    service: string;
    issuer: string;
    /** Paths of the public keys that tokens are signed with: certificates in PEM, or a JSON Web Key Set. */
    rootcertbundle?: string;
    jwks?: string;
  };
  /** Folder for the blobs. It is kept; without one a temporary folder is used and removed. */
  root?: string;
}

/** A running registry on a free port of the loopback interface. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** The folder with the blobs, in distribution's layout: see {@linkcode blobPath}. */
  readonly root: string;
  /** Everything that it has written so far, one line for each request included. */
  log(): string;
}

/**
 * Starts a registry and waits until it listens. `await using` ends it and removes its files.
 *
 * It chooses its port itself, so two that start at the same time cannot take each other's. When this
 * process is killed by SIGKILL, the registry stays.
 */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const { binary } = options;
  const folder = await Deno.makeTempDir({ prefix: "registry-" });
  const root = options.root ?? `${folder}/blobs`;
  let process: Deno.ChildProcess | undefined;
  try {
    // JSON is YAML.
    await Deno.writeTextFile(
      `${folder}/config.yml`,
      JSON.stringify(await configOf(options, folder)),
    );
    process = new Deno.Command(binary, {
      args: ["serve", `${folder}/config.yml`],
      // REGISTRY_* variables would change the configuration. Version 3 sends traces unless told not to.
      clearEnv: true,
      env: { OTEL_TRACES_EXPORTER: "none" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = new Output(process);
    const port = await output.waitFor(/listening on 127\.0\.0\.1:(\d+)/, START_MS);
    return {
      host: `127.0.0.1:${port}`,
      root,
      log: () => output.text,
      [Symbol.asyncDispose]: async () => {
        await end(process!);
        await output.end;
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    if (process) await end(process);
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

/** Where the registry keeps a blob: to damage it, or to look at it. */
export function blobPath(registry: Registry, digest: string): string {
  const [algorithm, hex] = digest.split(":");
  const blobs = `${registry.root}/docker/registry/v2/blobs`;
  return `${blobs}/${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
}

async function configOf({ htpasswd, tls, token, root }: RegistryOptions, folder: string) {
  const auth: Record<string, unknown> = {};
  if (htpasswd) {
    const lines = await Promise.all(htpasswd.map(async ({ user, password }) =>
      // 4 rounds, bcrypt's least: these passwords protect nothing, and every request costs one.
      `${user}:${await bcrypt.hash(password, 4)}\n`
    ));
    await Deno.writeTextFile(`${folder}/htpasswd`, lines.join(""), { mode: 0o600 });
    auth.htpasswd = { realm: "test", path: `${folder}/htpasswd` };
  }
  if (token) auth.token = token;
  return {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: root ?? `${folder}/blobs` },
      delete: { enabled: true },
      // It would hide a blob that is changed on disk behind the first one's size and type.
      cache: undefined,
    },
    http: {
      addr: "127.0.0.1:0",
      secret: crypto.randomUUID(),
      ...(tls && {
        tls: {
          certificate: tls.cert,
          key: tls.key,
          ...(tls.clientCa && { clientcas: [tls.clientCa] }),
        },
      }),
    },
    ...(Object.keys(auth).length > 0 && { auth }),
  };
}

/** Collects both output streams of a process and lets one wait for a line. */
class Output {
  text = "";
  /** Settles when the process has closed its streams. */
  readonly end: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  constructor({ stdout, stderr }: Deno.ChildProcess) {
    this.end = Promise.all([this.#collect(stdout), this.#collect(stderr)]).finally(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  /** The pattern's first group. */
  async waitFor(pattern: RegExp, milliseconds: number): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.resolve();
    }, milliseconds);
    try {
      for (;;) {
        const match = pattern.exec(this.text);
        if (match) return match[1];
        if (this.#ended || late) {
          throw new Error(`Cannot start the registry: ${this.text.trim() || "it says nothing"}`);
        }
        await this.#changed.promise;
        this.#changed = Promise.withResolvers();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.text += chunk;
      this.#changed.resolve();
    }
  }
}

async function end(process: Deno.ChildProcess): Promise<void> {
  try {
    process.kill("SIGTERM");
  } catch {
    // It has already ended.
  }
  await process.status;
}
