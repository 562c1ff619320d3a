import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { traceRequest } from "../../lib/telemetry/otlp.ts";
import type { TraceSettings } from "../../lib/telemetry/trace_settings.ts";
import { type CollectedSpan, parseTraceRequest } from "../support/otlp.ts";
import { DIGEST, NOT_FOUND, pairOf, runOf, START } from "./runs.ts";

const URI = "kit://registry.example.com:5000/team/model:v1";
const SETTINGS: TraceSettings = {
  url: "http://collector:4318/v1/traces",
  headers: {},
  resource: { "service.name": "kit-storage-initializer" },
};

/** What a collector gets, as JSON brings it there. */
function sent(run: Parameters<typeof traceRequest>[0], settings = SETTINGS) {
  return parseTraceRequest(JSON.parse(JSON.stringify(traceRequest(run, settings))));
}

/** Without ids; the parent is given by its name. */
function shapeOf(spans: CollectedSpan[]) {
  const nameOf = (id?: string) => spans.find(({ spanId }) => spanId === id)?.name;
  return spans.map(({ traceId: _t, spanId: _s, parentSpanId, start, end, ...span }) => ({
    ...span,
    parent: nameOf(parentSpanId),
    // Milliseconds since the run began.
    start: Number(start / 1_000_000n) - START,
    end: Number(end / 1_000_000n) - START,
  }));
}

const SERVER = { "server.address": "registry.example.com", "server.port": 5000 };

Deno.test("trace: a run, its pairs and their phases, each with its times", () => {
  const { resource, spans } = sent(runOf([pairOf(URI, "/mnt/models")]));
  assert.deepEqual(resource, {
    "service.name": "kit-storage-initializer",
    "service.version": "1.2.3",
  });
  const phase = (name: string, start: number, end: number, parent = "initialize") => ({
    name,
    parent,
    start,
    end,
    attributes: {},
  });
  assert.deepEqual(shapeOf(spans), [
    {
      name: "storage-initializer",
      parent: undefined,
      start: 0,
      end: 10_000,
      attributes: { "process.exit.code": 0 },
    },
    {
      name: "initialize",
      parent: "storage-initializer",
      start: 1000,
      end: 9000,
      attributes: {
        ...SERVER,
        "oci.manifest.digest": DIGEST,
        "kitops.repository": "team/model",
        "kitops.tag": "v1",
        "kitops.destination": "/mnt/models",
        "kitops.already_complete": false,
        "kitops.unpacked_bytes": 1234,
        "kitops.downloaded_bytes": 1000,
        "kitops.connections": 4,
        "kitops.retries": 2,
        "kitops.limit": "network",
      },
    },
    phase("lock", 1000, 1500),
    phase("resolve", 1500, 3500),
    { ...phase("sign-in", 2000, 3000, "resolve"), attributes: SERVER },
    phase("transfer", 3500, 8500),
    phase("publish", 8500, 9000),
  ]);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1, "one trace");
});

Deno.test("trace: two runs have ids of their own", () => {
  const [{ spans: [a] }, { spans: [b] }] = [sent(runOf([])), sent(runOf([]))];
  assert.notEqual(a.traceId, b.traceId);
  assert.notEqual(a.spanId, b.spanId);
});

Deno.test("trace: the run is below the span of TRACEPARENT", () => {
  const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
  const { spans } = sent(runOf([pairOf(URI, "/m")]), { ...SETTINGS, parent });
  assert.equal(spans[0].parentSpanId, parent.spanId);
  for (const { traceId } of spans) assert.equal(traceId, parent.traceId);
});

Deno.test("trace: a failure is at the run, the pair and the phase, and what was cut off ends now", () => {
  const pair = pairOf(URI, "/m", {
    failure: NOT_FOUND,
    end: undefined,
    phases: [{ phase: "resolve", start: START + 2000, failure: NOT_FOUND }],
    digest: undefined,
    bytes: undefined,
    cost: undefined,
  });
  const spans = shapeOf(sent(runOf([pair], NOT_FOUND)).spans);
  for (const { error, attributes, end } of spans) {
    assert.equal(error, "Cannot find it");
    assert.equal(attributes["error.type"], "not found");
    assert.equal(end, 10_000);
  }
  assert.deepEqual(spans.map(({ name }) => name), ["storage-initializer", "initialize", "resolve"]);
  assert.equal(spans[0].attributes["process.exit.code"], 4);
  assert.deepEqual(Object.keys(spans[1].attributes).filter((key) => /bytes|digest/.test(key)), []);
});

Deno.test("trace: sign-ins at the same time are beside each other", () => {
  const phases = [
    { phase: "transfer" as const, start: START + 1000, end: START + 9000 },
    { phase: "sign-in" as const, host: "a.example.com", start: START + 2000, end: START + 4000 },
    { phase: "sign-in" as const, host: "[::1]:5000", start: START + 2500, end: START + 3500 },
  ];
  const spans = shapeOf(sent(runOf([pairOf(URI, "/m", { phases })])).spans).slice(2);
  assert.deepEqual(spans.map(({ name, parent }) => `${name} in ${parent}`), [
    "transfer in initialize",
    "sign-in in transfer",
    "sign-in in transfer",
  ]);
  assert.deepEqual(spans.slice(1).map(({ attributes }) => attributes), [
    { "server.address": "a.example.com" },
    { "server.address": "[::1]", "server.port": 5000 },
  ]);
});

Deno.test("trace: a restart says that all was there", () => {
  const pair = pairOf(URI, "/m", { phases: [], bytes: 0, cost: undefined });
  const { attributes } = sent(runOf([pair])).spans[1];
  assert.equal(attributes["kitops.already_complete"], true);
  assert.equal(attributes["kitops.unpacked_bytes"], 0);
});

Deno.test("trace: no secret, no query of a URL, and no half character leaves", () => {
  new Secret("correct-horse");
  const failure = new Failure(
    "unavailable",
    "Cannot read https://s3.example.com/x?X-Signature=abcdef with correct-horse \ud800",
  );
  const request = traceRequest(runOf([pairOf(URI, "/mnt/correct-horse", { failure })], failure), {
    ...SETTINGS,
    headers: { "api-key": new Secret("another-horse") },
  });
  const text = JSON.stringify(request);
  assert.doesNotMatch(text, /horse|abcdef|ud800/);
  assert.match(text, /Cannot read https:\/\/s3\.example\.com\/x/);
});
