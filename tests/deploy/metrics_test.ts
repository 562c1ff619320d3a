// Metrics and the dashboard's queries, by Prometheus' own code.
import assert from "node:assert/strict";
import { METRICS, metricsText } from "../../lib/telemetry/metrics.ts";
import { acquireMetricsCheck } from "../../tools/acquire_prometheus.ts";
import { queriesOf, readDashboard } from "../support/dashboard.ts";
import { parsePrometheus } from "../support/prometheus.ts";
import { NOT_FOUND, pairOf, runOf } from "../telemetry/runs.ts";

const program = await acquireMetricsCheck();
const URI = "kit://registry.example.com/team/model:v1";

/** What Prometheus has against it, or says that it cannot read it. */
async function problemsOf(command: "metrics" | "queries", input: string): Promise<string[]> {
  const streams = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  const child = new Deno.Command(program, { args: [command], ...streams }).spawn();
  const writing = new Blob([input]).stream().pipeTo(child.stdin);
  const [{ success, stdout, stderr }] = await Promise.all([child.output(), writing]);
  const said = new TextDecoder();
  return success ? JSON.parse(said.decode(stdout)) : [said.decode(stderr)];
}

const WEIRD = pairOf(URI, '/mnt/\\"{a="b",c}\nx 1 \ud800 modèle\\');
const TEXTS: [name: string, text: string][] = [
  ["a run that unpacks", metricsText(runOf([pairOf(URI, "/mnt/models")]))],
  ["a failure, with two pairs", metricsText(runOf([WEIRD, pairOf(URI, "/m")], NOT_FOUND))],
  ["a run without pairs", metricsText(runOf([], NOT_FOUND))],
];

for (const [name, text] of TEXTS) {
  Deno.test(`promtool has nothing against the metrics of ${name}`, async () => {
    assert.deepEqual(await problemsOf("metrics", text), []);
  });
}

Deno.test("promtool sees mistakes at all", async () => {
  const bad = TEXTS[0][1].replaceAll("duration_seconds", "duration_milliseconds");
  assert.notDeepEqual(await problemsOf("metrics", bad), []);
  assert.notDeepEqual(await problemsOf("metrics", `${TEXTS[0][1]}x{a="b} 1\n`), []);
});

Deno.test("a run that unpacks has every metric", () => {
  const names = new Set(parsePrometheus(TEXTS[0][1]).map(({ name }) => name));
  assert.deepEqual([...names], METRICS.map(({ name }) => name));
});

Deno.test("Prometheus can read the dashboard's queries", async () => {
  const queries = queriesOf(await readDashboard());
  assert.deepEqual(await problemsOf("queries", JSON.stringify(queries)), []);
  assert.equal((await problemsOf("queries", JSON.stringify([`${queries[0]})`]))).length, 1);
});
