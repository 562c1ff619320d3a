import type { AuthContext } from "./auth/mod.ts";
import type { Pair } from "./arguments.ts";
import type { Config } from "./config.ts";
import { Destination, destinationFailure } from "./destination.ts";
import { Failure } from "./errors.ts";
import { checkExpectations } from "./expect.ts";
import { formatBytes } from "./format_bytes.ts";
import { Kit } from "./kit.ts";
import { showKitfile } from "./kitfile.ts";
import type { Log } from "./log.ts";
import type { Entry } from "./marker.ts";
import { type ModelKit, namedPaths, selectLayers, sizeOf } from "./modelkit.ts";
import { PrivateFolder } from "./private_folder.ts";
import { publish, refuseForeign, withReplaced } from "./publish.ts";
import type { Registries } from "./registry/registries.ts";
import type { Signatures } from "./signature/mod.ts";
import { refuseFullDisk } from "./space.ts";
import type { Screen } from "./terminal.ts";
import type { Timeline } from "./timeline.ts";
import { chooseTransfer } from "./transfer/choose.ts";
import type { Accept, Transfer, TransferCost } from "./transfer/mod.ts";
import { trustFlags } from "./trust.ts";
import { WORTH_BYTES, WriteBack } from "./write_back.ts";

/** What one pair needs from the run. */
export interface Context {
  config: Config;
  log: Log;
  auth: AuthContext;
  /** One for all pairs: what one has asked for, the next need not. */
  registries: Registries;
  /** Where ModelKits must be signed. */
  signatures?: Signatures;
  /** PEM texts to trust beside the system's certificates. */
  certificates: string[];
  version: string;
  signal: AbortSignal;
  timeline: Timeline;
  now(): Date;
  /** Bytes that this user can still write to the file system of a path. */
  freeBytes(path: string): Promise<number>;
  /** Where bars are drawn. */
  screen?: Screen;
}

/** What became of one pair. */
export interface Result {
  digest: string;
  /** Bytes unpacked; 0 when the destination was complete already. */
  bytes: number;
  /** How it was fetched, where we did that ourselves. */
  cost?: TransferCost;
}

/**
 * Makes one destination hold its ModelKit, whatever earlier runs left there.
 *
 * @throws {Failure} with nothing half-done left behind
 */
export async function initialize(pair: Pair, context: Context): Promise<Result> {
  try {
    return await initializeLocked(pair, context);
  } catch (error) {
    throw destinationFailure(error, pair.destination);
  }
}

async function initializeLocked(pair: Pair, context: Context): Promise<Result> {
  const { config, log, signal, signatures, timeline } = context;
  const { uri, reference } = pair;
  const filters = config.flags.selection;
  const signature = signatures?.fingerprint;
  await using destination = await timeline.during(
    "lock",
    () => Destination.open(pair.destination, { log, signal }),
  );

  if (reference.digest !== undefined) {
    // What a URI with a digest stands for never changes; of an index the marker has the digest of its ModelKit.
    const entry = await destination.find({ uri, filters, signature });
    if (entry !== undefined) return await complete(entry, { destination, pair, config, log });
  }

  await using home = await PrivateFolder.create(() => destination.staging());
  const trust = await trustFlags(home.path, context);
  const kit = new Kit({
    bin: config.kitBin,
    home: home.path,
    environment: config.environment,
    network: [...config.flags.network, ...trust],
    includeRemote: config.flags.includeRemote,
    stallTimeout: config.stallTimeout,
    log,
    signal,
  });

  let outage: Failure | undefined;
  const accept: Accept | undefined = signatures && (async (reference, manifests) => {
    // A signature that counted may be gone by now, and what it was for is here.
    const known = await destination.find({ uri, digest: manifests[0].digest, filters, signature });
    if (known !== undefined) return;
    await timeline.during("signature", () => signatures.verify(reference, manifests));
  });
  const transfer = chooseTransfer(kit, trust, { ...context, accept });
  const resolved = timeline.during("resolve", () => resolve(kit, transfer, pair));
  const modelkit = await resolved.catch((error: unknown) => {
    if (signal.aborted || !isOutage(error)) throw error;
    outage = error;
  });
  const entry = await destination.find({ uri, digest: modelkit?.digest, filters, signature });
  if (entry !== undefined) {
    if (outage !== undefined) {
      log.warn(`${outage.message}: whether the tag has moved is unknown, so what is here counts`, {
        uri,
      });
    }
    return await complete(entry, { destination, pair, config, log });
  }
  if (modelkit === undefined) throw outage;
  return await fill({ destination, transfer, modelkit, pair }, context);
}

