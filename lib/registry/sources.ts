import { type AuthContext, credentialsFor } from "../auth/mod.ts";
import type { Log } from "../log.ts";
import { type Mirrors, mirrorsOf } from "../mirrors.ts";
import { retry } from "../retry.ts";
import { RegistryClient } from "./client.ts";
import { Mirror } from "./mirror.ts";
import { StallGuard } from "./stall_guard.ts";

/** For so long a mirror may say nothing about what is asked whole: the registry is there, too. */
const MIRROR_PATIENCE_MS = 10_000;

export interface SourcesOptions {
  /** Whether registries are asked by plain HTTP. */
  plainHttp: boolean;
  /** Speaks HTTP/1.1 only, so that each range has a connection of its own. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  auth: AuthContext;
  mirrors: Mirrors;
  /** How often a registry is asked for something without progress. A mirror is asked once. */
  attempts: number;
  /** Milliseconds. */
  stallTimeout: number;
  log: Log;
  signal: AbortSignal;
}

/** Where something is asked for, and what the repository is called there. */
export interface Source {
  client: RegistryClient;
  repository: string;
  attempts: number;
  /** Absent for the registry itself. */
  mirror?: Mirror;
}

/** The registries of a run and their mirrors, one client for each. */
export class Sources {
  readonly #options: SourcesOptions;
  readonly #clients = new Map<string, RegistryClient>();
  readonly #mirrors = new Map<string, Mirror[]>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** The registry itself. */
  origin(host: string, repository: string): Source {
    const { plainHttp, fetch, auth, attempts } = this.#options;
    let client = this.#clients.get(host);
    if (client === undefined) {
      client = new RegistryClient({
        host,
        plainHttp,
        fetch,
        credentialsFor: (repository) => credentialsFor({ host, repository }, auth),
        signingIn: auth.signingIn,
      });
      this.#clients.set(host, client);
    }
    return { client, repository, attempts };
  }

  /** The mirrors of a registry that are worth asking. */
  mirrors(host: string, repository: string): (Source & { mirror: Mirror })[] {
    let mirrors = this.#mirrors.get(host);
    if (mirrors === undefined) {
      mirrors = this.#create(host);
      this.#mirrors.set(host, mirrors);
    }
    return mirrors.filter(({ isOut }) => !isOut).map((mirror) => ({
      client: mirror.client,
      repository: mirror.prefix + repository,
      // To go on elsewhere is quicker than to wait for another attempt.
      attempts: 1,
      mirror,
    }));
  }

  /**
   * Asks for something small: the mirrors in their order, then the registry itself.
   *
   * @param purpose such as "read the manifest"
   */
  async first<T>(
    { host, repository, isTag = false, purpose }: {
      host: string;
      repository: string;
      isTag?: boolean;
      purpose: string;
    },
    work: (source: Source, guard: Pick<StallGuard, "signal" | "took">) => Promise<T>,
  ): Promise<T> {
    const { stallTimeout, signal, log } = this.#options;
    const ask = (source: Source, limit: number) =>
      retry(
        async () => {
          const { client: { host }, repository } = source;
          using guard = new StallGuard(limit, signal, `${purpose} of "${host}/${repository}"`);
          // A mirror has its time in all: one that drips is worth no waiting.
          const took = source.mirror === undefined
            ? (count: number) => guard.took(count)
            : () => {};
          return await work(source, { signal: guard.signal, took });
        },
        { attempts: source.attempts, signal, log },
      );
    for (const source of this.mirrors(host, repository)) {
      const { mirror } = source;
      if (isTag && !mirror.resolvesTags) continue;
      try {
        const found = await ask(source, Math.min(stallTimeout, MIRROR_PATIENCE_MS));
        mirror.succeeded();
        return found;
      } catch (error) {
        signal.throwIfAborted();
        mirror.failed(error);
      }
    }
    return await ask(this.origin(host, repository), stallTimeout);
  }

  #create(host: string): Mirror[] {
    const { mirrors, plainHttp, fetch, auth, log } = this.#options;
    return mirrorsOf(host, mirrors).map(({ host, api, prefix, isPlainHttp }) => {
      // Who is on the way could change what a tag means, and read a password; a digest says itself what is right.
      const isTrusted = plainHttp || !isPlainHttp;
      const client = new RegistryClient({
        host,
        api,
        plainHttp: isPlainHttp,
        fetch,
        credentialsFor: async (repository) =>
          isTrusted ? await credentialsFor({ host, repository }, auth) : undefined,
        signingIn: auth.signingIn,
      });
      return new Mirror({ client, prefix, resolvesTags: isTrusted, log });
    });
  }
}
