import type { Config } from "../../lib/config.ts";
import type { AuthContext } from "../../lib/auth/source.ts";
import { Log } from "../../lib/log.ts";
import { parseReference } from "../../lib/reference.ts";
import { Secret } from "../../lib/secret.ts";

/** The world of one test: nothing of the machine it runs on is in it. */
export interface World {
  /** Environment variables, empty ones left out as the configuration does. */
  environment?: Record<string, string>;
  /** Files by path; `null` stands for a folder, an `Error` for what reading it throws. */
  files?: Record<string, string | null | Error>;
  fetch?: typeof fetch;
  signal?: AbortSignal;
  /** The host that KIT_USER is for, as the configuration fills it in. */
  registry?: string;
  /** The URIs of the run's pairs. */
  uris?: string[];
}

/** The lines that were logged beside the context. */
export interface TestContext extends AuthContext {
  lines: string[];
}

export function testContext(world: World = {}): TestContext {
  const environment = world.environment ?? {};
  const lines: string[] = [];
  const config: Partial<Config> = {
    user: environment.KIT_USER,
    password: secret(environment.KIT_PASSWORD),
    registry: environment.KIT_REGISTRY ?? world.registry,
    dockerConfigJson: secret(environment.KIT_DOCKER_CONFIG_JSON),
    environment,
    attempts: 3,
    pairs: (world.uris ?? []).map((uri) => {
      return { uri, reference: parseReference(uri), destination: "/dest" };
    }),
  };
  return {
    config: config as Config,
    log: new Log({
      format: "text",
      level: "debug",
      sink: { write: (line) => lines.push(line), now: () => new Date(0) },
    }),
    fetch: world.fetch ?? (() => Promise.reject(new Error("This test has no network"))),
    readTextFile: (path) => readFrom(world.files ?? {}, path),
    signal: world.signal ?? new AbortController().signal,
    lines,
  };
}

function readFrom(files: NonNullable<World["files"]>, path: string): Promise<string> {
  const content = files[path];
  if (typeof content === "string") return Promise.resolve(content);
  if (content instanceof Error) return Promise.reject(content);
  // Deno's own words.
  return Promise.reject(
    content === null
      ? new Deno.errors.IsADirectory(`Is a directory (os error 21): readfile '${path}'`)
      : new Deno.errors.NotFound(`No such file or directory (os error 2): readfile '${path}'`),
  );
}

function secret(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}
