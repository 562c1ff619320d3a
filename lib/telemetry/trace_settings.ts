import { Secret } from "../secret.ts";

/** Where a trace goes, and what it belongs to. */
export interface TraceSettings {
  url: string;
  headers: Record<string, Secret>;
  /** Of the program and where it runs. */
  resource: Record<string, string>;
  /** The span that the run belongs to. */
  parent?: { traceId: string; spanId: string };
}

export const SERVICE_NAME = "kit-storage-initializer";
const PROTOCOLS = ["http/json", "http/protobuf"];
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT_REGEXP =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;
const SAMPLED = 1;

/**
 * Reads OpenTelemetry's variables, those of traces before those of all signals:
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/ and
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 *
 * @param environment variables that are not empty
 * @returns `undefined` where no trace is wanted
 * @throws {Error} that says why there can be none, without a secret
 */
export function readTraceSettings(
  environment: Readonly<Record<string, string>>,
): TraceSettings | undefined {
  const setting = (name: string) =>
    environment[`OTEL_EXPORTER_OTLP_TRACES_${name}`] ?? environment[`OTEL_EXPORTER_OTLP_${name}`];
  const endpoint = setting("ENDPOINT");
  if (endpoint === undefined || isOff(environment)) return undefined;
  const parent = TRACEPARENT_REGEXP.exec(environment.TRACEPARENT ?? "");
  if (parent !== null && (parseInt(parent[3], 16) & SAMPLED) === 0) return undefined;

  const protocol = setting("PROTOCOL");
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    throw new Error(
      `OTEL_EXPORTER_OTLP_PROTOCOL is "${protocol}", and can be ${PROTOCOLS.join(" or ")}`,
    );
  }
  const url = httpUrl(endpoint);
  if (environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT === undefined) {
    url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  }
  return {
    url: url.href,
    headers: Object.fromEntries(
      parseList("OTEL_EXPORTER_OTLP_HEADERS", setting("HEADERS"))
        .map(([name, value]) => [name, new Secret(value)]),
    ),
    resource: {
      "service.name": SERVICE_NAME,
      ...Object.fromEntries(
        parseList("OTEL_RESOURCE_ATTRIBUTES", environment.OTEL_RESOURCE_ATTRIBUTES),
      ),
      ...(environment.OTEL_SERVICE_NAME && { "service.name": environment.OTEL_SERVICE_NAME }),
    },
    parent: parent === null ? undefined : { traceId: parent[1], spanId: parent[2] },
  };
}

function isOff(environment: Readonly<Record<string, string>>): boolean {
  const { OTEL_SDK_DISABLED = "", OTEL_TRACES_EXPORTER = "otlp" } = environment;
  return OTEL_SDK_DISABLED.toLowerCase() === "true" ||
    !OTEL_TRACES_EXPORTER.split(",").some((name) => name.trim() === "otlp");
}

function httpUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new Error("the endpoint is not an http or https URL");
}

/** `NAME=VALUE,…` as W3C Baggage writes it. Values may be secret, and are not shown. */
function parseList(variable: string, text = ""): [name: string, value: string][] {
  return text.split(",").filter((item) => item.trim() !== "").map((item) => {
    const [name, ...rest] = item.split("=");
    try {
      if (name.trim() === "" || rest.length === 0) throw new URIError();
      return [decodeURIComponent(name.trim()), decodeURIComponent(rest.join("=").trim())];
    } catch {
      throw new Error(`${variable} must be NAME=VALUE with commas between, values percent-encoded`);
    }
  });
}
