import { type AuthContext, credentialsFor } from "../auth/mod.ts";
import { Failure } from "../errors.ts";
import { readBody } from "../http.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";
import { RemoteBlob } from "./blob.ts";
import { RegistryClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import { fetchManifest, type Manifest } from "./manifest.ts";
import { StallGuard } from "./stall_guard.ts";
import { damageFailure, networkFailure } from "./status.ts";

/** A Kitfile as a config blob; kit itself refuses longer ones. */
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

export interface RegistriesOptions {
  plainHttp: boolean;
  /** Speaks HTTP/1.1 only, so that each range has a connection of its own. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  auth: AuthContext;
  attempts: number;
  stallTimeout: number;
  log: Log;
  signal: AbortSignal;
}

/** All registries that a run needs: one client a host, and what their manifests have told so far. */
export class Registries {
  readonly #options: RegistriesOptions;
  readonly #clients = new Map<string, RegistryClient>();
  readonly #manifests = new Map<string, Manifest>();
  /** Sizes by digest. */
  readonly #sizes = new Map<string, number>();

  constructor(options: RegistriesOptions) {
    this.#options = options;
  }

  /** The manifest under a tag or a digest, checked; a digest is asked for only once. */
  async manifest(host: string, repository: string, reference: string): Promise<Manifest> {
    const key = (digest: string) => `${host}/${repository}@${digest}`;
    const known = this.#manifests.get(key(reference));
    if (known !== undefined) return known;
    const { attempts, signal, log, stallTimeout } = this.#options;
    const manifest = await retry(async () => {
      using guard = new StallGuard(
        stallTimeout,
        signal,
        `read the manifest of "${host}/${repository}"`,
      );
      return await fetchManifest(this.#client(host), repository, reference, guard.signal);
    }, { attempts, signal, log });
    this.#manifests.set(key(manifest.digest), manifest);
    for (
      const { digest, size } of [...manifest.layers, ...(manifest.config ? [manifest.config] : [])]
    ) {
      this.#sizes.set(digest, size);
    }
    return manifest;
  }

  /**
   * A blob that some manifest has told the size of, or that the registry is asked for it.
   *
   * @param use ends what is being read of it, beside the run's own signal, and is told of retries
   */
  async blob(
    host: string,
    repository: string,
    digest: string,
    use?: { until: AbortSignal; onRetry(): void },
  ): Promise<RemoteBlob> {
    const { attempts, stallTimeout, log } = this.#options;
    const signal = use === undefined
      ? this.#options.signal
      : AbortSignal.any([this.#options.signal, use.until]);
    const client = this.#client(host);
    let size = this.#sizes.get(digest);
    if (size === undefined) {
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
      size = Number(response.headers.get("Content-Length") ?? NaN);
      if (!Number.isSafeInteger(size)) {
        throw new Failure("unavailable", `Cannot ${purpose}: it has no length`, { host });
      }
    }
    return new RemoteBlob({
      client,
      repository,
      digest,
      size,
      attempts,
      stallTimeout,
      log,
      signal,
      onRetry: use?.onRetry,
    });
  }

  /** A small blob as a whole, checked against its digest. */
  async config(host: string, repository: string, digest: string): Promise<Uint8Array<ArrayBuffer>> {
    const blob = await this.blob(host, repository, digest);
    if (blob.size > MAX_CONFIG_BYTES) {
      throw new Failure("integrity", `Cannot read the Kitfile: ${blob.size} bytes are no Kitfile`, {
        host,
      });
    }
    const { attempts, signal, log, stallTimeout } = this.#options;
    return await retry(async () => {
      using guard = new StallGuard(stallTimeout, signal, `read the blob ${digest}`);
      const { response } = await this.#client(host).request({
        repository,
        path: `blobs/${digest}`,
        purpose: `read the blob ${digest} of "${host}/${repository}"`,
        signal: guard.signal,
      });
      const bytes = await readBody(response, blob.size).catch((error: unknown) => {
        guard.signal.throwIfAborted();
        // What is longer than the manifest says has another digest, too.
        if (error instanceof RangeError) return new Uint8Array();
        throw networkFailure(error, `read the blob ${digest}`, host);
      });
      if (await digestOf(bytes, digest.split(":")[0]) === digest) return bytes;
      throw damageFailure(`blob ${digest}`, "what the registry sent has another digest", { host });
    }, { attempts, signal, log });
  }

  #client(host: string): RegistryClient {
    const known = this.#clients.get(host);
    if (known !== undefined) return known;
    const { plainHttp, fetch, auth } = this.#options;
    const client = new RegistryClient({
      host,
      plainHttp,
      fetch,
      credentialsFor: (repository) => credentialsFor({ host, repository }, auth),
    });
    this.#clients.set(host, client);
    return client;
  }
}
