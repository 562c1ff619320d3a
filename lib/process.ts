import { Failure, messageOf } from "./errors.ts";
import { linesOf } from "./lines.ts";
import { sleep } from "./retry.ts";

/** Characters of one line of output; what a longer line has more is dropped. */
const MAX_LINE = 16 * 1024;
/** Between SIGTERM and SIGKILL: with what is cleaned up afterwards it must stay below 2 s. */
const KILL_AFTER_MS = 1000;
/** Between two looks at what a process says: its lines are worth less time than what it waits for. */
const READ_EVERY_MS = 20;
/** How often it is looked whether there is progress. */
const WATCH_EVERY_MS = 1000;

export interface ProcessOptions {
  /** Path of the executable, or a name on PATH. */
  bin: string;
  args: string[];
  /** The whole environment: nothing of ours is inherited. */
  environment: Record<string, string>;
  /** Written to standard input, which is closed then; without it there is none. */
  input?: string;
  onLine(line: string): void;
  /** A line of standard error. */
  onError(line: string): void;
  /** Characters of a line, if not the usual limit. */
  maxLine?: number;
  /** A number that changes as long as there is progress; a line of output counts as well. */
  progress?(): number;
  /** Milliseconds without progress after which the process is ended. */
  stallTimeout: number;
  signal: AbortSignal;
}

/**
 * Runs a process to its end, reading its output line by line.
 *
 * @throws {Failure} `kit` where it cannot be started
 * @throws the signal's reason where it is aborted; the process has ended then
 */
export async function runProcess(
  options: ProcessOptions,
): Promise<{ status: Deno.CommandStatus; stalled: boolean }> {
  const { signal, stallTimeout, maxLine = MAX_LINE } = options;
  signal.throwIfAborted();
  const child = spawn(options);
  const silenced = new AbortController();
  // A process of its own may keep its output open, and nobody waits for that one.
  const kill = () => terminate(child).finally(() => silenced.abort());
  signal.addEventListener("abort", kill, { once: true });

  let lastLife = performance.now();
  let lastProgress = options.progress?.();
  let stalled = false;
  const watchdog = setInterval(() => {
    const progress = options.progress?.();
    if (progress !== lastProgress) lastLife = performance.now();
    lastProgress = progress;
    if (stalled || performance.now() - lastLife < stallTimeout) return;
    stalled = true;
    kill();
  }, Math.min(WATCH_EVERY_MS, stallTimeout / 4));

  const ended = new AbortController();
  child.status.finally(() => ended.abort());
  const rest = () => sleep(READ_EVERY_MS, ended.signal).catch(() => {});
  const read = async (
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    onLine: (line: string) => void,
  ) => {
    try {
      for await (const line of linesOf(stream, maxLine, silenced.signal, rest)) {
        lastLife = performance.now();
        onLine(line);
      }
    } catch (error) {
      if (!silenced.signal.aborted) throw error;
    }
  };
  try {
    const [status] = await Promise.all([
      child.status,
      options.input === undefined ? undefined : write(child.stdin, options.input),
      read(child.stdout, options.onLine),
      read(child.stderr, options.onError),
    ]);
    signal.throwIfAborted();
    return { status, stalled };
  } finally {
    clearInterval(watchdog);
    signal.removeEventListener("abort", kill);
  }
}

function spawn({ bin, args, environment, input }: ProcessOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(bin, {
      args,
      env: environment,
      clearEnv: true,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    const reason = isMissing ? "it is not there or not executable" : messageOf(error);
    throw new Failure("kit", `Cannot run "${bin}": ${reason}`, {
      hint: "Set KIT_BIN to the path of the kit executable, or put kit on PATH",
      cause: error,
    });
  }
}

async function write(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // A command that has already ended reads nothing; its exit status says why.
  }
}

async function terminate(child: Deno.ChildProcess): Promise<void> {
  const send = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended by itself.
    }
  };
  send("SIGTERM");
  const timer = setTimeout(() => send("SIGKILL"), KILL_AFTER_MS);
  await child.status;
  clearTimeout(timer);
}
