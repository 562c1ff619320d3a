import { Failure } from "../errors.ts";
import * as dockerConfig from "./docker_config.ts";
import * as ecr from "./ecr.ts";
import type { AuthContext, Credentials, Scope, Source } from "./source.ts";
import * as userPassword from "./user_password.ts";

export type { AuthContext, Credentials, Scope, Source } from "./source.ts";

/** Whose credentials are used: the first source that has some for the host. */
export const SOURCES: readonly Source[] = [
  userPassword,
  dockerConfig,
  // The clouds, each for the hosts of its pattern and when its identity is present.
  ecr,
];

/** A token this close to its end could be refused before a long download is through its first requests. */
const RENEWAL_MS = 5 * 60_000;

/** What was asked in this run: a source is asked once for a host, however many pairs there are. */
interface Memory {
  answers: Map<string, Promise<Credentials | undefined>>;
  logged: Set<string>;
}
const memories = new WeakMap<AuthContext, Memory>();

/**
 * Goes through `SOURCES` and answers with the credentials for `scope`, or with `undefined`: ask anonymously.
 *
 * Answers are kept per `context`, in memory only, and renewed when they are about to expire. A source that throws
 * is final: an identity that is present but fails never falls back to the next one or to anonymous.
 *
 * @param sources only tests give other ones
 * @throws {Failure} `auth` or `unavailable`
 */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
  sources: readonly Source[] = SOURCES,
): Promise<Credentials | undefined> {
  const memory = memories.get(context) ?? { answers: new Map(), logged: new Set() };
  memories.set(context, memory);
  for (const source of sources) {
    if (source.matches?.(scope.host) === false) continue;
    const credentials = await ask(source, scope, context, memory);
    if (credentials === undefined) continue;
    logOnce(memory, context, `Signing in to "${scope.host}" with ${credentials.source}`, scope);
    return credentials;
  }
  logOnce(memory, context, `Reading from "${scope.host}" without signing in`, scope);
  return undefined;
}

async function ask(
  source: Source,
  scope: Scope,
  context: AuthContext,
  { answers }: Memory,
): Promise<Credentials | undefined> {
  const key = [source.name, scope.host, source.perRepository ? scope.repository : ""].join("\n");
  const known = answers.get(key);
  if (known !== undefined) {
    const credentials = await known;
    if (!isExpiring(credentials)) return credentials;
    // Of all who waited for the old answer only the first asks anew.
    if (answers.get(key) === known) answers.delete(key);
  }
  const answer = answers.get(key) ?? source.credentialsFor(scope, context);
  answers.set(key, answer);
  // What passes may be asked again; what is wrong for good is not.
  answer.catch((error) => {
    if (error instanceof Failure && error.transient && answers.get(key) === answer) {
      answers.delete(key);
    }
  });
  return await answer;
}

function isExpiring(credentials: Credentials | undefined): boolean {
  return credentials?.expiresAt !== undefined && credentials.expiresAt - RENEWAL_MS <= Date.now();
}

function logOnce({ logged }: Memory, { log }: AuthContext, message: string, scope: Scope): void {
  if (logged.has(message)) return;
  logged.add(message);
  log.info(message, { host: scope.host });
}
