import { AUTH } from "./auth.ts";
import type { Section } from "./mod.ts";
import { INTEGRITY, NOT_FOUND, UNAVAILABLE } from "./registry.ts";
import { BUG, DESTINATION, INTERRUPT, KIT, TERMINATED, TIMEOUT } from "./rest.ts";
import { USAGE } from "./usage.ts";

/** Everything that a run can end with, by exit code. */
export const SECTIONS: Section[] = [
  USAGE,
  AUTH,
  NOT_FOUND,
  UNAVAILABLE,
  INTEGRITY,
  DESTINATION,
  KIT,
  TIMEOUT,
  BUG,
  INTERRUPT,
  TERMINATED,
];
