import { reliability } from "./cases.ts";
import { ENVIRONMENTS } from "./environment.ts";

reliability("environments", ENVIRONMENTS);
