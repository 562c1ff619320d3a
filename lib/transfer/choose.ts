import type { AuthContext } from "../auth/mod.ts";
import type { Config } from "../config.ts";
import type { Kit } from "../kit.ts";
import type { Log } from "../log.ts";
import type { Registries } from "../registry/registries.ts";
import { DirectTransfer } from "./direct.ts";
import type { Accept, Transfer } from "./mod.ts";
import { VerifiedTransfer } from "./verified.ts";

export interface ChoiceOptions {
  config: Config;
  auth: AuthContext;
  registries: Registries;
  log: Log;
  signal: AbortSignal;
  /** Where ModelKits must be signed. */
  accept?: Accept;
}

/** The way that the configuration asks for; where the gateway cannot go it, kit's own with a warning. */
export function chooseTransfer(
  kit: Kit,
  trust: string[],
  { accept, config, auth, registries, log, signal }: ChoiceOptions,
): Transfer {
  const options = { attempts: config.attempts, signal, log };
  const direct = new DirectTransfer({ kit, config, auth, trust, retry: options });
  if (config.transfer === "direct") {
    log.warn("KIT_TRANSFER is direct: layers are not verified");
    return direct;
  }
  if (!config.flags.tlsVerify) {
    log.warn("--tls-verify=false works with direct transfer only: layers are not verified");
    return direct;
  }
  return new VerifiedTransfer({ kit, config, auth, registries, accept, signal, fallback: direct });
}
