import assert from "node:assert/strict";
import { readTraceSettings } from "../../lib/telemetry/trace_settings.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const parent = (traceparent: string) => ({ ...ENDPOINT, TRACEPARENT: traceparent });

const OFF: [name: string, environment: Record<string, string>][] = [
  ["there is no endpoint", { OTEL_SERVICE_NAME: "x" }],
  ["OTEL_SDK_DISABLED is true", { ...ENDPOINT, OTEL_SDK_DISABLED: "True" }],
  ["OTEL_TRACES_EXPORTER is none", { ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" }],
  ["OTEL_TRACES_EXPORTER is another one", { ...ENDPOINT, OTEL_TRACES_EXPORTER: "console" }],
  ["the parent is not sampled", parent(`00-${TRACE}-${SPAN}-00`)],
  ["the parent is not sampled, and says more than we know", parent(`01-${TRACE}-${SPAN}-02-x`)],
];

for (const [name, environment] of OFF) {
  Deno.test(`trace settings: no trace where ${name}`, () => {
    assert.equal(readTraceSettings(environment), undefined);
  });
}

const URLS: [environment: Record<string, string>, url: string][] = [
  [ENDPOINT, "http://collector:4318/v1/traces"],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: "false" }, "http://collector:4318/v1/traces"],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: "console, otlp" }, "http://collector:4318/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base/" }, "https://c/base/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base" }, "https://c/base/v1/traces"],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c/base?team=a" }, "https://c/base/v1/traces?team=a"],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t/here" }, "https://t/here"],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t" }, "https://t/"],
];

for (const [environment, url] of URLS) {
  Deno.test(`trace settings: ${JSON.stringify(environment)} is ${url}`, () => {
    assert.equal(readTraceSettings(environment)?.url, url);
  });
}

const REFUSED: [name: string, environment: Record<string, string>, why: RegExp][] = [
  ["gRPC", { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /"grpc", and can be http\/json/],
  [
    "gRPC for traces alone",
    {
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc",
    },
    /"grpc"/,
  ],
  ["no URL", { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, /not an http or https URL/],
  ["a URL of a file", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "file:///etc" }, /not an http/],
  ["headers without a name", { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "=hidden" }, /_HEADERS/],
  ["headers without a value", { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "hidden" }, /_HEADERS/],
  ["headers that are not encoded", { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: "a=%hidden" }, /H/],
  ["attributes that are none", { ...ENDPOINT, OTEL_RESOURCE_ATTRIBUTES: "x" }, /_ATTRIBUTES/],
];

for (const [name, environment, why] of REFUSED) {
  Deno.test(`trace settings: ${name} is refused, and no value is shown`, () => {
    assert.throws(() => readTraceSettings(environment), (error: Error) => {
      assert.match(error.message, why);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
  });
}

for (const protocol of ["http/json", "http/protobuf"]) {
  Deno.test(`trace settings: ${protocol} is taken`, () => {
    assert.ok(readTraceSettings({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: protocol }));
  });
}

Deno.test("trace settings: headers are decoded, secret, and those of traces win", () => {
  const read = (environment: Record<string, string>) => {
    const { headers } = readTraceSettings({ ...ENDPOINT, ...environment })!;
    assert.doesNotMatch(JSON.stringify(headers), /key|Basic/);
    return Object.entries(headers).map(([name, value]) => [name, value.reveal()]);
  };
  const all = { OTEL_EXPORTER_OTLP_HEADERS: "api=key%2C1, Authorization=Basic%20a==," };
  assert.deepEqual(read(all), [["api", "key,1"], ["Authorization", "Basic a=="]]);
  assert.deepEqual(read({ ...all, OTEL_EXPORTER_OTLP_TRACES_HEADERS: "api=key" }), [[
    "api",
    "key",
  ]]);
  assert.deepEqual(read({}), []);
});

const RESOURCES: [environment: Record<string, string>, resource: Record<string, string>][] = [
  [{}, { "service.name": "kit-storage-initializer" }],
  [{ OTEL_SERVICE_NAME: "mine" }, { "service.name": "mine" }],
  [{ OTEL_RESOURCE_ATTRIBUTES: "service.name=theirs,k8s.pod.name=a%20b" }, {
    "service.name": "theirs",
    "k8s.pod.name": "a b",
  }],
  [{ OTEL_RESOURCE_ATTRIBUTES: "service.name=theirs", OTEL_SERVICE_NAME: "mine" }, {
    "service.name": "mine",
  }],
];

for (const [environment, resource] of RESOURCES) {
  Deno.test(`trace settings: the resource of ${JSON.stringify(environment)}`, () => {
    assert.deepEqual(readTraceSettings({ ...ENDPOINT, ...environment })?.resource, resource);
  });
}

const PARENTS: [traceparent: string, isOne: boolean][] = [
  [`00-${TRACE}-${SPAN}-01`, true],
  [`00-${TRACE}-${SPAN}-03`, true],
  [`01-${TRACE}-${SPAN}-01-more`, true],
  [`ff-${TRACE}-${SPAN}-01`, false],
  [`00-${"0".repeat(32)}-${SPAN}-01`, false],
  [`00-${TRACE}-${"0".repeat(16)}-01`, false],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`, false],
  [`00-${TRACE}-${SPAN}-011`, false],
  [`${TRACE}-${SPAN}`, false],
];

for (const [traceparent, isOne] of PARENTS) {
  Deno.test(`trace settings: ${traceparent} is ${isOne ? "a" : "no"} parent`, () => {
    const settings = readTraceSettings(parent(traceparent));
    assert.deepEqual(settings?.parent, isOne ? { traceId: TRACE, spanId: SPAN } : undefined);
  });
}
