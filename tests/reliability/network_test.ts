import { reliability } from "./cases.ts";
import { NETWORK } from "./network.ts";

reliability("network", NETWORK);
