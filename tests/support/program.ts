import { programArgs, programCommand, ROOT } from "../../tools/program.ts";

/** How a run of the program ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  /** Milliseconds. */
  elapsed: number;
  /** The termination message as it was written; empty where there is none. */
  message: string;
  /** Its sentence, and the JSON of its second line. */
  sentence: string;
  report: Record<string, unknown>;
}

export interface ProgramOptions {
  args: string[];
  /** The program's whole environment, but for what Deno itself needs. */
  env?: Record<string, string>;
  /** A command that becomes the program, as `setpriv`: the program's own words follow it. */
  through?: string[];
  /** Path of a module to load before main.ts; the program then runs from source. */
  preload?: string;
  /** Called with the process once it is started. */
  onStart?(process: Deno.ChildProcess): void | Promise<void>;
}

/** Runs the program as its users do, as a process of its own, with nothing of this environment. */
export async function runProgram(options: ProgramOptions): Promise<Ended> {
  const { args, env = {}, through = [], preload, onStart } = options;
  const folder = await Deno.makeTempDir({ prefix: "program-" });
  const terminationLog = `${folder}/termination-log`;
  try {
    const started = performance.now();
    const program = preload === undefined ? programCommand() : preloading(preload);
    const [command, ...words] = [...through, program.command, ...program.args, ...args];
    const child = new Deno.Command(command, {
      args: words,
      cwd: ROOT,
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: folder,
        KIT_TERMINATION_LOG: terminationLog,
        ...(program.command === Deno.execPath() ? await denoEnvironment() : {}),
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = child.output();
    await onStart?.(child);
    const { code, stdout, stderr } = await output;
    const elapsed = performance.now() - started;
    const message = await Deno.readTextFile(env.KIT_TERMINATION_LOG || terminationLog).catch(() =>
      ""
    );
    const [sentence = "", json = ""] = message.split("\n");
    const decoder = new TextDecoder();
    return {
      code,
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      elapsed,
      message,
      sentence,
      report: json === "" ? {} : JSON.parse(json),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function preloading(path: string): ReturnType<typeof programCommand> {
  const [run, ...others] = programArgs();
  return { command: Deno.execPath(), args: [run, `--preload=${path}`, ...others] };
}

let denoDir: Promise<string> | undefined;

/** Where Deno has its packages: with another HOME it would fetch them again. */
async function denoEnvironment(): Promise<Record<string, string>> {
  denoDir ??= new Deno.Command(Deno.execPath(), { args: ["info", "--json", "--no-config"] })
    .output()
    .then(({ stdout }) => JSON.parse(new TextDecoder().decode(stdout)).denoDir);
  return { DENO_DIR: await denoDir, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
}
