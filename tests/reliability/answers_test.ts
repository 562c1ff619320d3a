import { ANSWERS } from "./answers.ts";
import { reliability } from "./cases.ts";

reliability("answers", ANSWERS);
