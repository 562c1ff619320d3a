import { announce, lastCost, summary, writeMessage } from "./announce.ts";
import { readArguments } from "./arguments.ts";
import { type Config, readConfig } from "./config.ts";
import { asFailure, Failure, messageOf, OUTCOMES } from "./errors.ts";
import { helpText } from "./help.ts";
import { initialize, type Result } from "./initialize.ts";
import { Log, type LogFormat, type LogLevel } from "./log.ts";
import { Network } from "./network.ts";
import { Signatures } from "./signature/mod.ts";
import { readRequirement } from "./signature/requirement.ts";
import type { Screen } from "./terminal.ts";
import { type Report, sentenceOf } from "./termination.ts";
import { sendTrace, writeMetrics } from "./telemetry/mod.ts";
import { Timeline } from "./timeline.ts";

/** What the program may use of the world around it; main.ts makes the real one. */
export interface World {
  args: string[];
  environment: Record<string, string>;
  /** One line, or a text with line breaks, for standard error. */
  writeError(line: string): void;
  /** For standard output: `--help`, `--version` and the report of `doctor` only. */
  writeOutput(text: string): void;
  /** Whether standard output is a terminal. */
  isTerminal?: boolean;
  /** Where bars can be drawn: standard error, where it is a terminal. */
  screen?: Screen;
  now(): Date;
  /** Bytes that this user can still write to the file system of a path. */
  freeBytes(path: string): Promise<number>;
  /** Aborts with a `Failure` when a signal arrives. */
  signal: AbortSignal;
  version: string;
}

/** Runs the program. Answers with the exit code, after having said everything that there is to say. */
export async function run(world: World): Promise<number> {
  const started = performance.now();
  const report: Report = { seconds: 0 };
  const timeline = new Timeline();
  const { signal, environment, version } = world;
  let config: Config | undefined;
  const terminationLog = world.environment.KIT_TERMINATION_LOG || undefined;
  let log = createLog(world, earlyOptions(world));
  // Cleaning up may take longer than main.ts waits for it: what is known is said at once, and the last word later.
  let said: Promise<unknown> | undefined;
  const sayAtOnce = () => {
    const failure = asFailure(world.signal.reason);
    const soFar = { ...report, failure, seconds: secondsSince(started) };
    log.warn(sentenceOf(soFar));
    said = Promise.all([
      writeMessage(soFar, terminationLog, log),
      writeMetrics({ report: soFar, timeline, version }, { config, environment, log, signal }),
    ]);
  };
  world.signal.addEventListener("abort", sayAtOnce, { once: true });
  try {
    config = readConfig(world.args, world.environment);
    if (config.action === "doctor") {
      // A run need not load what only this needs.
      const { diagnose } = await import("./doctor/mod.ts");
      using end = endOf(config, world.signal);
      report.failure = await diagnose(config, { ...world, signal: end.signal });
      report.sentence = "Nothing stands in the way of a run";
      report.seconds = secondsSince(started);
      await writeMessage(report, terminationLog, log);
      return OUTCOMES[report.failure?.outcome ?? "ok"].code;
    }
    if (config.action !== "run") {
      world.writeOutput(config.action === "help" ? helpText(world.version) : `${world.version}\n`);
      return OUTCOMES.ok.code;
    }
    log = createLog(world, { format: config.logFormat, level: config.logLevel });
    log.info(`storage-initializer ${world.version}`);
    for (const warning of config.warnings) log.warn(warning);
    await fill(config, { world, log, report, started, timeline });
  } catch (error) {
    report.failure = asFailure(error);
    if (report.failure.outcome === "bug") log.error(stackOf(report.failure.cause ?? error));
    for (let cause = causeOf(error); cause !== undefined; cause = causeOf(cause)) {
      log.debug(`Because: ${messageOf(cause)}`);
    }
  }
  report.seconds = secondsSince(started);
  world.signal.removeEventListener("abort", sayAtOnce);
  await said;
  // Before the last word, since what goes wrong here is a line of the log too.
  await Promise.all(
    [writeMetrics, sendTrace].map((tell) =>
      tell({ report, timeline, version }, { config, environment, log, signal })
    ),
  );
  await announce(report, terminationLog, log);
  return OUTCOMES[report.failure?.outcome ?? "ok"].code;
}

interface Progress {
  world: World;
  log: Log;
  report: Report;
  started: number;
  timeline: Timeline;
}

/** Fills one destination after the other, and notes in the report how far it came. */
async function fill(config: Config, progress: Progress): Promise<void> {
  const { world, log, report, started, timeline } = progress;
  using end = endOf(config, world.signal);
  const { signal } = end;

  using network = await Network.open({
    config,
    log,
    signal,
    signingIn: (host, work) => timeline.during("sign-in", work, host),
  });
  const requirement = config.signature && await readRequirement(config.signature);
  const { auth, registries, certificates } = network;
  const context = {
    config,
    log,
    auth,
    registries,
    signatures: requirement && new Signatures({ requirement, registries, log, signal }),
    certificates,
    version: world.version,
    signal,
    timeline,
    now: world.now,
    freeBytes: world.freeBytes,
    screen: log.format === "text" && log.isShown("info") ? world.screen : undefined,
  };
  const results: Result[] = [];
  for (const pair of config.pairs) {
    report.uri = pair.uri;
    const result = await timeline.pair(pair, () => initialize(pair, context));
    results.push(result);
    report.digest = result.digest;
    report.bytes = results.reduce((sum, { bytes }) => sum + bytes, 0);
    report.seconds = secondsSince(started);
  }
  report.cost = lastCost(results);
  report.sentence = summary(config, results, secondsSince(started));
}

/** Aborts as `signal` does, or when KIT_TIMEOUT is over. */
function endOf(config: Config, signal: AbortSignal): Disposable & { signal: AbortSignal } {
  const limit = new AbortController();
  const message = `Cannot finish within KIT_TIMEOUT (${config.environment.KIT_TIMEOUT})`;
  const hint = "Raise KIT_TIMEOUT, or look for what is slow";
  const timer = config.timeout === undefined
    ? undefined
    : setTimeout(() => limit.abort(new Failure("timeout", message, { hint })), config.timeout);
  return {
    signal: AbortSignal.any([signal, limit.signal]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? error.stack : messageOf(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

interface LogChoice {
  format: LogFormat;
  level: LogLevel;
}

function createLog(world: World, choice: LogChoice): Log {
  return new Log({ ...choice, sink: { write: world.writeError, now: world.now } });
}

/** The format for mistakes in the configuration itself: machines should be able to read those too. */
function earlyOptions({ args, environment }: World): LogChoice {
  const format = readArguments(args, []).options.format ?? environment.KIT_LOG_FORMAT;
  return { format: format === "json" ? "json" : "text", level: "info" };
}
