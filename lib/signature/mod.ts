import { Failure, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Manifest } from "../registry/manifest.ts";
import type { Registries } from "../registry/registries.ts";
import type { Evidence, Finder } from "./candidate.ts";
import { findTagged } from "./cosign_tag.ts";
import { findReferrers, findTaggedReferrers } from "./referrers.ts";
import type { Requirement } from "./requirement.ts";

/** Where signatures are looked for, in this order. */
const FINDERS: Finder[] = [findReferrers, findTaggedReferrers, findTagged];
/** So many signatures of one place are looked at. */
const MAX_SIGNATURES = 32;
/** So many reasons are in a message, of so many characters. */
const MAX_REASONS = 3;
const MAX_REASON = 300;

export interface SignaturesOptions {
  requirement: Requirement;
  registries: Registries;
  log: Log;
  signal: AbortSignal;
}

/** The check that a ModelKit carries the signature that KIT_COSIGN_* ask for. */
export class Signatures {
  /** Of the requirement: a marker with the same one needs no further check. */
  readonly fingerprint: string;
  readonly #options: SignaturesOptions;
  /** Kit asks for a parent's tag more than once. */
  readonly #known = new Set<string>();
  #check: Promise<(evidence: Evidence, digests: string[]) => string> | undefined;

  constructor(options: SignaturesOptions) {
    this.fingerprint = options.requirement.fingerprint;
    this.#options = options;
  }

  /**
   * Looks for a signature that counts, of any of the manifests.
   *
   * @param manifests the ModelKit's, and that of the index which was asked for and names it
   * @throws {Failure} `integrity` where there is none; `unavailable` where there may be one, but not all could be asked
   */
  async verify(
    repository: { host: string; repository: string },
    manifests: Manifest[],
  ): Promise<void> {
    const { registries, log } = this.#options;
    const { host } = repository;
    const name = `${host}/${repository.repository}@${manifests[0].digest}`;
    if (this.#known.has(name)) return;
    const findings = new Findings(this.#options.signal);
    for (const manifest of manifests) {
      for (const find of FINDERS) {
        const found = await find(registries, repository, manifest).catch((error: unknown) => {
          if (!(error instanceof Failure)) throw error;
          if (error.outcome !== "not found") findings.add(error);
          return [];
        });
        if (found.length > MAX_SIGNATURES) {
          findings.add(`only the newest ${MAX_SIGNATURES} of ${found.length} are looked at`);
        }
        // The newest are at the end.
        for (const candidate of found.slice(-MAX_SIGNATURES).reverse()) {
          if (findings.has(candidate.name)) continue;
          try {
            const check = await this.#load();
            const signer = check(await candidate.read(), [manifest.digest]);
            log.info(`Signed by ${signer}`, { host, digest: manifest.digest });
            this.#known.add(name);
            return;
          } catch (error) {
            findings.add(error, candidate.name);
          }
        }
      }
    }
    throw findings.outage ?? this.#refusal(name, host, findings.reasons);
  }

  /** Costs 3 to 6 MB of memory and 75 to 90 ms: only for runs that need it. */
  #load() {
    return this.#check ??= import("./verifier.ts").then(({ SignatureVerifier }) => {
      const verifier = new SignatureVerifier(this.#options.requirement);
      return (evidence, digests) => verifier.verify(evidence, digests);
    });
  }

  #refusal(name: string, host: string, reasons: string[]): Failure {
    const { signer } = this.#options.requirement;
    if (reasons.length === 0) {
      return new Failure("integrity", `Cannot trust "${name}": it is not signed`, {
        host,
        hint: signer === undefined
          ? "Sign it with cosign sign and the private key of KIT_COSIGN_KEY"
          : `Sign it with cosign sign, as "${signer.identity}"`,
      });
    }
    const shown = reasons.slice(0, MAX_REASONS);
    if (reasons.length > MAX_REASONS) shown.push(`and ${reasons.length - MAX_REASONS} more`);
    const message = `Cannot trust "${name}": no signature counts: ${shown.join("; ")}`;
    return new Failure("integrity", message, {
      host,
      hint: signer === undefined
        ? "Sign it with the private key of KIT_COSIGN_KEY, or correct KIT_COSIGN_KEY"
        : `It must be signed by "${signer.identity}" of "${signer.issuer}": sign it so, or correct ` +
          "KIT_COSIGN_IDENTITY, KIT_COSIGN_ISSUER and KIT_COSIGN_TRUSTED_ROOT",
    });
  }
}

/** Why what was found does not count. */
class Findings {
  readonly reasons: string[] = [];
  /** Why there may be more than what was found. */
  outage?: Failure;
  readonly #names = new Set<string>();
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Whether the candidate of this name was looked at: a bundle may be listed twice. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /**
   * Takes note of an error, or of another reason.
   *
   * @throws {Failure} where that is not the signature's fault: the run's end, or a mistake in the settings
   */
  add(reason: unknown, name?: string): void {
    this.#signal.throwIfAborted();
    if (reason instanceof Failure) {
      if (reason.outcome === "usage") throw reason;
      if (reason.transient) this.outage ??= reason;
    }
    const cause = reason instanceof Error && reason.cause instanceof Error
      ? `: ${messageOf(reason.cause)}`
      : "";
    // What a stranger wrote may be of any length.
    const why = (messageOf(reason) + cause).replaceAll(/\p{Cc}/gu, " ").slice(0, MAX_REASON);
    this.reasons.push(name === undefined ? why : `${name}: ${why}`);
    if (name !== undefined) this.#names.add(name);
  }
}
