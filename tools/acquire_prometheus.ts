// What judges metrics and queries as Prometheus does, in the version that tools/prometheus/go.mod pins.
import { acquireAll, type Tool } from "./acquire.ts";

const METRICS_CHECK: Tool<"metrics-check"> = {
  name: "metrics-check",
  version: "0.308.1",
  variable: "METRICS_CHECK_BIN",
  probe: { args: ["version"], pattern: /^metrics-check$/m },
  goPackage: "./metrics-check",
  built: "metrics-check",
};

/** Finds metrics-check, or builds it with Go, which takes some 30 s; answers with its path. */
export async function acquireMetricsCheck(): Promise<string> {
  return (await acquireAll([METRICS_CHECK], "tools/prometheus"))["metrics-check"];
}
