import { type Pair, readArguments, readPairs, readPatients } from "./arguments.ts";
import { parseDuration } from "./duration.ts";
import { type Expectation, parseExpectations } from "./expect.ts";
import { unknownVariables } from "./unknown_variables.ts";
import { Failure, messageOf } from "./errors.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./log.ts";
import { type Mirrors, parseMirrors } from "./mirrors.ts";
import { Secret } from "./secret.ts";
import {
  parseSignatureSettings,
  type SignatureSettings,
  signatureWarnings,
} from "./signature/settings.ts";
import { parseUnpackFlags, type UnpackFlags } from "./unpack_flags.ts";

/** Everything that arguments and environment say, checked. */
export interface Config {
  /** What was asked for instead of a run. */
  action: "run" | "doctor" | "help" | "version";
  pairs: Pair[];
  flags: UnpackFlags;
  /** What ModelKits must have. */
  expect: Expectation[];
  user?: string;
  password?: Secret;
  /** The host that `user` and `password` are for. */
  registry?: string;
  dockerConfigJson?: Secret;
  /** How layers are fetched. */
  transfer: "verified" | "direct";
  /** Parallel connections to a registry, from 1 to 64. */
  connections: number;
  kitBin: string;
  /** How often a transient failure is tried in all, from 1 to 100. */
  attempts: number;
  /** Milliseconds; absent: no limit. */
  timeout?: number;
  /** Milliseconds without progress. */
  stallTimeout: number;
  mirrors: Mirrors;
  /** Absent: signatures are not looked at. */
  signature?: SignatureSettings;
  /** PEM text, or the path of a file with it. */
  caBundle?: string;
  logFormat: LogFormat;
  logLevel: LogLevel;
  /** All variables that are not empty, for the identity sources and for kit. */
  environment: Readonly<Record<string, string>>;
  /** Sentences about settings that work but are probably not meant. */
  warnings: string[];
  /** Sentences about what is wrong. Only `doctor` goes on with them: they are its first finding. */
  mistakes: string[];
}

/**
 * Reads the whole configuration and checks it before anything is touched.
 *
 * @throws {Failure} `usage`, with every mistake at once
 */
export function readConfig(args: string[], variables: Record<string, string>): Readonly<Config> {
  const mistakes: string[] = [];
  const environment = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== ""),
  );
  const { options, action, words } = readArguments(args, mistakes);

  const oneOf = <T extends string>(
    name: string,
    value: string | undefined,
    allowed: readonly T[],
    standard: T,
  ): T => {
    if (value === undefined) return standard;
    if ((allowed as readonly string[]).includes(value)) return value as T;
    mistakes.push(`${name} is "${value}", and can be ${allowed.join(", ")}`);
    return standard;
  };
  const duration = (name: string): number | undefined => {
    const value = environment[name];
    if (value === undefined) return undefined;
    const ms = parseDuration(value);
    if (ms === undefined) {
      mistakes.push(`${name} is "${value}", and must be a duration such as 90s, 5m or 1h30m`);
    }
    return ms;
  };
  const attempt = <T>(prefix: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      mistakes.push(`${prefix}: ${messageOf(error)}`);
    }
  };

  const whole = (name: string, max: number, standard: number): number => {
    const value = Number(environment[name] ?? standard);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    mistakes.push(`${name} is "${environment[name]}", and must be a whole number from 1 to ${max}`);
    return standard;
  };
  const flags = attempt(
    "KIT_UNPACK_FLAGS",
    () => parseUnpackFlags(environment.KIT_UNPACK_FLAGS ?? ""),
  );
  const pairs = action === "run"
    ? readPairs(words, mistakes)
    : action === "doctor"
    ? readPatients(words, mistakes)
    : [];

  const logLevel = oneOf(
    "--log-level",
    options.level,
    LOG_LEVELS,
    oneOf("KIT_LOG_LEVEL", environment.KIT_LOG_LEVEL, LOG_LEVELS, "info"),
  );

  const config: Config = {
    action,
    pairs,
    flags: flags ?? parseUnpackFlags(""),
    expect: parseExpectations(environment.KIT_EXPECT ?? "", mistakes),
    ...readUser(environment, pairs, mistakes),
    dockerConfigJson: secret(environment.KIT_DOCKER_CONFIG_JSON),
    kitBin: environment.KIT_BIN ?? "kit",
    transfer: oneOf("KIT_TRANSFER", environment.KIT_TRANSFER, ["verified", "direct"], "verified"),
    connections: whole("KIT_CONNECTIONS", 64, 8),
    attempts: whole("KIT_RETRIES", 100, 6),
    mirrors: parseMirrors(environment.KIT_MIRRORS ?? "", mistakes),
    signature: parseSignatureSettings(environment, flags?.tlsVerify, mistakes),
    timeout: duration("KIT_TIMEOUT"),
    stallTimeout: duration("KIT_STALL_TIMEOUT") ?? 60_000,
    caBundle: environment.KIT_CA_BUNDLE,
    logFormat: oneOf(
      "--log-format",
      options.format,
      LOG_FORMATS,
      oneOf("KIT_LOG_FORMAT", environment.KIT_LOG_FORMAT, LOG_FORMATS, "text"),
    ),
    logLevel: options.isQuiet && isTalkative(logLevel) ? "warn" : logLevel,
    environment,
    warnings: [
      ...warningsFor(environment),
      ...signatureWarnings(variables, flags?.includeRemote),
    ],
    mistakes,
  };
  if (mistakes.length > 0 && action === "run") throw usage(mistakes);
  return Object.freeze(config);
}

/** Whether it shows more than what went wrong. */
function isTalkative(level: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf("warn");
}

function warningsFor(environment: Record<string, string>): string[] {
  return unknownVariables(environment).map(({ name, nearest }) =>
    `Unknown setting "${name}" has no effect: did you mean ${nearest}?`
  );
}

function usage(mistakes: string[]): Failure {
  const count = mistakes.length === 1 ? "" : ` (${mistakes.length} mistakes)`;
  return new Failure("usage", `Cannot start${count}: ${mistakes.join("; ")}`, {
    hint: "Correct the arguments or the environment; --help lists them",
  });
}

function readUser(
  environment: Record<string, string>,
  pairs: Pair[],
  mistakes: string[],
): Pick<Config, "user" | "password" | "registry"> {
  const { KIT_USER: user, KIT_PASSWORD: password, KIT_REGISTRY } = environment;
  if (user === undefined && password === undefined) return {};
  if (user === undefined || password === undefined) {
    const [present, missing] = user === undefined
      ? ["KIT_PASSWORD", "KIT_USER"]
      : ["KIT_USER", "KIT_PASSWORD"];
    mistakes.push(`${present} is set, but ${missing} is empty or missing`);
    return {};
  }
  const hosts = [...new Set(pairs.map((pair) => pair.reference.host))];
  if (KIT_REGISTRY === undefined && hosts.length > 1) {
    mistakes.push(
      `KIT_REGISTRY must say which host KIT_USER is for, since the URIs name ${
        hosts.join(" and ")
      }`,
    );
  }
  return { user, password: new Secret(password), registry: registryHost(KIT_REGISTRY) ?? hosts[0] };
}

/** People write the registry as a URL too: only its host counts. */
export function registryHost(value: string | undefined): string | undefined {
  return value?.replace(/^https?:\/\//, "").split("/")[0];
}

function secret(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}
