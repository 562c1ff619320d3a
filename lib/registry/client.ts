import type { Credentials, SigningIn } from "../auth/source.ts";
import { Failure } from "../errors.ts";
import type { Secret } from "../secret.ts";
import { Authorization } from "./authorization.ts";
import { parseChallenges } from "./challenge.ts";
import { refuseRedirect } from "./redirect.ts";
import { networkFailure, statusFailure } from "./status.ts";

const MAX_REDIRECTS = 5;
const USER_AGENT = "kit-storage-initializer";

export interface RegistryOptions {
  host: string;
  plainHttp: boolean;
  fetch(url: string, init: RequestInit): Promise<Response>;
  credentialsFor(repository: string): Promise<Credentials | undefined>;
  signingIn?: SigningIn;
  /** URL of its API where that is not `/v2` of the host, without a slash at the end. */
  api?: string;
}

export interface RegistryRequest {
  repository: string;
  /** Below the API's `<repository>/`. */
  path: string;
  method?: "GET" | "HEAD";
  headers?: Record<string, string>;
  /** What it is for, as in "Cannot …". */
  purpose: string;
  signal: AbortSignal;
}

/** An answer, and where it came from after redirects. */
export interface RegistryAnswer {
  response: Response;
  /** The target of a redirect to somewhere else, if there was one: it may be asked directly for a while. */
  location?: string;
}

/** Docker Hub's API has another host than its name. */
const API_HOSTS: Record<string, string> = {
  "docker.io": "registry-1.docker.io",
  "index.docker.io": "registry-1.docker.io",
};

/** One registry: signs in as it asks, follows redirects without credentials, and types its errors. */
export class RegistryClient {
  readonly host: string;
  /** URL of its API, without a slash at the end. */
  readonly api: string;
  readonly #options: RegistryOptions;
  readonly #authorizations = new Map<string, Authorization>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.host = options.host;
    const scheme = options.plainHttp ? "http" : "https";
    this.api = options.api ?? `${scheme}://${API_HOSTS[options.host] ?? options.host}/v2`;
  }

  /**
   * Asks the registry. Answers with a status below 300.
   *
   * @throws {Failure} by the status, or `unavailable` without one
   */
  async request(request: RegistryRequest): Promise<RegistryAnswer> {
    const url = `${this.api}/${request.repository}/${request.path}`;
    const authorization = this.#authorizationFor(request.repository);
    for (let attempt = 1;; attempt++) {
      const header = await authorization.header(request.signal);
      const answer = await this.#follow(url, header, request);
      const { response } = answer;
      if (response.ok) return answer;
      if (response.status === 401 && answer.location === undefined && attempt <= 2) {
        const challenges = parseChallenges(response.headers.get("WWW-Authenticate") ?? "");
        await response.body?.cancel();
        if (await authorization.answer(challenges, header, request.signal)) continue;
        throw new Failure(
          "auth",
          `Cannot ${request.purpose}: the registry answered 401 (unauthorized)`,
          {
            host: this.host,
            hint: "Check the credentials for this host and that they may read the repository",
          },
        );
      }
      const failure = await statusFailure(response, request.purpose, this.host);
      // A presigned URL may expire between the redirect and its use: the next one is fresh.
      if (answer.location !== undefined && failure.outcome === "auth") {
        throw failure.withTransient(true);
      }
      throw failure;
    }
  }

  /** Asks a redirect's target again, without credentials and without following further. */
  async requestLocation(location: string, request: RegistryRequest): Promise<Response> {
    return await this.#send(location, request, undefined);
  }

  /**
   * Asks whether anybody is there, without signing in; any answer is one.
   * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#determining-support
   *
   * @throws {Failure} `unavailable` without an answer
   */
  async ping(signal: AbortSignal): Promise<Response> {
    const purpose = `connect to "${this.host}"`;
    return await this.#send(
      `${this.api}/`,
      { repository: "", path: "", purpose, signal },
      undefined,
    );
  }

  #authorizationFor(repository: string): Authorization {
    const known = this.#authorizations.get(repository);
    if (known !== undefined) return known;
    const { host, plainHttp, fetch, credentialsFor, signingIn } = this.#options;
    const authorization = new Authorization({
      host,
      repository,
      plainHttp,
      credentials: () => credentialsFor(repository),
      signingIn,
      fetch,
    });
    this.#authorizations.set(repository, authorization);
    return authorization;
  }

  async #follow(
    first: string,
    header: Secret | undefined,
    request: RegistryRequest,
  ): Promise<RegistryAnswer> {
    let url = first;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      // Credentials are for the registry alone, never for where it sends us.
      const isRegistry = new URL(url).origin === new URL(first).origin;
      const response = await this.#send(url, request, isRegistry ? header : undefined);
      const location = response.headers.get("Location");
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null) {
        return { response, location: isRegistry ? undefined : url };
      }
      await response.body?.cancel();
      url = refuseRedirect(url, location, this.host);
    }
    throw new Failure(
      "unavailable",
      `Cannot ${request.purpose}: more than ${MAX_REDIRECTS} redirects`,
      {
        host: this.host,
        transient: false,
        hint: "Look at the registry or the proxy in front of it",
      },
    );
  }

  async #send(
    url: string,
    request: RegistryRequest,
    header: Secret | undefined,
  ): Promise<Response> {
    const { method = "GET", headers, signal, purpose } = request;
    try {
      return await this.#options.fetch(url, {
        method,
        redirect: "manual",
        signal,
        headers: {
          // Bytes are what is hashed: nothing on the way may compress them.
          "Accept-Encoding": "identity",
          "User-Agent": USER_AGENT,
          ...headers,
          ...(header === undefined ? {} : { Authorization: header.reveal() }),
        },
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const { host } = new URL(url);
      // Where a redirect led to is nowhere in the URI, and somebody must let it through.
      const where = host === new URL(this.api).host ? "" : ` at "${host}"`;
      throw networkFailure(error, purpose + where, this.host);
    }
  }
}
