import { Failure } from "../errors.ts";
import * as azure from "./azure.ts";
import * as dockerConfig from "./docker_config.ts";
import * as ecr from "./ecr.ts";
import * as google from "./google.ts";
import type { AuthContext, Credentials, Scope, Source } from "./source.ts";
import * as userPassword from "./user_password.ts";

export type { AuthContext, Credentials, Scope, SigningIn, Source } from "./source.ts";

/** Whose credentials are used: the first source that has some for the host. */
export const SOURCES: readonly Source[] = [
  userPassword,
  dockerConfig,
  // The clouds, each for the hosts of its pattern and when its identity is present.
  ecr,
  google,
  azure,
];

/** A token this close to its end could be refused before a long download is through its first requests. */
const RENEWAL_MS = 5 * 60_000;

/** What was asked in this run: a source is asked once for a host, however many pairs there are. */
interface Memory {
  answers: Map<string, Answer>;
  logged: Set<string>;
}
interface Answer {
  promise: Promise<Credentials | undefined>;
  isPending: boolean;
}
const memories = new WeakMap<AuthContext, Memory>();

/**
 * Goes through `SOURCES` and answers with the credentials for `scope`, or with `undefined`: ask anonymously.
 *
 * Answers are kept per `context`, in memory only, and renewed when they are about to expire. A source that throws
 * is final: an identity that is present but fails never falls back to the next one or to anonymous.
 *
 * Whoever asks first starts the sign-ins for all pairs of the run, so that several hosts are asked at the same time. A
 * run that needs no credentials, as that of complete folders, starts none.
 *
 * @param sources only tests give other ones
 * @throws {Failure} `auth` or `unavailable`, neither of them to be tried again by the caller
 */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
  sources: readonly Source[] = SOURCES,
): Promise<Credentials | undefined> {
  let memory = memories.get(context);
  if (memory === undefined) {
    memory = { answers: new Map(), logged: new Set() };
    memories.set(context, memory);
    for (const { reference } of context.config.pairs) {
      // Nobody waits for these yet: a failure is thrown to who needs the answer, if anybody ever does.
      find(reference, context, { sources, memory }).catch(() => {});
    }
  }
  const credentials = await find(scope, context, { sources, memory }).catch((error: unknown) => {
    throw final(error);
  });
  const { host } = scope;
  const message = credentials === undefined
    ? `Reading from "${host}" without signing in`
    : `Signing in to "${host}" with ${credentials.source}`;
  if (!memory.logged.has(message)) context.log.info(message, { host });
  memory.logged.add(message);
  return credentials;
}

/** A source has its own attempts and time limit: those of the request that waits for it must not multiply them. */
function final(error: unknown): unknown {
  return error instanceof Failure && error.transient ? error.withTransient(false) : error;
}

async function find(
  scope: Scope,
  context: AuthContext,
  { sources, memory }: { sources: readonly Source[]; memory: Memory },
): Promise<Credentials | undefined> {
  for (const source of sources) {
    if (source.matches?.(scope.host) === false) continue;
    const credentials = await ask(source, scope, context, memory);
    if (credentials !== undefined) return credentials;
  }
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
    // What was asked for just now is used whatever its end: with a wrong clock all of them have expired.
    const isNew = known.isPending;
    const credentials = await known.promise;
    if (isNew || !isExpiring(credentials)) return credentials;
    // Of all who waited for the old answer only the first asks anew.
    if (answers.get(key) === known) answers.delete(key);
  }
  const answer = answers.get(key) ??
    { promise: source.credentialsFor(scope, context), isPending: true };
  answers.set(key, answer);
  try {
    return await answer.promise;
  } catch (error) {
    // What passes may be asked again; what is wrong for good is not.
    if (error instanceof Failure && error.transient && answers.get(key) === answer) {
      answers.delete(key);
    }
    throw error;
  } finally {
    answer.isPending = false;
  }
}

function isExpiring(credentials: Credentials | undefined): boolean {
  return credentials?.expiresAt !== undefined && credentials.expiresAt - RENEWAL_MS <= Date.now();
}
