import { reliability } from "./cases.ts";
import { HOSTILE } from "./hostile.ts";

reliability("hostile", HOSTILE);
