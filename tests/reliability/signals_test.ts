import { reliability } from "./cases.ts";
import { SIGNAL_CASES } from "./signals.ts";

reliability("signals", SIGNAL_CASES);
