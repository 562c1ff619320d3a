import { reliability } from "./cases.ts";
import { CRASHES } from "./crashes.ts";

reliability("crashes", CRASHES);
