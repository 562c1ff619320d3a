import type { AuthContext, SigningIn } from "./auth/mod.ts";
import type { Config } from "./config.ts";
import { createFetch, type DisposableFetch, type FetchOptions, hasProxy } from "./http.ts";
import type { Log } from "./log.ts";
import { RangeFetch } from "./registry/range_fetch.ts";
import { Registries } from "./registry/registries.ts";
import { readIdentity, readTrust } from "./trust.ts";

/** What a network is made with. */
export interface NetworkOptions {
  config: Config;
  log: Log;
  signal: AbortSignal;
  signingIn?: SigningIn;
}

/** The ways to registries and clouds that a run has, all with the same certificates and proxies. */
export class Network implements Disposable {
  /** What the sources of credentials work with. */
  readonly auth: AuthContext;
  /** One for all pairs: what one has asked for, the next need not. */
  readonly registries: Registries;
  /** PEM texts to trust beside the system's. */
  readonly certificates: string[];
  readonly #close: () => void;

  private constructor(parts: Omit<Network, typeof Symbol.dispose>, close: () => void) {
    this.auth = parts.auth;
    this.registries = parts.registries;
    this.certificates = parts.certificates;
    this.#close = close;
  }

  /**
   * Reads the certificates; nothing is connected yet.
   *
   * @throws {Failure} `usage` where a file of certificates cannot be read or used
   */
  static async open({ config, log, signal, signingIn }: NetworkOptions): Promise<Network> {
    const certificates = await readTrust(config);
    const identity = await readIdentity(config);
    // Most runs ask no cloud, and a client with certificates takes a few milliseconds.
    const cloud = lazyFetch({ caCertificates: certificates });
    const registry = lazyFetch({
      caCertificates: certificates,
      identity,
      proxy: config.flags.proxy,
      http1Only: true,
    });
    const ranges = new RangeFetch({
      fetch: registry.fetch,
      caCertificates: certificates,
      identity,
    });
    const auth = {
      config,
      log,
      fetch: cloud.fetch,
      readTextFile: (path: string) => Deno.readTextFile(path),
      signal,
      signingIn,
    };
    const registries = new Registries({
      plainHttp: config.flags.plainHttp,
      fetch: hasProxy(config) ? registry.fetch : ranges.fetch,
      auth,
      mirrors: config.mirrors,
      attempts: config.attempts,
      stallTimeout: config.stallTimeout,
      log,
      signal,
    });
    return new Network({ auth, registries, certificates }, () => {
      cloud.close();
      ranges[Symbol.dispose]();
      registry.close();
    });
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/** A client that is made when it is first used. */
function lazyFetch(options: FetchOptions) {
  let client: DisposableFetch | undefined;
  return {
    fetch: (input: string | URL | Request, init?: RequestInit) => {
      client ??= createFetch(options);
      return client(input, init);
    },
    close: () => client?.[Symbol.dispose](),
  };
}
