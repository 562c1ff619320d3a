/** AWS as moto knows it, running as a child until it is disposed of. */
export interface Moto extends AsyncDisposable {
  url: string;
}

/** Pinned, so that a test that passed goes on passing. */
const MOTO_REQUIREMENT = "moto[server,ecr,sts]==5.2.5";

/** Kept between runs; it is not part of the repository. */
const VENV = new URL("../../.cache/venv/moto-5.2.5/", import.meta.url).pathname;

const START_LIMIT_MS = 30_000;

/**
 * Starts moto_server, which speaks AWS's protocols and signs nothing, on a free port. The first call installs it
 * with Python's venv and pip (about 40 s).
 *
 * @throws {Error} that says what is missing and how to get it
 */
export async function startMoto(): Promise<Moto> {
  await install();
  const port = freePort();
  // A session of its own environment: nothing of the machine's AWS settings may count.
  const child = new Deno.Command(`${VENV}bin/moto_server`, {
    args: ["-H", "127.0.0.1", "-p", String(port)],
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "", PYTHONUNBUFFERED: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const moto = {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    },
  };
  try {
    await untilReady(moto.url);
  } catch (error) {
    await moto[Symbol.asyncDispose]();
    throw error;
  }
  return moto;
}

async function install(): Promise<void> {
  const marker = `${VENV}installed`;
  try {
    await Deno.stat(marker);
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  console.error(`Installing ${MOTO_REQUIREMENT} into .cache/venv (about 40 s, once) …`);
  // A folder that an earlier, interrupted call left is made anew.
  await command("python3", ["-m", "venv", "--clear", VENV], `"apt-get install python3-venv"`);
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", MOTO_REQUIREMENT];
  await command(`${VENV}bin/python`, pip, "a way to PyPI or a mirror of it");
  await Deno.writeTextFile(marker, MOTO_REQUIREMENT);
}

async function command(name: string, args: string[], need: string): Promise<void> {
  let said: string;
  try {
    const { success, stderr } = await new Deno.Command(name, { args }).output();
    if (success) return;
    said = new TextDecoder().decode(stderr).trim();
  } catch (error) {
    said = String(error);
  }
  throw new Error(
    `The tests with moto need Python 3 and ${need}: "${name} ${args.join(" ")}": ${said}`,
  );
}

async function untilReady(url: string): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      const response = await fetch(`${url}/moto-api/`, { signal: AbortSignal.timeout(1000) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not there yet.
    }
    if (Date.now() > end) throw new Error(`moto_server does not answer at ${url} after 30 s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort(): number {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return listener.addr.port;
}
