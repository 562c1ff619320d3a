import type { Config } from "../config.ts";
import { messageOf } from "../errors.ts";
import { createFetch } from "../http.ts";
import type { Log } from "../log.ts";
import { readTrust } from "../trust.ts";
import type { Run } from "./metrics.ts";

export type { Run } from "./metrics.ts";

/** For all of the trace: nobody's model waits longer for it. */
const TRACE_LIMIT_MS = 2000;
/** After a signal, which must be obeyed within 2 s, cleaning up included. */
const LAST_LIMIT_MS = 500;

/** What telling of a run needs. */
export interface Telling {
  /** Absent where it could not be read. */
  config?: Config;
  environment: Readonly<Record<string, string>>;
  log: Log;
  signal: AbortSignal;
}

// What is not asked for is not even loaded.

/** Writes the metrics where KIT_METRICS_FILE says so. What goes wrong is a warning. */
export async function writeMetrics(run: Run, { config, environment, log }: Telling): Promise<void> {
  const path = environment.KIT_METRICS_FILE;
  if (!path || !isRun(config)) return;
  try {
    const { metricsText } = await import("./metrics.ts");
    const { writeMetricsFile } = await import("./metrics_file.ts");
    await writeMetricsFile(path, metricsText(run), config?.pairs ?? []);
  } catch (error) {
    log.warn(`Cannot write the metrics: ${messageOf(error)}`, {
      path,
      hint: "Give KIT_METRICS_FILE a path in a folder that can be written to",
    });
  }
}

/**
 * Sends the trace where OpenTelemetry's variables say so. What goes wrong is a warning. Without a configuration it is
 * not known how to reach anybody.
 */
export async function sendTrace(run: Run, { config, log, signal }: Telling): Promise<void> {
  if (config === undefined || !isRun(config)) return;
  const { environment } = config;
  if (
    environment.OTEL_EXPORTER_OTLP_ENDPOINT === undefined &&
    environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT === undefined
  ) return;
  try {
    const { readTraceSettings } = await import("./trace_settings.ts");
    const settings = readTraceSettings(environment);
    if (settings === undefined) return;
    const { sendTrace } = await import("./trace.ts");
    using fetch = createFetch({ caCertificates: await readTrust(config) });
    await sendTrace(run, settings, {
      fetch,
      ...(signal.aborted ? { limit: LAST_LIMIT_MS } : { limit: TRACE_LIMIT_MS, signal }),
    });
  } catch (error) {
    log.warn(`Cannot send the trace: ${messageOf(error)}`, {
      hint: "Correct the OTEL_* settings, or set OTEL_SDK_DISABLED to true",
    });
  }
}

/** Whether it is one that fills folders, or was to be: what `doctor` finds is not told in its place. */
function isRun(config: Config | undefined): boolean {
  return config === undefined || config.action === "run";
}
