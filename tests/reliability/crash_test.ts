import { reliability } from "./cases.ts";
import { CRASHES } from "./crash.ts";

reliability("crashes", CRASHES);
