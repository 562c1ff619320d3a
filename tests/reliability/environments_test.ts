import { reliability } from "./cases.ts";
import { ENVIRONMENTS } from "./environments.ts";

reliability("environments", ENVIRONMENTS);
