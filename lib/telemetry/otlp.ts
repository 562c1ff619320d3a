import { OUTCOMES } from "../errors.ts";
import { redact } from "../redact.ts";
import { type PairStretch, type PhaseStretch, type Stretch, wasComplete } from "../timeline.ts";
import type { Run } from "./metrics.ts";
import { SERVICE_NAME, type TraceSettings } from "./trace_settings.ts";

type Attributes = Record<string, string | number | boolean | undefined>;

/** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
const INTERNAL_KIND = 1;
const STATUS_ERROR = 2;

/** What all spans of a trace have in common. */
interface Trace {
  traceId: string;
  /** For what is not over yet. */
  now: number;
}

/**
 * A run as the body of an OTLP/HTTP request: a span for the run, in it one for each pair, in that one for each time of a
 * phase. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function traceRequest(run: Run, { resource, parent }: TraceSettings): unknown {
  const { report, timeline, version } = run;
  const trace = { traceId: parent?.traceId ?? randomId(16), now: timeline.now() };
  const root = span(trace, {
    name: "storage-initializer",
    parentSpanId: parent?.spanId,
    stretch: { start: timeline.start, failure: report.failure },
    attributes: { "process.exit.code": OUTCOMES[report.failure?.outcome ?? "ok"].code },
  });
  const pairs = timeline.pairs.flatMap((pair) => pairSpans(trace, root.spanId, pair));
  return {
    resourceSpans: [{
      resource: { attributes: encode({ ...resource, "service.version": version }) },
      scopeSpans: [{ scope: { name: SERVICE_NAME, version }, spans: [root, ...pairs] }],
    }],
  };
}

type Span = ReturnType<typeof span>;

function pairSpans(trace: Trace, parentSpanId: string, stretch: PairStretch): Span[] {
  const { reference, destination } = stretch.pair;
  const cost = stretch.cost?.();
  const own = span(trace, {
    name: "initialize",
    parentSpanId,
    stretch,
    attributes: {
      ...serverOf(reference.host),
      "oci.manifest.digest": stretch.digest ?? reference.digest,
      "kitops.repository": reference.repository,
      "kitops.tag": reference.tag,
      "kitops.destination": destination,
      "kitops.already_complete": wasComplete(stretch),
      "kitops.unpacked_bytes": stretch.failure === undefined ? stretch.bytes : undefined,
      "kitops.downloaded_bytes": cost?.downloaded,
      "kitops.connections": cost?.connections,
      "kitops.retries": cost?.retries,
      "kitops.limit": cost?.limit,
    },
  });
  const phases: { phase: PhaseStretch; span: Span }[] = [];
  for (const phase of stretch.phases) {
    // Nothing happens within a sign-in, but several may happen at the same time.
    const around = phases.findLast((other) =>
      other.phase.phase !== "sign-in" && (other.phase.end ?? trace.now) >= (phase.end ?? trace.now)
    );
    phases.push({
      phase,
      span: span(trace, {
        name: phase.phase,
        parentSpanId: around?.span.spanId ?? own.spanId,
        stretch: phase,
        attributes: serverOf(phase.host),
      }),
    });
  }
  return [own, ...phases.map(({ span }) => span)];
}

interface SpanOptions {
  name: string;
  parentSpanId?: string;
  stretch: Stretch;
  attributes: Attributes;
}

function span({ traceId, now }: Trace, { name, parentSpanId, stretch, attributes }: SpanOptions) {
  const { start, end = now, failure } = stretch;
  return {
    traceId,
    spanId: randomId(8),
    parentSpanId,
    name,
    kind: INTERNAL_KIND,
    startTimeUnixNano: nanoseconds(start),
    endTimeUnixNano: nanoseconds(end),
    attributes: encode({ ...attributes, "error.type": failure?.outcome }),
    status: failure === undefined ? {} : { code: STATUS_ERROR, message: clean(failure.message) },
  };
}

/** https://opentelemetry.io/docs/specs/semconv/registry/attributes/server/ */
function serverOf(host: string | undefined): Attributes {
  const [, address, port] = /^(.*?)(?::(\d+))?$/.exec(host ?? "") ?? [];
  return {
    "server.address": address || undefined,
    "server.port": port === undefined ? undefined : Number(port),
  };
}

/** 64-bit numbers are strings in the JSON of protobuf. All numbers here are whole. */
function encode(attributes: Attributes): { key: string; value: Record<string, unknown> }[] {
  return Object.entries(attributes).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({
      key,
      value: typeof value === "string"
        ? { stringValue: clean(value) }
        : typeof value === "boolean"
        ? { boolValue: value }
        : { intValue: String(value) },
    }));
}

function clean(text: string): string {
  return redact(text).toWellFormed();
}

function nanoseconds(milliseconds: number): string {
  // A number of microseconds is still exact, one of nanoseconds is not.
  return `${Math.round(milliseconds * 1000)}000`;
}

function randomId(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
