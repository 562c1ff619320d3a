import { reliability } from "./cases.ts";
import { CONCURRENCY } from "./concurrency.ts";

reliability("concurrency", CONCURRENCY);
