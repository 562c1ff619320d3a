import type { Variable } from "../variable.ts";

/**
 * What metrics and traces read of the environment. The names of OpenTelemetry mean what they mean there:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export const TELEMETRY_VARIABLES: Variable[] = [
  {
    name: "KIT_METRICS_FILE",
    about:
      "File for metrics of the run, in Prometheus' text format. In a destination it must be `.kit-storage.prom`",
  },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    about:
      "Base URL of an OpenTelemetry collector, which gets a trace of the run by OTLP/HTTP: `http://collector:4318`",
  },
  {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    about: "The whole URL for traces, in place of OTEL_EXPORTER_OTLP_ENDPOINT with `/v1/traces`",
  },
  {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    about:
      "Headers for the collector, as `NAME=VALUE` with commas between, values percent-encoded. A secret. " +
      "OTEL_EXPORTER_OTLP_TRACES_HEADERS wins",
  },
  {
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    about: "`http/json` is what is sent, also for `http/protobuf`; with `grpc` nothing is sent. " +
      "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL wins",
    standard: "http/json",
  },
  {
    name: "OTEL_SERVICE_NAME",
    about: "What the program is called in the trace",
    standard: "kit-storage-initializer",
  },
  {
    name: "OTEL_RESOURCE_ATTRIBUTES",
    about:
      "More about where it runs, as `NAME=VALUE` with commas between: `k8s.namespace.name=models`",
  },
  { name: "OTEL_TRACES_EXPORTER", about: "`none`: no trace", standard: "otlp" },
  { name: "OTEL_SDK_DISABLED", about: "`true`: no trace", standard: "false" },
  {
    name: "TRACEPARENT",
    about:
      "The span that the run belongs to, as W3C Trace Context writes it; one that is not sampled means no trace",
  },
];
