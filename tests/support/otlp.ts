import assert from "node:assert/strict";

/** A span as a collector understands it. */
export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  /** Nanoseconds since 1970. */
  start: bigint;
  end: bigint;
  attributes: Record<string, string | number | boolean>;
  error?: string;
}

/** One request. */
export interface Collected {
  resource: Record<string, string | number | boolean>;
  spans: CollectedSpan[];
}

/**
 * Reads the body of an OTLP/HTTP request, and refuses what the encoding does not have: a field of another name, an id that
 * is not hexadecimal, a number of 64 bits that is no string.
 * https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function parseTraceRequest(body: unknown): Collected {
  const { resourceSpans: [first, ...others] } = exactly(body, ["resourceSpans"]);
  assert.equal(others.length, 0);
  const { resource, scopeSpans: [scoped] } = exactly(first, ["resource", "scopeSpans"]);
  const { scope, spans } = exactly(scoped, ["scope", "spans"]);
  exactly(scope, ["name", "version"]);
  const ids = new Set<string>();
  return {
    resource: attributesOf(exactly(resource, ["attributes"]).attributes),
    spans: spans.map((span: unknown) => {
      const collected = parseSpan(span);
      assert.ok(!ids.has(collected.spanId), "a span is there twice");
      ids.add(collected.spanId);
      return collected;
    }),
  };
}

function parseSpan(value: unknown): CollectedSpan {
  const span = exactly(value, [
    ...["traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"],
    ...["attributes", "status"],
  ], ["parentSpanId"]);
  assert.match(span.traceId, /^(?!0+$)[0-9a-f]{32}$/);
  assert.match(span.spanId, /^(?!0+$)[0-9a-f]{16}$/);
  if ("parentSpanId" in span) assert.match(span.parentSpanId, /^[0-9a-f]{16}$/);
  assert.equal(typeof span.name, "string");
  assert.equal(span.kind, 1);
  for (const time of [span.startTimeUnixNano, span.endTimeUnixNano]) {
    assert.equal(typeof time, "string");
    assert.match(time, /^[1-9]\d{18}$/);
  }
  const status = exactly(span.status, [], ["code", "message"]);
  if ("code" in status) assert.equal(status.code, 2);
  else assert.ok(!("message" in status));
  const [start, end] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
  assert.ok(start <= end);
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...("parentSpanId" in span && { parentSpanId: span.parentSpanId }),
    name: span.name,
    start,
    end,
    attributes: attributesOf(span.attributes),
    ...("code" in status && { error: status.message }),
  };
}

function attributesOf(list: unknown): Record<string, string | number | boolean> {
  assert.ok(Array.isArray(list));
  const pairs = list.map((item) => {
    const { key, value } = exactly(item, ["key", "value"]);
    const { stringValue, intValue, boolValue } = exactly(value, [], [
      ...["stringValue", "intValue", "boolValue"],
    ]);
    assert.equal(Object.keys(value).length, 1);
    if (intValue !== undefined) {
      assert.equal(typeof intValue, "string");
      assert.match(intValue, /^-?\d+$/);
      return [key, Number(intValue)];
    }
    assert.ok(typeof stringValue === "string" || typeof boolValue === "boolean");
    return [key, stringValue ?? boolValue];
  });
  assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, "a key is there twice");
  return Object.fromEntries(pairs);
}

/** The object, when it has these fields and no others. */
// deno-lint-ignore no-explicit-any
function exactly(value: unknown, fields: string[], optional: string[] = []): Record<string, any> {
  assert.ok(typeof value === "object" && value !== null);
  const names = Object.keys(value);
  for (const name of fields) assert.ok(names.includes(name), `there is no ${name}`);
  for (const name of names) assert.ok([...fields, ...optional].includes(name), `there is ${name}`);
  return value;
}