interface Job {
  destination: Destination;
  transfer: Transfer;
  modelkit: ModelKit;
  pair: Pair;
}

/** Unpacks next to what is there, and publishes it. */
async function fill(job: Job, context: Context): Promise<Result> {
  const { destination, transfer, modelkit, pair } = job;
  const { config: { expect, flags, pairs }, log, signal, timeline } = context;
  const { uri, reference } = pair;
  const { digest } = modelkit;
  timeline.note({ digest, cost: () => transfer.cost() });
  const started = context.now();

  const layers = selectLayers(modelkit, flags.filters);
  if (layers.length === 0 && flags.filters.length > 0) {
    log.warn("The filters in KIT_UNPACK_FLAGS select no layer of this ModelKit", { uri });
  }
  const place = { uri, neighbours: await urisIn(destination.root, pairs), rule: flags };
  await refuseForeign(destination, namedPaths(modelkit, flags.filters), place);
  const needed = sizeOf(layers) + await transfer.sizeOfParents(modelkit);
  await refuseFullDisk(destination.root, needed, context.freeBytes);

  const tree = `${await destination.staging()}/tree`;
  const words = { uri, digest, bytes: needed };
  log.info(`Unpacking ${uri} (${formatBytes(needed)}) to ${pair.destination}`, words);
  const progress = { log, uri, total: needed, screen: context.screen };
  {
    // What is in S3 nobody has counted.
    const isSmall = needed < WORTH_BYTES && !flags.includeRemote;
    await using _writeBack = isSmall ? undefined : new WriteBack(tree, signal);
    const unpacking = { reference, modelkit, tree, progress };
    await timeline.during("transfer", () => transfer.unpack(unpacking));
  }
  signal.throwIfAborted();
  const published = await timeline.during("publish", () =>
    publish(destination, {
      ...place,
      tree,
      digest,
      filters: flags.selection,
      signature: context.signatures?.fingerprint,
      version: context.version,
      started,
      now: context.now,
      signal,
      accept: (files) => checkExpectations(expect, pair, files),
    }));
  if (published.files["Kitfile"] !== undefined) await showKitfile(destination.root, log);
  return { digest, bytes: bytesOf(published), cost: transfer.cost() };
}

/** The URIs of all pairs whose destination is this folder, however it is spelled. */
export async function urisIn(root: string, pairs: Pair[]): Promise<string[]> {
  const roots = await Promise.all(
    pairs.map(({ destination }) => Deno.realPath(destination).catch(() => undefined)),
  );
  return pairs.filter((_, index) => roots[index] === root).map(({ uri }) => uri);
}

/**
 * Asks what the reference is now. Kit shows its version meanwhile, since nothing needs to wait for that.
 */
async function resolve(kit: Kit, transfer: Transfer, { reference }: Pair): Promise<ModelKit> {
  await kit.quieten();
  // Both are waited for also when one fails: its process must not outlive the private folder.
  const [found, banner] = await Promise.allSettled([transfer.resolve(reference), kit.version()]);
  if (banner.status === "rejected") throw banner.reason;
  if (found.status === "rejected") throw found.reason;
  return found.value;
}

/** Whether the registry, and not what it said, is the reason. */
export function isOutage(error: unknown): error is Failure {
  return error instanceof Failure &&
    (error.outcome === "unavailable" || error.outcome === "timeout");
}

/** @throws {Failure} where it was complete before KIT_EXPECT said what it does now */
async function complete(
  entry: Entry,
  { destination, pair, config, log }: Pick<Context, "config" | "log"> & {
    destination: Destination;
    pair: Pair;
  },
): Promise<Result> {
  const { uri, digest } = entry;
  checkExpectations(config.expect, pair, await withReplaced(destination.root, entry));
  log.info(`Complete already: ${pair.destination}`, { uri, digest });
  return { digest, bytes: 0 };
}

function bytesOf(entry: Entry): number {
  return Object.values(entry.files).reduce((sum, { size }) => sum + size, 0);
}
