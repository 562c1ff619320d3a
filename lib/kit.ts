import type { Credentials } from "./auth/source.ts";
import { Failure } from "./errors.ts";
import { kitFailure } from "./kit_errors.ts";
import type { Log } from "./log.ts";
import { type ModelKit, parseInspection } from "./modelkit.ts";
import { runProcess } from "./process.ts";
import { formatReference, type Reference } from "./reference.ts";

/** Characters of one line of `kit inspect`, where a Kitfile's description is on one line; kit reads at most 4 MiB. */
const MAX_INSPECT_LINE = 8 * 1024 * 1024;
const MAX_INSPECT_LINES = 500_000;
/** The variables that kit gets from our environment: none that holds a secret for a registry. */
const PASSED_ON = [
  "PATH",
  "TMPDIR",
  "TZ",
  "LANG",
  "SSL_CERT_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "KITOPS_CLIENT_CERT",
  "KITOPS_CLIENT_KEY",
];

export interface KitOptions {
  /** Path of the executable, or a name on PATH. */
  bin: string;
  /** A private folder: kit keeps credentials and storage in it. */
  home: string;
  environment: Readonly<Record<string, string>>;
  /** Flags for every command that talks to the registry. */
  network: string[];
  /** Whether kit itself may read remote datasets from S3, and so needs AWS's variables. */
  includeRemote: boolean;
  /** Milliseconds without any sign of life after which a command is ended. */
  stallTimeout: number;
  log: Log;
  signal: AbortSignal;
}

interface Command {
  args: string[];
  /** Written to standard input. */
  input?: string;
  /** What it is for, as in "Cannot …". */
  purpose: string;
  reference?: Pick<Reference, "host">;
  /** A number that changes as long as there is progress; a line of output counts as well. */
  progress?: () => number;
  /** Milliseconds without progress, if not the usual limit. */
  patience?: number;
  onLine(line: string): void;
  maxLine?: number;
}

/** The `kit` executable: the only part that knows its commands, flags and output. */
export class Kit {
  readonly #options: KitOptions;

  constructor(options: KitOptions) {
    this.#options = options;
  }

  /**
   * Keeps a release of kit from looking for updates on each command, which costs a second where it cannot. The empty
   * file is what `kit version --show-update-notifications=false` leaves, without a process of its own.
   */
  async quieten(): Promise<void> {
    const path = `${this.#options.home}/disable-update-notifications`;
    await Deno.writeTextFile(path, "", { mode: 0o600 });
  }

