import { Failure } from "../errors.ts";
import { readBody } from "../http.ts";
import { retry } from "../retry.ts";
import { RemoteBlob } from "./blob.ts";
import type { RegistryClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { type Descriptor, fetchManifest, fetchReferrers, type Manifest } from "./manifest.ts";
import { MirroredBlob, type ReadableBlob } from "./mirrored_blob.ts";
import { type Source, Sources, type SourcesOptions } from "./sources.ts";
import { StallGuard } from "./stall_guard.ts";
import { damageFailure, networkFailure } from "./status.ts";
import { fetchTags } from "./tags.ts";

/** A Kitfile as a config blob; kit itself refuses longer ones. */
const MAX_CONFIG_BYTES = 32 * 1024 * 1024;

/** How a blob is used. */
export interface BlobUse {
  /** Ends what is being read of it; at the latest the run's end does. One for all blobs, since there may be many. */
  signal: AbortSignal;
  /** Told of every attempt at the registry that failed for a passing reason. */
  onRetry(): void;
  /** Told of bytes as they come, from whomever. */
  onBytes(count: number): void;
}

/** What a run asks of registries and their mirrors, and what their manifests have told so far. */
export class Registries {
  readonly #options: SourcesOptions;
  readonly #sources: Sources;
  readonly #manifests = new Map<string, Manifest>();
  /** What a manifest says counts in its own repository only: another one may lie. */
  readonly #sizes = new Map<string, number>();

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.#sources = new Sources(options);
  }

  /** The manifest under a tag or a digest, checked; a digest is asked for only once. */
  async manifest(host: string, repository: string, reference: string): Promise<Manifest> {
    const key = (digest: string) => keyOf(host, repository, digest);
    const known = this.#manifests.get(key(reference));
    if (known !== undefined) return known;
    const isTag = !reference.includes(":");
    const manifest = await this.#sources.first(
      { host, repository, isTag, purpose: "read the manifest" },
      ({ client, repository }, guard) => fetchManifest(client, repository, reference, guard),
    );
    this.#manifests.set(key(manifest.digest), manifest);
    for (
      const { digest, size } of [...manifest.layers, ...(manifest.config ? [manifest.config] : [])]
    ) {
      this.#sizes.set(key(digest), size);
    }
    return manifest;
  }

  /** A blob that some manifest has told the size of, or that the registry is asked for it. */
  async blob(
    host: string,
    repository: string,
    digest: string,
    use?: BlobUse,
  ): Promise<ReadableBlob> {
    const { stallTimeout, log } = this.#options;
    const { signal } = use ?? this.#options;
    const origin = this.#sources.origin(host, repository);
    const size = this.#sizes.get(keyOf(host, repository, digest)) ??
      await this.#askSize(host, repository, digest, signal);
    const common = { digest, size, stallTimeout, log, signal, onBytes: use?.onBytes };
    const blob = new RemoteBlob({ ...origin, ...common, onRetry: use?.onRetry });
    const replicas = this.#sources.mirrors(host, repository).map(({ mirror, ...source }) => ({
      mirror,
      blob: new RemoteBlob({ ...source, ...common }),
    }));
    return replicas.length === 0 ? blob : new MirroredBlob(blob, replicas, signal);
  }

  /**
   * What the registry says refers to a manifest; no digest vouches for it.
   *
   * @throws {Failure} `not found` where the registry has no such API, too
   */
  async referrers(host: string, repository: string, digest: string): Promise<Descriptor[]> {
    return await this.#sources.first(
      { host, repository, purpose: "ask for referrers" },
      ({ client, repository }, guard) => fetchReferrers(client, repository, digest, guard),
    );
  }

  /**
   * The tags of a repository, or the first few thousand of them.
   *
   * @throws {Failure} `not found` where there is no such repository
   */
  async tags(host: string, repository: string): Promise<string[]> {
    return await this.#sources.first(
      { host, repository, isTag: true, purpose: "list the tags" },
      ({ client, repository }, guard) => fetchTags(client, repository, guard),
    );
  }

  /** Who is asked for what a host has: its mirrors in their order, and the registry itself. */
  clients(host: string): { client: RegistryClient; isMirror: boolean }[] {
    return [...this.#sources.mirrors(host, ""), this.#sources.origin(host, "")]
      .map(({ client, mirror }: Source) => ({ client, isMirror: mirror !== undefined }));
  }

  /** A Kitfile as a config blob. */
  async config(host: string, repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>> {
    const limit = { what: "a Kitfile", maxBytes: MAX_CONFIG_BYTES };
    return await this.document({ host, repository }, digest, limit);
  }

  /**
   * A small blob as a whole, checked against its digest.
   *
   * @param limit `what` is for the message
   * @throws {Failure} `integrity` where it has more than `maxBytes`, or another digest
   */
  async document(
    { host, repository }: { host: string; repository: string },
    digest: string,
    { what, maxBytes }: { what: string; maxBytes: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { size } = await this.blob(host, repository, digest);
    if (size > maxBytes) {
      const message = `Cannot read ${what}: it has ${size} bytes, and may have ${maxBytes}`;
      const hint = "Look at what was pushed: this is not what its manifest calls it";
      throw new Failure("integrity", message, { host, hint });
    }
    return await this.#sources.first(
      { host, repository, purpose: `read the blob ${digest}` },
      async ({ client, repository }, guard) => {
        const { signal } = guard;
        const purpose = `read the blob ${digest} of "${client.host}/${repository}"`;
        const request = { repository, path: `blobs/${digest}`, purpose, signal };
        const { response } = await client.request(request);
        const bytes = await readBody(response, size, (count) => guard.took(count)).catch(
          (error: unknown) => {
            signal.throwIfAborted();
            // What is longer than the manifest says has another digest, too.
            if (error instanceof RangeError) return new Uint8Array();
            throw networkFailure(error, purpose, client.host);
          },
        );
        if (await digestOf(bytes, digest.split(":")[0]) === digest) return bytes;
        throw damageFailure(`blob ${digest}`, "what the registry sent has another digest", {
          host: client.host,
        });
      },
    );
  }

  /** What the registry itself says: no digest vouches for a size. */
  async #askSize(
    host: string,
    repository: string,
    digest: string,
    signal: AbortSignal,
  ): Promise<number> {
    const { attempts, log, stallTimeout } = this.#options;
    const { client } = this.#sources.origin(host, repository);
    const purpose = `find the blob ${digest} of "${host}/${repository}"`;
    const { response } = await retry(async () => {
      using guard = new StallGuard(stallTimeout, signal, purpose);
      return await client.request({
        repository,
        path: `blobs/${digest}`,
        method: "HEAD",
        purpose,
        signal: guard.signal,
      });
    }, { attempts, signal, log });
    const size = Number(response.headers.get("Content-Length") ?? NaN);
    if (Number.isSafeInteger(size)) return size;
    throw new Failure("unavailable", `Cannot ${purpose}: it has no length`, {
      host,
      hint: "Look at the registry or the proxy in front of it",
    });
  }
}

function keyOf(host: string, repository: string, digest: string): string {
  return `${host}/${repository}@${digest}`;
}
