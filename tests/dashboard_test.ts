// The dashboard asks only for what the program writes. `deno task test:deploy` has Prometheus' parser read its queries.
import assert from "node:assert/strict";
import { METRICS } from "../lib/telemetry/metrics.ts";
import { queriesOf, readDashboard } from "./support/dashboard.ts";

/** Of others, with the labels that we use. */
const FOREIGN: Record<string, string[]> = {
  // https://github.com/kubernetes/kube-state-metrics/blob/main/docs/metrics/workload/pod-metrics.md
  kube_pod_init_container_status_restarts_total: ["container"],
};
/** What a metric of ours gets from who collects it, and what Grafana puts in. */
const ADDED_LABELS = ["instance", "job"];

const dashboard = await readDashboard();
const labelsOf: Record<string, string[]> = {
  ...FOREIGN,
  ...Object.fromEntries(METRICS.map(({ name, labels }) => [name, labels])),
};

for (const query of queriesOf(dashboard)) {
  Deno.test(`dashboard: metrics and labels exist: ${query}`, () => {
    const metrics = query.match(/\b(kitops|kube)_\w+/g) ?? [];
    assert.ok(metrics.length > 0);
    for (const metric of metrics) assert.ok(metric in labelsOf, `nobody writes ${metric}`);
    for (const [, metric, matchers] of query.matchAll(/(\w+)\{([^}]*)\}/g)) {
      for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)) {
        assert.ok(labelsOf[metric].includes(label), `${metric} has no label ${label}`);
      }
    }
    const all = [...metrics.flatMap((metric) => labelsOf[metric]), ...ADDED_LABELS];
    for (const [, list] of query.matchAll(/\b(?:by|on|ignoring) \(([^)]*)\)/g)) {
      for (const label of list.split(", ")) assert.ok(all.includes(label), `label ${label}`);
    }
    for (const [, name] of query.matchAll(/\$(\w+)/g)) {
      assert.ok(dashboard.templating.list.some((variable) => variable.name === name), `$${name}`);
    }
  });
}

Deno.test("dashboard: panels have ids of their own, and Prometheus of the variable", () => {
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(
    dashboard.templating.list.some(({ name, type }) =>
      name === "datasource" && type === "datasource"
    ),
  );
  for (const { title, description, datasource, targets } of dashboard.panels) {
    assert.ok(title && description);
    for (const { uid } of [datasource, ...targets.map((target) => target.datasource)]) {
      assert.equal(uid, "${datasource}", title);
    }
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
    for (const { expr, legendFormat } of targets) {
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(expr.includes(label) || labelsOf[expr.match(/kitops_\w+/)![0]].includes(label));
      }
    }
  }
});

Deno.test("dashboard: no panel lies on another, or beside the grid", () => {
  const places = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
    assert.ok(x >= 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        assert.ok(!places.has(`${column} ${row}`), title);
        places.add(`${column} ${row}`);
      }
    }
  }
});

Deno.test("dashboard: its variables are labels of pair_info", () => {
  for (const { type, query } of dashboard.templating.list) {
    if (type !== "query") continue;
    const text = typeof query === "string" ? query : query.query;
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
    assert.ok(labelsOf[metric]?.includes(label), text);
  }
});

Deno.test("dashboard: every metric is on it that is not said by another", () => {
  const queries = queriesOf(dashboard).join("\n");
  const others = METRICS.filter(({ name }) => !queries.includes(name)).map(({ name }) => name);
  assert.deepEqual(others, [
    "kitops_storage_initializer_build_info",
    "kitops_storage_initializer_last_run_start_timestamp_seconds",
    "kitops_storage_initializer_last_run_end_timestamp_seconds",
    "kitops_storage_initializer_pair_duration_seconds",
  ]);
});