  /** Shows the version banner, as upstream's entrypoint does, and answers with it. */
  async version(): Promise<string> {
    const lines: string[] = [];
    await this.#run({
      args: ["version"],
      purpose: "run kit",
      onLine: (line) => lines.push(line.trim()),
    });
    const banner = lines.filter((line) => line !== "").join(", ");
    this.#options.log.info(`kit: ${banner}`);
    return banner;
  }

  /**
   * Asks whether `kit unpack` knows these flags, without unpacking: kit reads all of them before it helps.
   *
   * @throws {Failure} naming the first that it does not know
   */
  async checkFlags(words: string[]): Promise<void> {
    await this.#run({
      args: ["unpack", ...words, "--help"],
      purpose: "unpack with these flags",
      onLine: () => {},
    });
  }

  /**
   * Signs in, and so checks the credentials; kit keeps them in the private folder. A bearer token is only kept there.
   *
   * @throws {Failure} `auth` where the registry refuses them
   */
  async login(host: string, credentials: Credentials): Promise<void> {
    const { network } = this.#options;
    if (credentials.isBearer) return await this.#keepToken(host, credentials);
    await this.#run({
      args: [
        "login",
        host,
        ...(credentials.username === "" ? [] : [`--username=${credentials.username}`]),
        "--password-stdin",
        ...network,
      ],
      input: credentials.password.reveal(),
      purpose: `sign in to "${host}" with ${credentials.source}`,
      reference: { host },
      onLine: (line) => this.#show(line),
    });
  }

  /** `kit login` has no way to give a bearer token, but kit takes one from where it keeps its credentials. */
  async #keepToken(host: string, { password }: Credentials): Promise<void> {
    // Docker Hub's entry has this name: https://pkg.go.dev/oras.land/oras-go/v2/registry/remote/credentials#ServerAddressFromRegistry
    const key = /^(registry-1\.)?docker\.io$/.test(host) ? "https://index.docker.io/v1/" : host;
    const config = { auths: { [key]: { registrytoken: password.reveal() } } };
    const path = `${this.#options.home}/credentials.json`;
    await Deno.writeTextFile(path, JSON.stringify(config), { mode: 0o600 });
  }

  /** Asks the registry what the reference is: its digest, layers and Kitfile. */
  async inspect(reference: Reference): Promise<ModelKit> {
    const lines: string[] = [];
    await this.#run({
      args: ["inspect", "--remote", formatReference(reference), ...this.#options.network],
      purpose: `find "${formatReference(reference)}"`,
      reference,
      maxLine: MAX_INSPECT_LINE,
      onLine: (line) => {
        if (lines.length < MAX_INSPECT_LINES) lines.push(line);
      },
    });
    return parseInspection(lines.join("\n"));
  }

  /** Unpacks into `directory`, with all flags of KIT_UNPACK_FLAGS. */
  async unpack(
    reference: Reference,
    directory: string,
    options: { words: string[]; progress: () => number; patience?: number },
  ): Promise<void> {
    await this.#run({
      args: [
        "unpack",
        formatReference(reference),
        ...options.words,
        "-d",
        directory,
      ],
      purpose: `unpack "${formatReference(reference)}"`,
      reference,
      progress: options.progress,
      patience: options.patience,
      // Where it is staged is nobody's business, and soon gone.
      onLine: (line) =>
        line.includes(directory) ? this.#options.log.debug(`kit: ${line}`) : this.#show(line),
    });
  }

  #show(line: string): void {
    const { log } = this.#options;
    if (/^\[WARN/.test(line)) log.warn(`kit: ${line.replace(/^\[\w+\s*\]\s*/, "")}`);
    else if (line.trim() !== "") log.info(`kit: ${line}`);
  }

  async #run(command: Command): Promise<void> {
    const { bin, environment, log, signal } = this.#options;
    const stallTimeout = command.patience ?? this.#options.stallTimeout;
    log.debug(`Running ${bin} ${command.args.join(" ")}`);
    const errors: string[] = [];
    const host = command.reference?.host;
    const { status, stalled } = await runProcess({
      ...command,
      bin,
      environment: this.#environment(),
      stallTimeout,
      signal,
      onError: (line) => {
        // Kit prints its whole usage after some errors.
        if (/^(\[ERROR|Error:|panic:|fatal)/.test(line)) errors.push(line);
        else this.#show(line);
      },
    });
    if (stalled) {
      throw new Failure(
        "timeout",
        `Cannot ${command.purpose}: no progress for ${stallTimeout / 1000} s`,
        {
          hint: "Check the network to the registry, or raise KIT_STALL_TIMEOUT",
          host,
        },
      );
    }
    const flags = environment.KIT_UNPACK_FLAGS ?? "";
    if (!status.success) throw kitFailure(command.purpose, errors, { status, host, flags });
  }

  #environment(): Record<string, string> {
    const { environment, home, includeRemote } = this.#options;
    const isForDatasets = (name: string) => includeRemote && /^(AWS|S3)_/.test(name);
    const passedOn = Object.entries(environment)
      .filter(([name]) => PASSED_ON.includes(name) || isForDatasets(name));
    // Without DOCKER_CONFIG kit would look into the user's own docker config, which is ours to read.
    return { ...Object.fromEntries(passedOn), HOME: home, KITOPS_HOME: home, DOCKER_CONFIG: home };
  }
}
