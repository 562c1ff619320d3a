import { ANSWERS } from "./answers.ts";
import type { Case } from "./cases.ts";
import { CONCURRENCY } from "./concurrency.ts";
import { CRASHES } from "./crashes.ts";
import { ENVIRONMENTS } from "./environments.ts";
import { HOSTILE } from "./hostile.ts";
import { INTEGRITY } from "./integrity.ts";
import { LIMITS } from "./limits.ts";
import { NETWORK } from "./network.ts";
import { SIGNAL_CASES } from "./signals.ts";
import { TLS } from "./tls.ts";

/** The whole table: each area and its cases. The test beside each file of cases runs them. */
export const AREAS: Record<string, Case[]> = {
  crashes: CRASHES,
  signals: SIGNAL_CASES,
  environments: ENVIRONMENTS,
  concurrency: CONCURRENCY,
  network: NETWORK,
  answers: ANSWERS,
  tls: TLS,
  integrity: INTEGRITY,
  hostile: HOSTILE,
  limits: LIMITS,
};
