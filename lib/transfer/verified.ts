import type { AuthContext } from "../auth/mod.ts";
import type { Config } from "../config.ts";
import { Failure } from "../errors.ts";
import type { Kit } from "../kit.ts";
import { KitKilled } from "../kit_errors.ts";
import { layerName, type ModelKit, planLayers } from "../modelkit.ts";
import { folderBytes, Progress } from "../progress.ts";
import type { Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";
import type { Reference } from "../reference.ts";
import { sleep } from "../retry.ts";
import { removeTree } from "../tree.ts";
import { Concurrency } from "./concurrency.ts";
import type { TransferStats } from "./delivery.ts";
import { Gateway } from "./gateway.ts";
import type { Accept, Transfer, TransferCost, UnpackJob } from "./mod.ts";
import { sizeOfParents } from "./parents.ts";
import { CHUNK_BYTES } from "./jobs.ts";
import { explainingRefusal } from "./refusal.ts";
import { resolveModelKit } from "./resolve.ts";
import { refuseUnopened } from "./unopened.ts";

/** Bytes of buffers for ranges: with what the runtime takes it keeps a pod below 112 MiB. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Longer than the longest wait between two attempts, with what a registry may ask for by Retry-After. */
const PATIENCE_MS = 150_000;
/** When kit fails without a reason of ours: for so long the rest of the layer may show that it is damaged. */
const VERIFY_AFTER_MS = 30_000;
/** What kit says when it is given a damaged layer. */
const MAY_BE_DAMAGE = ["kit", "unavailable", "integrity"];
/** What Deno's TLS says of a certificate that is its own authority. */
const SELF_SIGNED_REGEXP = /CaUsedAsEndEntity/;

export interface VerifiedOptions {
  kit: Kit;
  config: Pick<Config, "flags" | "connections" | "stallTimeout">;
  auth: AuthContext;
  registries: Registries;
  /** For what the gateway cannot do. */
  fallback: Transfer;
  /** Whether a ModelKit may be unpacked; absent: all may. */
  accept?: Accept;
  signal: AbortSignal;
}

/**
 * Lets kit unpack through a gateway of ours that fetches layers in ranges on several connections and compares each
 * with its digest, to its last byte.
 */
export class VerifiedTransfer implements Transfer {
  readonly #options: VerifiedOptions;
  /** What its requests add up to. */
  readonly #stats: TransferStats = {
    bytes: 0,
    retries: 0,
    connections: 0,
    networkMs: 0,
    hashMs: 0,
    kitMs: 0,
  };
  #isFallenBack = false;

  constructor(options: VerifiedOptions) {
    this.#options = options;
  }

  get isVerified(): boolean {
    return !this.#isFallenBack;
  }

  async resolve(reference: Reference): Promise<ModelKit> {
    const { accept, auth, fallback, registries } = this.#options;
    try {
      return await explainingRefusal(
        () => resolveModelKit(registries, reference, accept),
        reference,
        auth,
      );
    } catch (error) {
      if (!(error instanceof Failure) || !SELF_SIGNED_REGEXP.test(error.message)) throw error;
      if (accept !== undefined) {
        // Kit would not compare the layers with what is signed.
        throw new Failure(error.outcome, `${error.message}, and signatures need one that is not`, {
          host: error.host,
          hint: "Give the registry a certificate that an authority signed, or unset KIT_COSIGN_*",
          transient: false,
          cause: error,
        });
      }
      auth.log.warn(
        "The registry's certificate is its own authority, which only kit itself accepts: layers are not verified",
        { host: reference.host },
      );
      this.#isFallenBack = true;
      return await fallback.resolve(reference);
    }
  }

  async sizeOfParents(modelkit: ModelKit): Promise<number> {
    const { accept, auth, config: { flags }, registries } = this.#options;
    if (this.#isFallenBack || flags.ownChoice) return 0;
    // As when kit asks for it: a digest is what the Kitfile means that names it, and a tag may have moved.
    const resolve = (parent: Reference) =>
      resolveModelKit(registries, parent, parent.digest === undefined ? accept : undefined);
    return await sizeOfParents(
      modelkit,
      flags,
      (parent) => explainingRefusal(() => resolve(parent), parent, auth),
    );
  }

  /** @throws {Failure} why a layer could not be had or trusted, rather than what kit says of it */
  async unpack(job: UnpackJob): Promise<void> {
    if (this.#isFallenBack) return await this.#options.fallback.unpack(job);
    const { signal } = this.#options;
    for (;;) {
      try {
        return await this.#unpack(job);
      } catch (error) {
        signal.throwIfAborted();
        const isElsewhere = error instanceof Failure && error.outcome === "integrity" &&
          error.transient;
        if (!isElsewhere) throw error;
        // Kit has the bytes already, so all begins anew. Each time there is a mirror less.
        job.progress.log.warn(`${error.message}: unpacking again without that mirror`);
        this.#stats.bytes = 0;
      }
    }
  }

  async #unpack(job: UnpackJob): Promise<void> {
    const { kit, registries, signal, config } = this.#options;
    const stats = this.#stats;
    const { flags } = config;
    const { host, repository } = job.reference;
    const { digest } = job.modelkit;
    // Ranges that nobody needs any more end with the unpacking.
    const done = new AbortController();
    const concurrency = new Concurrency(config.connections);
    const onRetry = () => {
      concurrency.troubled();
      stats.retries++;
    };
    let arrived = 0;
    const onBytes = (count: number) => arrived += count;
    const use = { signal: AbortSignal.any([signal, done.signal]), onRetry, onBytes };
    // Where kit chooses by rules of its own nothing is fetched ahead, and nothing must have been opened.
    const plan = flags.ownChoice ? [] : planLayers(job.modelkit, flags.filters);
    // A start that finds everything complete needs neither this nor node's crypto.
    const { Downloads } = await import("./downloads.ts");
    // Layers of parents, which only kit comes to know, and the Kitfile.
    const unplanned = new Map<string, number>();
    const isPlanned = (digest: string) => job.modelkit.layers.some((one) => one.digest === digest);
    const downloads = new Downloads({
      concurrency,
      buffers: Math.floor(BUFFER_BYTES / CHUNK_BYTES),
      plan: await Promise.all(
        plan.map((layer) => registries.blob(host, repository, layer.digest, use)),
      ),
      stallTimeout: config.stallTimeout,
      stats,
      signal: use.signal,
    });
    try {
      await using gateway = new Gateway({
        downloads,
        log: job.progress.log,
        manifest: (...name) => this.#manifestForKit(...name),
        blob: async (...name) => {
          const blob = await registries.blob(...name, use);
          if (!isPlanned(blob.digest)) unplanned.set(blob.digest, blob.size);
          return blob;
        },
      });
      // Datasets of S3 are kit's own affair: that it goes on with them only the disk shows.
      const measure = async () => ({
        bytes: flags.includeRemote ? await folderBytes(job.tree) : stats.bytes,
        total: [...unplanned.values()].reduce((sum, size) => sum + size, job.progress.total),
        layers: [...gateway.underWay].map(({ digest, bytes, size }) => ({
          name: layerName(job.modelkit, digest),
          bytes,
          size,
        })),
      });
      using shown = new Progress({ ...job.progress, measure });
      downloads.start();
      try {
        await kit.unpack({ ...job.reference, digest }, job.tree, {
          words: [...flags.local, "--plain-http", `--proxy=${gateway.proxy}`],
          progress: () => arrived + stats.bytes + stats.retries + shown.bytes,
          // Stalls of the network are the gateway's, which tries again; this is for a kit that hangs itself.
          patience: PATIENCE_MS + 2 * config.stallTimeout,
        });
      } catch (error) {
        signal.throwIfAborted();
        if (
          gateway.failure === undefined && error instanceof Failure &&
          !(error instanceof KitKilled) && MAY_BE_DAMAGE.includes(error.outcome)
        ) {
          await Promise.race([
            gateway.verified().catch(() => {}),
            sleep(VERIFY_AFTER_MS, done.signal),
          ]);
          signal.throwIfAborted();
        }
        const { failure } = gateway;
        // Before the gateway is disposed of, which waits for the blobs that are being read.
        done.abort();
        throw failure ?? (flags.includeRemote ? error : asKitFailure(error));
      }
      refuseUnopened(job, plan, await gateway.verified());
    } catch (error) {
      // What cannot be removed now is removed with the staging folder; the error that counts is this one.
      await removeTree(job.tree).catch(() => {});
      throw error;
    } finally {
      done.abort();
    }
  }

  /** Of a ModelKit, and of its parents. One by digest is what the Kitfile means that names it; a tag may have moved. */
  async #manifestForKit(host: string, repository: string, reference: string): Promise<Manifest> {
    const { accept, registries } = this.#options;
    const manifest = await registries.manifest(host, repository, reference);
    if (!reference.includes(":")) await accept?.({ host, repository, tag: reference }, [manifest]);
    return manifest;
  }

  cost(): TransferCost | undefined {
    if (this.#isFallenBack) return undefined;
    const { bytes, connections, retries, networkMs, hashMs, kitMs } = this.#stats;
    const most = Math.max(networkMs, hashMs, kitMs);
    const limit = most === networkMs ? "network" : most === hashMs ? "hash" : "kit or disk";
    return { downloaded: bytes, connections, retries, limit };
  }
}

/** Kit gets everything from us: when we had it all, what kit takes for a broken connection is in the layers. */
function asKitFailure(error: unknown): unknown {
  if (!(error instanceof Failure) || error.outcome !== "unavailable") return error;
  return new Failure("kit", error.message, {
    host: error.host,
    hint: "Pack and push the ModelKit again: kit cannot read what is in its layers",
    cause: error,
  });
}
