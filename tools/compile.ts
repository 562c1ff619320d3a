// Makes dist/storage-initializer: `deno task compile`.
import deno from "../deno.json" with { type: "json" };
import { PERMISSIONS, ROOT, sourceFlags } from "./program.ts";
import { step } from "./steps.ts";

const OUTPUT = `${ROOT}/dist/storage-initializer`;

/**
 * V8 saves memory instead of compiling what is hot: all that is hot here is native. Peak memory for 1 GB fell from 114 to
 * 97 MiB over TLS and a start from 79 to 74 ms, with the same time and CPU. Compiled regular expressions stay.
 */
const V8_FLAGS: readonly string[] = ["--lite-mode", "--no-jitless"];

/** CommonJS parts of the bundle call `require`, which an ES module does not have. */
const PREAMBLE = `import { createRequire as __createRequire } from "node:module";
const require = __createRequire(import.meta.url);
`;

const folder = await Deno.makeTempDir({ prefix: "storage-initializer-compile-" });
try {
  const bundle = `${folder}/bundle`;
  // A few files instead of node_modules: a fraction of the size, and files embedded cost memory at start. What is
  // imported dynamically is a file of its own: in a fresh container nothing has a code cache, and parsing all cloud
  // SDKs took a start 20 of its 50 ms.
  await step("Bundling main.ts", async () => {
    await runDeno([
      ...["bundle", "--quiet", ...sourceFlags(), "--platform=deno", "--minify", "--code-splitting"],
      ...[`--outdir=${bundle}`, `${ROOT}/main.ts`],
    ]);
    await mendBundle(bundle);
  });
  await step(`Compiling ${OUTPUT.slice(ROOT.length + 1)}`, async () => {
    await Deno.mkdir(OUTPUT.slice(0, OUTPUT.lastIndexOf("/")), { recursive: true });
    // A program that is running cannot be written to, but another one can take its name.
    await runDeno([
      ...[
        "compile",
        "--quiet",
        "--no-config",
        "--no-lock",
        "--no-check",
        "--no-code-cache",
        ...PERMISSIONS,
      ],
      ...(V8_FLAGS.length > 0 ? [`--v8-flags=${V8_FLAGS.join(",")}`] : []),
      ...[`--output=${folder}/storage-initializer`, `${bundle}/main.js`],
    ]);
    await Deno.copyFile(`${folder}/storage-initializer`, `${OUTPUT}.tmp`);
    await Deno.rename(`${OUTPUT}.tmp`, OUTPUT);
  });
  // `deno compile` leaves out what it could not download and does not say so: start the result.
  await step("Starting it", async () => {
    const { success, stdout, stderr } = await new Deno.Command(OUTPUT, { args: ["--version"] })
      .output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    if (!success || !said.includes(deno.version)) {
      throw new Error(`Cannot use ${OUTPUT}: --version says ${said.trim() || "nothing"}`);
    }
  });
  const { size } = await Deno.stat(OUTPUT);
  console.log(`${OUTPUT.slice(ROOT.length + 1)}: ${(size / 2 ** 20).toFixed(1)} MiB`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** What the bundler leaves undone where CommonJS modules are split into files of their own. */
async function mendBundle(folder: string): Promise<void> {
  const files = new Map<string, string>();
  for await (const { name } of Deno.readDir(folder)) {
    files.set(`./${name}`, await Deno.readTextFile(`${folder}/${name}`));
  }
  // Who imports one by name expects its names, but it has them in its default export only.
  const isCommonJs = (name: string) =>
    /export default [\w$]+\(\);?\s*$/.test(files.get(name) ?? "");
  for (const [name, text] of files) {
    const mended = text.replaceAll(
      /\bimport\("(\.\/[^"]+)"\)/g,
      (all, target) => isCommonJs(target) ? `${all}.then((m)=>m.default)` : all,
    );
    // Deno 2.9 takes 17 ms to load its first node module: not where nothing needs it.
    const preamble = /\brequire\b/.test(text) ? PREAMBLE : "";
    await Deno.writeTextFile(`${folder}/${name}`, preamble + mended);
  }
}

async function runDeno(args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
  }).output();
  if (success) return;
  const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  const hint = /denort/.test(said)
    ? `\nWithout a network, set DENORT_BIN to the denort of Deno ${Deno.version.deno}`
    : "";
  throw new Error(`Cannot run deno ${args[0]}: ${said.trim()}${hint}`);
}
