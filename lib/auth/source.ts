import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import type { Secret } from "../secret.ts";

/** A user name and a password, as `kit login` and HTTP's Basic scheme take them, or a token in their place. */
export interface Credentials {
  /** Empty when `password` is a token: an OAuth2 refresh token ("identity token" in docker's words), or a bearer token. */
  username: string;
  password: Secret;
  /** `password` is a bearer token ("registry token"): the registry gets it as it is, and no token server is asked. */
  isBearer?: boolean;
  /** Where they came from, for the log: `KIT_USER and KIT_PASSWORD`, `AWS ECR`. */
  source: string;
  /** Milliseconds since 1970, when they have an end: they are asked for anew before. */
  expiresAt?: number;
}

/** The one repository that credentials are asked for. */
export interface Scope {
  /** The registry's host, with its port if the URI names one. */
  host: string;
  /** The repository's path on that host. */
  repository: string;
}

/** What a source may use of the outside world. */
export interface AuthContext {
  config: Config;
  log: Log;
  /** Trusts the configured CA certificates and honours the proxy variables. */
  fetch: typeof fetch;
  readTextFile(path: string): Promise<string>;
  /** Ends with the run: its time limit or a signal. */
  signal: AbortSignal;
  /** Told when somebody waits for a sign-in at a host, and for how long. */
  signingIn?: SigningIn;
}

/** Does what a sign-in consists of, and may look how long that takes. */
export type SigningIn = <T>(host: string, work: () => Promise<T>) => Promise<T>;

/**
 * One identity source. `credentialsFor` answers with credentials; with `undefined`: not mine, ask the next
 * one; or throws a `Failure("auth")`: mine, but it failed, and nothing else may be tried in its place.
 */
export interface Source {
  name: string;
  /** Whether the answer depends on the repository too, and not on the host alone. */
  perRepository?: boolean;
  /** Of a cloud: whether its registries have such a host, with its port. Absent: any host may be this source's. */
  matches?(host: string): boolean;
  credentialsFor(scope: Scope, context: AuthContext): Promise<Credentials | undefined>;
}
