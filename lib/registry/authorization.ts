import type { Credentials, SigningIn } from "../auth/source.ts";
import { Failure } from "../errors.ts";
import { readBody } from "../http.ts";
import { Secret } from "../secret.ts";
import type { Challenge } from "./challenge.ts";
import { reasonToRefuse } from "./redirect.ts";
import { networkFailure, statusFailure } from "./status.ts";

/** A token's answer is small; a longer one is none. */
const MAX_TOKEN_BYTES = 256 * 1024;
/** What counts without `expires_in`: https://distribution.github.io/distribution/spec/auth/token/ */
const STANDARD_LIFE_S = 60;
/** A token is renewed when so much of its life is left, so that it does not expire on the way. */
const RENEWAL_SHARE = 0.1;

export interface AuthorizationOptions {
  host: string;
  repository: string;
  /** Whether tokens may be asked for by plain HTTP. */
  plainHttp: boolean;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Asked when the registry wants to know who we are. */
  credentials(): Promise<Credentials | undefined>;
  signingIn?: SigningIn;
  now?(): number;
}

/**
 * The Authorization header for one repository: none until the registry asks, then what it asks for, renewed when
 * it expires. Requests that wait for the same answer share it.
 */
export class Authorization {
  readonly #options: AuthorizationOptions;
  readonly #now: () => number;
  #header: Secret | undefined;
  #renewAt = Infinity;
  #challenge: Challenge | undefined;
  #pending: Promise<void> | undefined;

  constructor(options: AuthorizationOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * The header's value, or `undefined` as long as nothing was asked for.
   *
   * @param signal ends what must be asked for it
   */
  async header(signal: AbortSignal): Promise<Secret | undefined> {
    if (this.#now() >= this.#renewAt && this.#challenge !== undefined) {
      await this.#renew([this.#challenge], signal);
    }
    return this.#header;
  }

  /**
   * Reacts to a 401.
   *
   * @param sent the header that was refused: if it has been renewed meanwhile, nothing needs to be asked
   * @returns whether another try makes sense
   */
  async answer(
    challenges: Challenge[],
    sent: Secret | undefined,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (sent !== this.#header) return true;
    await this.#renew(challenges, signal);
    return this.#header !== undefined;
  }

  async #renew(challenges: Challenge[], signal: AbortSignal): Promise<void> {
    const { host, signingIn = (_host, work) => work() } = this.#options;
    this.#pending ??= signingIn(host, () => this.#ask(challenges, signal))
      .finally(() => this.#pending = undefined);
    await this.#pending;
  }

  async #ask(challenges: Challenge[], signal: AbortSignal): Promise<void> {
    const credentials = await this.#options.credentials();
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer !== undefined && credentials?.isBearer) {
      this.#useOnce(`Bearer ${credentials.password.reveal()}`);
      return;
    }
    if (bearer !== undefined) {
      const { token, life } = await this.#token(bearer.parameters, credentials, signal);
      this.#challenge = bearer;
      this.#header = new Secret(`Bearer ${token}`);
      this.#renewAt = this.#now() + life * 1000 * (1 - RENEWAL_SHARE);
      return;
    }
    const basic = challenges.find(({ scheme }) => scheme === "basic");
    if (basic !== undefined && credentials !== undefined && credentials.username !== "") {
      this.#useOnce(basicHeader(credentials));
      return;
    }
    this.#header = undefined;
  }

  /** A second refusal of the same password or token is final. */
  #useOnce(header: string): void {
    this.#header = this.#header?.reveal() === header ? undefined : new Secret(header);
    this.#renewAt = Infinity;
  }

  async #token(
    { realm, service, scope }: Record<string, string>,
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<{ token: string; life: number }> {
    const { host, repository, plainHttp, fetch } = this.#options;
    const hint = `Look at the token server that "${host}" names, or at what answers in its place`;
    const refuse = (why: string) =>
      new Failure("auth", `Cannot get a token for "${host}": its realm ${why}`, { host, hint });
    const url = URL.parse(realm ?? "");
    if (url === null || !(url.protocol === "https:" || (plainHttp && url.protocol === "http:"))) {
      throw refuse("is not an https URL");
    }
    // As with a redirect, the registry chooses the server, but not one that only this pod can reach.
    const why = reasonToRefuse(new URL(`${plainHttp ? "http" : "https"}://${host}`), url);
    if (why !== undefined) throw refuse(`cannot be used: ${why}`);
    const scopes = scope ?? `repository:${repository}:pull`;
    const isRefresh = credentials !== undefined && credentials.username === "";
    let init: RequestInit = { redirect: "error", signal };
    if (isRefresh) {
      const form = {
        grant_type: "refresh_token",
        client_id: "kit-storage-initializer",
        scope: scopes,
      };
      const refresh = { service: service ?? "", refresh_token: credentials.password.reveal() };
      init = { ...init, method: "POST", body: new URLSearchParams({ ...form, ...refresh }) };
    } else {
      if (service !== undefined) url.searchParams.set("service", service);
      for (const one of scopes.split(" ")) url.searchParams.append("scope", one);
      if (credentials !== undefined) init.headers = { Authorization: basicHeader(credentials) };
    }
    const purpose = `get a token for "${host}"`;
    let bytes: Uint8Array;
    try {
      const response = await fetch(url.href, init);
      // A token server has no repositories: that it is not there is a sign-in that fails.
      if (response.status === 404) {
        await response.body?.cancel();
        throw new Failure("auth", `Cannot ${purpose}: the token server answered 404 (not found)`, {
          host,
          hint,
        });
      }
      if (!response.ok) throw await statusFailure(response, purpose, host);
      bytes = await readBody(response, MAX_TOKEN_BYTES);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RangeError)) throw networkFailure(error, purpose, host);
      throw new Failure("auth", `Cannot ${purpose}: the answer is too long`, { host, hint });
    }
    const { token, access_token, expires_in } = parseObject(bytes);
    const value = typeof token === "string" && token !== "" ? token : access_token;
    if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) {
      throw new Failure("auth", `Cannot ${purpose}: the answer has none`, { host, hint });
    }
    new Secret(value);
    const life = typeof expires_in === "number" && expires_in > 0 ? expires_in : STANDARD_LIFE_S;
    return { token: value, life };
  }
}

function basicHeader({ username, password }: Credentials): string {
  const bytes = new TextEncoder().encode(`${username}:${password.reveal()}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
