// The container engine: docker, or a program with docker's command line in CONTAINER_ENGINE.

const ENGINE = Deno.env.get("CONTAINER_ENGINE") || "docker";

/** What a command of the engine left. */
export interface EngineResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of the engine, whatever its exit code. */
export async function runEngine(args: string[]): Promise<EngineResult> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(ENGINE, {
      args,
      // The Dockerfile must do with the oldest builder, where there is one.
      env: { DOCKER_BUILDKIT: Deno.env.get("DOCKER_BUILDKIT") ?? "0" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(advice(), { cause: error });
    throw error;
  }
}

/**
 * Runs a command of the engine that must succeed.
 *
 * @returns its standard output, without the line break at the end
 */
export async function engine(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runEngine(args);
  if (code !== 0) {
    const said = (stdout.split("\n").slice(-40).join("\n") + stderr).trim();
    throw new Error(`Cannot run ${ENGINE} ${args[0]}: ${said}`);
  }
  return stdout.trimEnd();
}

/** @throws {Error} that says how to get an engine, where none answers */
export async function requireEngine(): Promise<void> {
  const { code, stderr } = await runEngine(["version"]);
  if (code !== 0) throw new Error(`${advice()}: ${stderr.trim()}`);
}

/** Whether the engine has the image, or can pull it. */
export async function isAvailable(image: string): Promise<boolean> {
  if ((await runEngine(["image", "inspect", image])).code === 0) return true;
  return (await runEngine(["pull", "--quiet", image])).code === 0;
}

function advice(): string {
  return `Cannot use "${ENGINE}": this needs a container engine that runs ` +
    `("apt-get install docker.io", then "dockerd"), or CONTAINER_ENGINE with the name of another`;
}
