// The real cosign, whose signatures deno task test:cosign checks, in the version that tools/cosign/go.mod pins.
import { acquireAll, type Tool } from "./acquire.ts";

const COSIGN: Tool<"cosign"> = {
  name: "cosign",
  version: "3.1.3",
  variable: "COSIGN_BIN",
  probe: { args: ["version"], pattern: /^GitVersion: +v3\./m },
  goPackage: "github.com/sigstore/cosign/v3/cmd/cosign",
  built: "cosign",
};

/** Finds cosign, or builds it, which takes some five minutes on two cores. */
export async function acquireCosign(): Promise<string> {
  return (await acquireAll([COSIGN], "tools/cosign")).cosign;
}
