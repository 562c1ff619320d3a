/** What to push, and how. */
export interface PackOptions {
  /** A folder with a Kitfile. */
  folder: string;
  /** `HOST[:PORT]/REPOSITORY:TAG` */
  reference: string;
  plainHttp?: boolean;
  /** More flags for `kit login` and `kit push`, for example `--tls-cert`. */
  networkFlags?: readonly string[];
  /** More flags for `kit pack`, for example `--use-model-pack`. */
  packFlags?: readonly string[];
  login?: { user: string; password: string };
  /** Set for kit beside PATH and a private KITOPS_HOME. */
  env?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Packs a folder as a ModelKit and pushes it, with nothing read from or left in the user's home folder.
 *
 * @param kit path of the program
 * @returns the manifest's digest
 */
export async function packAndPush(kit: string, options: PackOptions): Promise<string> {
  const { folder, reference, login, env, signal } = options;
  const network = [...(options.plainHttp ? ["--plain-http"] : []), ...(options.networkFlags ?? [])];
  const home = await Deno.makeTempDir({ prefix: "kit-home-" });
  const run = (args: string[], input?: string) => runKit(kit, args, { home, env, input, signal });
  try {
    // A release build asks its vendor for updates on every command unless this is written down.
    await run(["version", "--show-update-notifications=false"]);
    await run(["pack", folder, "--tag", reference, ...(options.packFlags ?? [])]);
    if (login) {
      const host = reference.slice(0, reference.indexOf("/"));
      const args = ["login", host, "--username", login.user, "--password-stdin", ...network];
      await run(args, login.password);
    }
    const pushed = await run(["push", reference, ...network]);
    const digest = /sha256:[0-9a-f]{64}/.exec(pushed)?.[0];
    if (!digest) throw new Error(`Cannot find the digest in what kit said: ${pushed.trim()}`);
    return digest;
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

interface KitOptions {
  home: string;
  env?: Record<string, string>;
  input?: string;
  signal?: AbortSignal;
}

async function runKit(kit: string, args: string[], options: KitOptions): Promise<string> {
  const { home, env, input, signal } = options;
  const child = new Deno.Command(kit, {
    args,
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: home, KITOPS_HOME: home, ...env },
    stdin: input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  if (input !== undefined) await new Blob([input]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`Cannot run kit ${args[0]}: ${text.trim()}`);
  return text;
}
