// The container engine: the program in CONTAINER_ENGINE, which has docker's command line; else docker or podman,
// whichever answers.
const WISH = Deno.env.get("CONTAINER_ENGINE");
const CANDIDATES = WISH ? [WISH] : ["docker", "podman"];

let chosen: Promise<string> | undefined;

/** What a command of the engine left. */
export interface EngineResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of the engine, whatever its exit code. */
export async function runEngine(args: string[]): Promise<EngineResult> {
  return await runCommand(await (chosen ??= choose()), args);
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
    throw new Error(`Cannot run ${await chosen} ${args[0]}: ${said}`);
  }
  return stdout.trimEnd();
}

/** Whether the engine has the image, or can pull it. */
export async function isAvailable(image: string): Promise<boolean> {
  if ((await runEngine(["image", "inspect", image])).code === 0) return true;
  return (await runEngine(["pull", "--quiet", image])).code === 0;
}

/** @throws {Error} that says how to get an engine, where none answers */
async function choose(): Promise<string> {
  const answers: string[] = [];
  for (const candidate of CANDIDATES) {
    try {
      const { code, stderr } = await runCommand(candidate, ["version"]);
      if (code === 0) return candidate;
      answers.push(`${candidate} says ${stderr.trim()}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      answers.push(`${candidate} is not on PATH`);
    }
  }
  throw new Error(
    `Cannot find a container engine that runs: ${answers.join("; ")}. ` +
      '"apt-get install docker.io" and then "dockerd" make one, and CONTAINER_ENGINE names another',
  );
}

async function runCommand(command: string, args: string[]): Promise<EngineResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    // The Dockerfile must do with the oldest builder, where there is one.
    env: { DOCKER_BUILDKIT: Deno.env.get("DOCKER_BUILDKIT") ?? "0" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
