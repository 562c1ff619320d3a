import { KSERVE_DESTINATION, type Pair } from "../arguments.ts";
import { type Config, registryHost } from "../config.ts";
import type { Failure } from "../errors.ts";
import { isOutage } from "../initialize.ts";
import type { Network } from "../network.ts";
import { isHost } from "../reference.ts";
import { lstatIfPresent, removeTree } from "../tree.ts";
import { CONTAINER_CHECKS } from "./container.ts";
import { completeDigest, DESTINATION_CHECKS, FOLDER_CHECK } from "./destination.ts";
import { type ExamineOptions, Examiner } from "./examiner.ts";
import type { Context } from "./finding.ts";
import { HeardLog } from "./heard_log.ts";
import { HOST_CHECKS } from "./host.ts";
import { MODELKIT_CHECKS } from "./modelkit.ts";
import { Report } from "./report.ts";
import type { Visit } from "./visit.ts";

/** A request without a byte for so long is taken for none: people wait for the answer. */
const STALL_MS = 8_000;

/** What it may use of the world around it. */
export interface World {
  /** Variables as they came. */
  environment: Record<string, string>;
  /** For the report. */
  writeOutput(text: string): void;
  /** For lines of the log, with KIT_LOG_LEVEL=debug. */
  writeError(line: string): void;
  /** Whether a person reads the report as it is written. */
  isTerminal?: boolean;
  now(): Date;
  /** Bytes that this user can still write to the file system of a path. */
  freeBytes(path: string): Promise<number>;
  signal: AbortSignal;
}

/**
 * Goes the way of a run without unpacking anything, and says of each step whether it works and what to do. What it
 * asks, it asks with the parts of a run, so that what it says holds for one.
 *
 * @returns the first failure: what to begin with
 * @throws the reason of a signal
 */
export async function diagnose(given: Config, world: World): Promise<Failure | undefined> {
  const started = performance.now();
  const config = { ...given, attempts: 1, stallTimeout: Math.min(given.stallTimeout, STALL_MS) };
  // What takes too long is left alone, and ends here.
  const end = new AbortController();
  const context: Context = {
    config,
    log: new HeardLog({
      format: config.logFormat,
      level: config.logLevel === "debug" ? "debug" : "error",
      sink: { write: world.writeError, now: world.now },
    }),
    variables: world.environment,
    now: world.now,
    freeBytes: world.freeBytes,
    signal: AbortSignal.any([world.signal, end.signal]),
  };
  const report = new Report({
    format: config.logFormat,
    write: world.writeOutput,
    isTerminal: world.isTerminal ?? false,
    variables: world.environment,
  });
  const examiner = new Examiner(context, (finding) => report.show(finding));
  try {
    await examiner.examine(CONTAINER_CHECKS, undefined, { isLoose: true });
    await examineRegistries(examiner, context);
  } finally {
    end.abort();
    await examiner.settle();
    context.network?.[Symbol.dispose]();
    await context.home?.[Symbol.asyncDispose]();
    if (context.leftover !== undefined) await removeTree(context.leftover);
  }
  const { counts, failure } = examiner;
  report.end({ failure, counts, seconds: (performance.now() - started) / 1000 });
  return failure;
}

async function examineRegistries(examiner: Examiner, context: Context): Promise<void> {
  const { config, network } = context;
  const complete = new Map<Pair, string>();
  for (const pair of config.pairs) {
    const digest = await completeDigest(pair, context);
    if (digest !== undefined) complete.set(pair, digest);
  }
  const isReachable = new Map<string, boolean>();
  for (const host of hostsOf(config)) {
    if (network === undefined) {
      examiner.skip(HOST_CHECKS, '"certificates" comes first', { host });
      continue;
    }
    const excuse = excuseFor(config.pairs.filter((pair) => pair.reference.host === host), complete);
    isReachable.set(host, await examineHost(examiner, network, { host, excuse }));
  }
  const isKserve = await lstatIfPresent(KSERVE_DESTINATION) !== undefined;
  for (const pair of config.pairs) {
    const { uri, destination } = pair;
    const visit = network && { pair, network } as Visit;
    if (visit === undefined || !isReachable.get(pair.reference.host)) {
      examiner.skip(MODELKIT_CHECKS, `"${pair.reference.host}" comes first`, { uri });
    } else {
      const isThere = () =>
        pair.reference.digest !== undefined || visit.modelkit?.digest === complete.get(pair);
      const excuse = excuseFor([pair], complete, isThere);
      await examiner.examine(MODELKIT_CHECKS, visit, { about: { uri }, excuse });
    }
    const about = { uri, destination };
    if (pair.isAssumed && !isKserve) {
      examiner.skip([FOLDER_CHECK], "it is not there; a destination may follow the URI", about);
      continue;
    }
    const place = { destination, pair, modelkit: visit?.modelkit, needed: visit?.needed };
    await examiner.examine(DESTINATION_CHECKS, place, { about });
  }
  if (config.pairs.length === 0 && isKserve) {
    const about = { destination: KSERVE_DESTINATION };
    await examiner.examine([FOLDER_CHECK], { ...about }, { about });
  }
}

/**
 * A complete folder needs nobody where the URI has a digest. Where it has a tag, what the tag means must be known, or
 * there is an outage.
 */
function excuseFor(
  pairs: Pair[],
  complete: ReadonlyMap<Pair, string>,
  isThere = () => pairs.every(({ reference }) => reference.digest !== undefined),
): ExamineOptions["excuse"] {
  if (pairs.length === 0 || !pairs.every((pair) => complete.has(pair))) return undefined;
  return (failure) =>
    isThere() || isOutage(failure) ? "a run goes on with what is complete already" : undefined;
}

/** A host's mirrors and itself. A run needs one of them, so the others' failures are only worth a warning. */
async function examineHost(
  examiner: Examiner,
  network: Network,
  { host, excuse }: { host: string; excuse: ExamineOptions["excuse"] },
): Promise<boolean> {
  let isReachable = false;
  for (const { client, isMirror } of network.registries.clients(host)) {
    const withoutIt = isMirror
      ? `a run goes on without this mirror of "${host}"`
      : isReachable
      ? "a run has a mirror of it"
      : undefined;
    const options: ExamineOptions = {
      about: { host: client.host },
      excuse: withoutIt === undefined ? excuse : () => withoutIt,
    };
    if (await examiner.examine(HOST_CHECKS, { client }, options)) isReachable = true;
  }
  return isReachable;
}

/** The hosts of all URIs; without URIs those that settings name. */
function hostsOf({ environment, mirrors, pairs }: Config): Set<string> {
  if (pairs.length > 0) return new Set(pairs.map(({ reference }) => reference.host));
  const named = registryHost(environment.KIT_REGISTRY) ?? "";
  return new Set([...isHost(named) ? [named] : [], ...mirrors.keys()]);
}
