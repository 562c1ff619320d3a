import { reliability } from "./cases.ts";
import { TLS } from "./tls.ts";

reliability("tls", TLS);
