import { reliability } from "./cases.ts";
import { LIMITS } from "./limits.ts";

reliability("limits", LIMITS);
