import { Failure, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { RegistryClient } from "./client.ts";

/** So many failures in a row are let pass once it has served something. */
const TOLERATED = 2;

export interface MirrorOptions {
  client: RegistryClient;
  /** What goes before a repository's name. */
  prefix: string;
  /** Whether it may say what a tag means. */
  resolvesTags: boolean;
  log: Log;
}

/**
 * A mirror in this run. What it lacks is asked for elsewhere; where it fails before it has served anything, or again
 * and again, or sends something else than was asked for, it is not asked any more.
 */
export class Mirror {
  readonly client: RegistryClient;
  readonly prefix: string;
  readonly resolvesTags: boolean;
  readonly #log: Log;
  #isOut = false;
  #isLacking = false;
  #tolerated = 0;

  constructor({ client, prefix, resolvesTags, log }: MirrorOptions) {
    this.client = client;
    this.prefix = prefix;
    this.resolvesTags = resolvesTags;
    this.#log = log;
  }

  /** Whether it is not to be asked any more. */
  get isOut(): boolean {
    return this.#isOut;
  }

  succeeded(): void {
    this.#tolerated = TOLERATED;
  }

  /** Takes note of why it could not serve, and says so where that is news. */
  failed(error: unknown): void {
    if (this.#isOut) return;
    const { host } = this.client;
    const outcome = error instanceof Failure ? error.outcome : undefined;
    if (outcome === "not found") {
      const message = `The mirror "${host}" does not have everything: ${messageOf(error)}`;
      if (!this.#isLacking) this.#log.info(message, { host });
      this.#isLacking = true;
    } else if (outcome === "unavailable" && this.#tolerated > 0) {
      this.#tolerated--;
      this.#log.debug(`The mirror "${host}" failed: ${messageOf(error)}`, { host });
    } else {
      this.#drop(messageOf(error));
    }
  }

  /** What it sent has another digest than what was asked for. */
  distrust(): void {
    if (!this.#isOut) this.#drop("what it sent has another digest than what was asked for");
  }

  #drop(reason: string): void {
    const { host } = this.client;
    this.#isOut = true;
    this.#log.warn(`The mirror "${host}" is not asked any more: ${reason}`, { host });
  }
}
