import manifest from "./deno.json" with { type: "json" };
import { Failure } from "./lib/errors.ts";
import { run } from "./lib/run.ts";

/** Kubernetes kills 30 s after SIGTERM; the contract is to be gone within 2 s, whatever cleaning up takes. */
const LEAVE_AFTER_MS = 1800;
const SIGNALS = { SIGINT: "interrupt", SIGTERM: "terminated" } as const;

const stop = new AbortController();
for (const [name, outcome] of Object.entries(SIGNALS)) {
  Deno.addSignalListener(name as Deno.Signal, () => {
    stop.abort(new Failure(outcome, `Stopped by ${name}`, { hint: "The next start begins again" }));
    setTimeout(() => Deno.exit(name === "SIGINT" ? 130 : 143), LEAVE_AFTER_MS);
  });
}

// An error that nobody waits for must not skip the cleaning up: it ends the run like any other bug.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  stop.abort(event.reason);
});

const encoder = new TextEncoder();
const isTerminal = Deno.stderr.isTerminal();
let barIsShown = false;

function draw(text: string): void {
  Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`));
  barIsShown = text !== "";
}

function write(stream: typeof Deno.stderr, text: string): void {
  const bytes = encoder.encode(text);
  try {
    for (let offset = 0; offset < bytes.length;) offset += stream.writeSync(bytes.subarray(offset));
  } catch {
    // Nobody reads any more; the work is worth finishing all the same.
  }
}

const code = await run({
  args: Deno.args,
  environment: Deno.env.toObject(),
  writeError: (line) => write(Deno.stderr, (barIsShown ? "\r\x1b[K" : "") + line + "\n"),
  writeOutput: (text) => write(Deno.stdout, text),
  draw: isTerminal ? draw : undefined,
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
Deno.exit(code);
