import { Failure, messageOf } from "../errors.ts";
import { type Entry, findEntry, loginOf, parseDockerConfig } from "./docker_config_file.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "docker config";

/** Entries may be for a part of a host: `ghcr.io/org/team`. */
export const perRepository = true;

/**
 * The entry for `scope` in docker's configuration: the sources below merged, the earlier one first where two have
 * the same key.
 *
 * 1. `KIT_DOCKER_CONFIG_JSON`, the contents
 * 2. `KSERVE_OCI_DOCKER_CONFIG`, where KServe projects an imagePullSecret to: the file, or its folder
 * 3. `DOCKER_CONFIG`, the file, or its folder as docker has it
 * 4. `$HOME/.docker/config.json`
 *
 * Helpers (`credHelpers`, `credsStore`) cannot run in the image: an entry that needs one fails.
 */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
): Promise<Credentials | undefined> {
  const entry = findEntry(await readEntries(scope, context), scope);
  if (entry === undefined) return undefined;
  const login = loginOf(entry);
  if ("problem" in login) {
    throw failure(
      scope,
      `cannot use the entry "${entry.key}" of ${entry.origin}: ${login.problem}`,
      {
        hint: login.hint,
      },
    );
  }
  return { ...login, source: `${name} (${entry.origin})` };
}

/** Far more than any config has, and little enough to be parsed. */
const MAX_CONFIG_LENGTH = 1024 * 1024;

async function readEntries(scope: Scope, context: AuthContext): Promise<Entry[]> {
  const { dockerConfigJson, environment } = context.config;
  const entries: Entry[] = [];
  const add = (text: string | undefined, origin: string) => {
    if (text !== undefined) entries.push(...parse(text, origin, scope));
  };
  const fromPath = async (variable: string) => {
    const path = environment[variable];
    if (path === undefined) return;
    add(await readConfigured(path, variable, scope, context), `${variable} ("${path}")`);
  };

  add(dockerConfigJson?.reveal(), "KIT_DOCKER_CONFIG_JSON");
  await fromPath("KSERVE_OCI_DOCKER_CONFIG");
  await fromPath("DOCKER_CONFIG");
  if (environment.HOME !== undefined) {
    const path = join(environment.HOME, ".docker/config.json");
    add(await readIfThere(path, context), `"${path}"`);
  }
  return entries;
}

function parse(text: string, origin: string, scope: Scope): Entry[] {
  if (text.length > MAX_CONFIG_LENGTH) {
    throw failure(scope, `${origin} is longer than ${MAX_CONFIG_LENGTH} bytes`, {
      hint: `Give it the entries of this host alone`,
    });
  }
  const entries = parseDockerConfig(text, origin);
  if (entries !== undefined) return entries;
  throw failure(scope, `${origin} is not a docker config in JSON`, {
    hint: /^[A-Za-z0-9+/=\s]+$/.test(text)
      ? "Give it as text: what is there now looks like its base64 form"
      : `It must look like {"auths": {"HOST": {"auth": "…"}}}`,
  });
}

/** A file, or the one in a folder, that a variable names: it must be there. */
async function readConfigured(
  path: string,
  variable: string,
  scope: Scope,
  { readTextFile }: AuthContext,
): Promise<string | undefined> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.IsADirectory)) throw unreadable(error);
  }
  // kubelet's name comes second: a Secret that is mounted as it is has it.
  for (const file of ["config.json", ".dockerconfigjson"]) {
    try {
      return await readTextFile(join(path, file));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw unreadable(error);
    }
  }
  // docker's folder may be there for other things, but KServe names the folder for this file alone.
  if (variable === "DOCKER_CONFIG") return undefined;
  throw unreadable(new Error(`No config.json in the folder`));

  function unreadable(error: unknown): Failure {
    return failure(scope, `cannot read ${variable} ("${path}"): ${messageOf(error)}`, {
      hint: `Correct ${variable}, or unset it`,
      cause: error,
    });
  }
}

/** The default file: that it is missing or another user's is as good as that nobody asked for it. */
async function readIfThere(
  path: string,
  { readTextFile, log }: AuthContext,
): Promise<string | undefined> {
  try {
    return await readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      log.debug(`Cannot read the docker config: ${messageOf(error)}`, { path });
    }
    return undefined;
  }
}

function failure(
  { host }: Scope,
  detail: string,
  options: { hint?: string; cause?: unknown } = {},
): Failure {
  return new Failure("auth", `Cannot sign in to "${host}": ${detail}`, { ...options, host });
}

function join(folder: string, file: string): string {
  return `${folder.replace(/(?<!\/)\/+$/, "")}/${file}`;
}
