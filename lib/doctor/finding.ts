import type { Config } from "../config.ts";
import type { Failure } from "../errors.ts";
import type { Network } from "../network.ts";
import type { PrivateFolder } from "../private_folder.ts";
import type { Requirement } from "../signature/requirement.ts";
import type { HeardLog } from "./heard_log.ts";

/** `skip`: it could not be looked at, or there is nothing to look at. */
export type Status = "ok" | "warn" | "fail" | "skip";

/** What something is about; a report is in sections by it. */
export interface Subject {
  /** A registry, a mirror, or the proxy before it. */
  host?: string;
  uri?: string;
  destination?: string;
}

/** One line of the report. */
export interface Finding extends Subject {
  check: string;
  status: Status;
  message: string;
  /** What to do, as one imperative phrase. */
  hint?: string;
  /** With `fail`: what a run would end with. */
  failure?: Failure;
}

/** Something that works, and is probably not meant so. */
export class Warning {
  readonly message: string;
  readonly hint?: string;

  constructor(message: string, hint?: string) {
    this.message = message;
    this.hint = hint;
  }
}

/** Why there is nothing to say. */
export class Skip {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** What a check has to say; a text says that all is well. */
export type Remark = string | Warning | Skip | Failure;

/**
 * One question to the world. A `Failure` that it throws is a remark like one that it answers with; any other error is
 * a bug.
 */
export interface Check<Patient> {
  name: string;
  run(patient: Patient, context: Context): Promise<Remark | Remark[]>;
}

/** What all checks share. */
export interface Context {
  config: Config;
  log: HeardLog;
  /** Variables as they came: an empty NO_PROXY is not the same as none to Deno. */
  variables: Readonly<Record<string, string>>;
  now(): Date;
  /** Bytes that this user can still write to the file system of a path. */
  freeBytes(path: string): Promise<number>;
  signal: AbortSignal;
  /** What the checks of the container make, and those of registries use. */
  network?: Network;
  home?: PrivateFolder;
  /** A folder made for it, to be removed at the end. */
  leftover?: string;
  requirement?: Requirement;
  /** Milliseconds that our clock is ahead of a registry's, where that is too much. */
  skew?: number;
}
