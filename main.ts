import manifest from "./deno.json" with { type: "json" };
import { Failure } from "./lib/errors.ts";
import { Output } from "./lib/output.ts";
import { run } from "./lib/run.ts";
import { Terminal } from "./lib/terminal.ts";

/** Kubernetes kills 30 s after SIGTERM; the contract is to be gone within 2 s, whatever cleaning up takes. */
const LEAVE_AFTER_MS = 1800;
const SIGNALS = { SIGINT: "interrupt", SIGTERM: "terminated" } as const;

const stdout = new Output((bytes) => Deno.stdout.write(bytes));
const stderr = new Output((bytes) => Deno.stderr.write(bytes));
const terminal = new Terminal(stderr, Deno.consoleSize);
const hasScreen = Deno.stderr.isTerminal() &&
  ![undefined, "", "dumb"].includes(Deno.env.get("TERM"));

const stop = new AbortController();
for (const [name, outcome] of Object.entries(SIGNALS)) {
  Deno.addSignalListener(name as Deno.Signal, () => {
    terminal.close();
    stop.abort(new Failure(outcome, `Stopped by ${name}`, { hint: "The next start begins again" }));
    setTimeout(() => Deno.exit(name === "SIGINT" ? 130 : 143), LEAVE_AFTER_MS);
  });
}

// An error that nobody waits for must not skip the cleaning up: it ends the run like any other bug.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stop.abort(event.reason);
});

const code = await run({
  args: Deno.args,
  environment: Deno.env.toObject(),
  writeError: (line) => terminal.writeLine(line),
  writeOutput: (text) => stdout.write(text),
  isTerminal: Deno.stdout.isTerminal(),
  screen: hasScreen ? terminal : undefined,
  now: () => new Date(),
  freeBytes: async (path) => {
    // Deno 2.9 takes 17 ms to load its first node module, which only a run that unpacks needs.
    const { statfs } = await import("node:fs/promises");
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  signal: stop.signal,
  version: manifest.version,
});
await Promise.all([stdout.drain(), stderr.drain()]);
Deno.exit(code);
