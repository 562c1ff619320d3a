// Starts every task of deno.json. It decides first where @std comes from, so neither this file nor
// what it imports may need a package.
import { programArgs, ROOT, sourceFlags, type StdSource } from "./program.ts";
import { readResults, summaryOf } from "./reliability.ts";

/** How long JSR may take to answer before the adapters over npm are used. */
const PROBE_MS = 10_000;
/** For how long a machine that could not reach JSR is not asked again. */
const NPM_STICKS_MS = 24 * 60 * 60 * 1000;
/** Its age is the memory; there is none for "jsr", since Deno's own cache answers in no time. */
const NPM_MARKER = `${ROOT}/.cache/std-source-npm`;

const tools = (file: string) => ["run", "-A", ...sourceFlags(), `${ROOT}/tools/${file}`];

/** Each task as the Deno commands that it runs in turn, until one fails. */
const TASKS: Record<string, (args: string[]) => string[][]> = {
  "run": (args) => [[...programArgs(), ...args]],
  "demo": (args) => [[...tools("demo.ts"), ...args]],
  "test": (args) => [[
    "test",
    "-A",
    ...sourceFlags(),
    "--ignore=tests/image,tests/deploy,tests/cosign",
    ...args,
  ]],
  "test:image": (args) => [["test", "-A", ...sourceFlags(), "tests/image", ...args]],
  "test:deploy": (args) => [["test", "-A", ...sourceFlags(), "tests/deploy", ...args]],
  "test:cosign": (args) => [["test", "-A", ...sourceFlags(), "tests/cosign", ...args]],
  "bench": (args) => [[...tools("bench.ts"), ...args]],
  "compile": (args) => [[...tools("compile.ts"), ...args]],
  "check": () => [
    ["fmt", "--check"],
    ["lint"],
    ["check", ...sourceFlags(), "."],
    // The code in Markdown; that the tables in it agree with the program is for tests.
    ["check", ...sourceFlags(), "--doc-only", "README.md", "CONTRIBUTING.md"],
  ],
  "ok": (args) => [...TASKS["check"]([]), ...TASKS["test"](args)],
};

const [task = "", ...args] = Deno.args;
if (!Object.hasOwn(TASKS, task)) {
  console.error(`Cannot run task "${task}": it is one of ${Object.keys(TASKS).join(", ")}`);
  Deno.exit(2);
}
Deno.env.set("STD_SOURCE", await decideSource());
// Since 2.8 Deno looks for leaks in tests only when it is asked to.
for (const kind of ["OPS", "RESOURCES"]) Deno.env.set(`DENO_TEST_SANITIZE_${kind}`, "1");
const results = await Deno.makeTempFile({ prefix: "reliability-" });
Deno.env.set("RELIABILITY_RESULTS", results);
let code = 0;
for (const command of TASKS[task](args)) {
  if (task === "ok" || task === "check") console.error(`\n$ deno ${command[0]}`);
  code = await runDeno(command, task === "run" ? Deno.env.get("INIT_CWD") : ROOT);
  if (code !== 0) break;
}
const summary = summaryOf(await readResults(results));
await Deno.remove(results);
if (summary !== "") console.log(summary);
Deno.exit(code);

async function decideSource(): Promise<StdSource> {
  const wish = Deno.env.get("STD_SOURCE");
  if (wish === "jsr" || wish === "npm") return wish;
  if (wish) {
    console.error(`Cannot use STD_SOURCE "${wish}": it is "jsr" or "npm"`);
    Deno.exit(2);
  }
  if (!await npmWasChosenLately()) {
    if (await jsrAnswers()) return "jsr";
    await Deno.mkdir(`${ROOT}/.cache`, { recursive: true });
    await Deno.writeTextFile(
      NPM_MARKER,
      "JSR could not be reached; delete this file to ask again\n",
    );
  }
  console.error("JSR cannot be reached: @std comes from tools/npm (STD_SOURCE=jsr insists on JSR)");
  return "npm";
}

async function npmWasChosenLately(): Promise<boolean> {
  try {
    const { mtime } = await Deno.stat(NPM_MARKER);
    return Date.now() - (mtime?.getTime() ?? 0) < NPM_STICKS_MS;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether Deno can load the pinned packages, from its cache or from JSR. */
async function jsrAnswers(): Promise<boolean> {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}/deno.json`));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "cache",
      "--quiet",
      "--no-config",
      "--no-lock",
      `${imports["@std/cli"]}/parse-args`,
      `${imports["@std/streams"]}/text-line-stream`,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(PROBE_MS),
  }).output();
  return success;
}

/** Runs Deno with our standard streams and passes signals on; answers its exit code. */
async function runDeno(args: string[], cwd?: string): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), { args, cwd }).spawn();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      try {
        child.kill(signal);
      } catch {
        // It has already ended, and its exit code is on the way.
      }
    });
  }
  return (await child.status).code;
}
