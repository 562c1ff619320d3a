import { reliability } from "./cases.ts";
import { INTEGRITY } from "./integrity.ts";

reliability("integrity", INTEGRITY);
