import assert from "node:assert/strict";
import { OUTCOMES } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { METRICS, metricsText } from "../../lib/telemetry/metrics.ts";
import { PHASES } from "../../lib/timeline.ts";
import { parsePrometheus } from "../support/prometheus.ts";
import { DIGEST, NOT_FOUND, pairOf, runOf, START } from "./runs.ts";

const URI = "kit://registry.example.com:5000/team/model:v1";
const LABELS = { pair: "1", registry: "registry.example.com:5000", repository: "team/model" };

/** The values of a metric, by its own labels, or by nothing where it has none beside those of the pair. */
function valuesOf(text: string, metric: string): Record<string, number> {
  return Object.fromEntries(
    parsePrometheus(text).filter(({ name }) => name === `kitops_storage_initializer_${metric}`)
      .map(({ labels: { pair, registry: _, repository: _r, ...own }, value }) => [
        [pair, ...Object.values(own)].filter((part) => part !== undefined).join(" "),
        value,
      ]),
  );
}

const UNPACKED = metricsText(runOf([pairOf(URI, "/mnt/models")]));
const AGAIN = metricsText(
  runOf([pairOf(URI, "/mnt/models", { phases: [], bytes: 0, cost: undefined })]),
);
const FAILED = metricsText(
  runOf([
    pairOf(URI, "/mnt/models/a"),
    pairOf(URI, "/mnt/models/b", { failure: NOT_FOUND, end: undefined, bytes: undefined }),
  ], NOT_FOUND),
);
const DIRECT = metricsText(runOf([pairOf(URI, "/mnt/models", { cost: () => undefined })]));

const VALUES: [run: string, text: string, metric: string, values: Record<string, number>][] = [
  ["any run", UNPACKED, "build_info", { "1.2.3": 1 }],
  ["any run", UNPACKED, "last_run_start_timestamp_seconds", { "": START / 1000 }],
  ["any run", UNPACKED, "last_run_end_timestamp_seconds", { "": START / 1000 + 10 }],
  ["any run", UNPACKED, "last_run_duration_seconds", { "": 10 }],
  ["one that unpacks", UNPACKED, "last_run_exit_code", { "": 0 }],
  ["one that unpacks", UNPACKED, "last_run_outcome", outcomes("ok")],
  ["one that unpacks", UNPACKED, "pair_info", { [`1 v1 ${DIGEST} /mnt/models`]: 1 }],
  ["one that unpacks", UNPACKED, "pair_complete", { 1: 1 }],
  ["one that unpacks", UNPACKED, "pair_already_complete", { 1: 0 }],
  ["one that unpacks", UNPACKED, "pair_duration_seconds", { 1: 8 }],
  ["one that unpacks", UNPACKED, "pair_phase_duration_seconds", {
    "1 lock": 0.5,
    "1 resolve": 1,
    "1 sign-in": 1,
    "1 signature": 0,
    "1 transfer": 5,
    "1 publish": 0.5,
  }],
  ["one that unpacks", UNPACKED, "pair_unpacked_bytes", { 1: 1234 }],
  ["one that unpacks", UNPACKED, "pair_downloaded_bytes", { 1: 1000 }],
  ["one that unpacks", UNPACKED, "pair_retries", { 1: 2 }],
  ["one that unpacks", UNPACKED, "pair_connections", { 1: 4 }],
  ["one that unpacks", UNPACKED, "pair_limit", { "1 network": 1, "1 hash": 0, "1 kit or disk": 0 }],
  ["a restart", AGAIN, "pair_complete", { 1: 1 }],
  ["a restart", AGAIN, "pair_already_complete", { 1: 1 }],
  ["a restart", AGAIN, "pair_unpacked_bytes", { 1: 0 }],
  ["a restart", AGAIN, "pair_downloaded_bytes", { 1: 0 }],
  ["a restart", AGAIN, "pair_retries", {}],
  ["a failure", FAILED, "last_run_exit_code", { "": 4 }],
  ["a failure", FAILED, "last_run_outcome", outcomes("not found")],
  ["a failure", FAILED, "pair_complete", { 1: 1, 2: 0 }],
  ["a failure", FAILED, "pair_duration_seconds", { 1: 8, 2: 9 }],
  ["a failure", FAILED, "pair_unpacked_bytes", { 1: 1234, 2: 0 }],
  ["a failure", FAILED, "pair_downloaded_bytes", { 1: 1000, 2: 1000 }],
  ["direct transfer", DIRECT, "pair_unpacked_bytes", { 1: 1234 }],
  ["direct transfer", DIRECT, "pair_downloaded_bytes", {}],
  ["direct transfer", DIRECT, "pair_limit", {}],
];

for (const [run, text, metric, values] of VALUES) {
  Deno.test(`metrics of ${run}: ${metric}`, () => {
    assert.deepEqual(valuesOf(text, metric), values);
  });
}

function outcomes(which: string): Record<string, number> {
  return Object.fromEntries(Object.keys(OUTCOMES).map((name) => [name, Number(name === which)]));
}

Deno.test("metrics: a run that could not read its configuration has those of the run alone", () => {
  const names = parsePrometheus(metricsText(runOf([], NOT_FOUND))).map(({ name }) => name);
  assert.ok(names.length > 0);
  for (const name of names) assert.doesNotMatch(name, /_pair_/);
});

for (const { name, help, labels, samples } of METRICS) {
  Deno.test(`metrics: ${name} is named as Prometheus advises, and has the labels that it says`, () => {
    // https://prometheus.io/docs/practices/naming/: base units at the end, and nothing that only other types have.
    assert.match(name, /^kitops_storage_initializer_[a-z]+(_[a-z]+)*$/);
    assert.doesNotMatch(name, /_(total|count|sum|bucket|ms|milliseconds|kb|mb|minutes)$/);
    if (/duration|timestamp/.test(name)) assert.match(name, /_seconds$/);
    assert.match(help, /^[^\n\\]+[^.]$/);
    for (const sample of samples(runOf([pairOf(URI, "/mnt/models")]))) {
      assert.deepEqual(Object.keys(sample.labels ?? {}), labels);
    }
  });
}

Deno.test("metrics: what changes with each model is a label of pair_info alone", () => {
  for (const { name, labels } of parsePrometheus(UNPACKED)) {
    if (name.endsWith("_pair_info")) continue;
    const { phase, outcome, limit, version, ...rest } = labels;
    assert.deepEqual(rest, name.includes("_pair_") ? LABELS : {});
    assert.ok(phase === undefined || phase in PHASES);
    assert.ok(outcome === undefined || outcome in OUTCOMES);
    assert.ok([undefined, "network", "hash", "kit or disk"].includes(limit));
    assert.ok([undefined, "1.2.3"].includes(version));
  }
});

Deno.test("metrics: a URI by digest has no tag, and one without both has the tag latest", () => {
  const info = (uri: string) =>
    Object.keys(valuesOf(metricsText(runOf([pairOf(uri, "/m")])), "pair_info"));
  const base = "kit://registry.example.com/team/model";
  assert.deepEqual(info(base), [`1 latest ${DIGEST} /m`]);
  assert.deepEqual(info(`${base}@${DIGEST}`), [`1  ${DIGEST} /m`]);
});

Deno.test("metrics: two pairs of the same repository are told apart", () => {
  const text = metricsText(runOf([pairOf(URI, "/mnt/models"), pairOf(URI, "/mnt/models")]));
  assert.deepEqual(valuesOf(text, "pair_complete"), { 1: 1, 2: 1 });
});

const DESTINATIONS: [name: string, destination: string, shown: string][] = [
  ["a quote", '/mnt/"x', '/mnt/"x'],
  ["a backslash", "/mnt/\\n", "/mnt/\\n"],
  ["a backslash at the end", "/mnt/\\", "/mnt/\\"],
  ["a brace and a comma", '/mnt/{a="b",c}', '/mnt/{a="b",c}'],
  ["a line break, which is shown as in the log", "/mnt/a\nb 1", "/mnt/a\\u000ab 1"],
  ["half a character", "/mnt/\ud800", "/mnt/\ufffd"],
  ["what is not ASCII", "/mnt/modèle", "/mnt/modèle"],
];

for (const [name, destination, shown] of DESTINATIONS) {
  Deno.test(`metrics: a destination with ${name}`, () => {
    const text = metricsText(runOf([pairOf(URI, destination)]));
    const info = parsePrometheus(text).find((sample) => sample.name.endsWith("_pair_info"));
    assert.equal(info?.labels.destination, shown);
  });
}

Deno.test("metrics: a secret in a path is not shown", () => {
  new Secret("correct-horse");
  assert.doesNotMatch(metricsText(runOf([pairOf(URI, "/mnt/correct-horse")])), /correct-horse/);
});
