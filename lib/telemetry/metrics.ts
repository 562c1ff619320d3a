import { OUTCOMES } from "../errors.ts";
import { printable } from "../log.ts";
import { redact } from "../redact.ts";
import type { Report } from "../termination.ts";
import {
  type PairStretch,
  PHASES,
  secondsByPhase,
  type Timeline,
  wasComplete,
} from "../timeline.ts";
import type { TransferCost } from "../transfer/mod.ts";

/** A run that has ended, or is about to. */
export interface Run {
  report: Report;
  timeline: Timeline;
  version: string;
}

/** One value, and what it is the value of. */
interface Sample {
  labels?: Record<string, string>;
  value: number | undefined;
}

/** One metric. All are gauges: they tell of the last run, and begin anew with the next. */
export interface Metric {
  name: string;
  help: string;
  /** Names of all its labels. */
  labels: string[];
  samples(run: Run): Sample[];
}

const PREFIX = "kitops_storage_initializer_";
const PAIR_LABELS = ["pair", "registry", "repository"];
const LIMITS: TransferCost["limit"][] = ["network", "hash", "kit or disk"];

/**
 * Every metric: the source of the file and of docs/metrics.md. Names and units follow
 * https://prometheus.io/docs/practices/naming/; what changes with each model, such as its digest, is a label of
 * `pair_info` alone.
 */
export const METRICS: Metric[] = [
  {
    name: `${PREFIX}build_info`,
    help: "The version of the program; always 1",
    labels: ["version"],
    samples: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  ofRun("start_timestamp_seconds", "When the run began, in Unix time", ({ timeline }) => {
    return timeline.start / 1000;
  }),
  ofRun("end_timestamp_seconds", "When the run ended, in Unix time", ({ timeline, report }) => {
    return timeline.start / 1000 + report.seconds;
  }),
  ofRun("duration_seconds", "How long the run took", ({ report }) => report.seconds),
  ofRun("exit_code", "The exit code", ({ report }) => OUTCOMES[outcomeOf(report)].code),
  {
    name: `${PREFIX}last_run_outcome`,
    help: "1 for the outcome that the run had, by its name in the table of exit codes; else 0",
    labels: ["outcome"],
    samples: ({ report }) => oneOf("outcome", Object.keys(OUTCOMES), outcomeOf(report)),
  },
  {
    name: `${PREFIX}pair_info`,
    help: "What a pair is, with the digest where it is known; always 1",
    labels: [...PAIR_LABELS, "tag", "digest", "destination"],
    samples: ({ timeline }) =>
      timeline.pairs.map((stretch, index) => {
        const { pair: { reference, destination }, digest = reference.digest ?? "" } = stretch;
        const tag = reference.digest === undefined ? reference.tag ?? "latest" : "";
        return { labels: { ...labelsOf(stretch, index), tag, digest, destination }, value: 1 };
      }),
  },
  ofPairs("complete", "1 where the run left the destination complete, else 0", (pair) => {
    return Number(pair.end !== undefined && pair.failure === undefined);
  }),
  ofPairs("already_complete", "1 where nothing was missing, as after a restart, else 0", (pair) => {
    return Number(wasComplete(pair));
  }),
  ofPairs("duration_seconds", "How long the pair took", ({ start, end }, now) => {
    return ((end ?? now) - start) / 1000;
  }),
  {
    name: `${PREFIX}pair_phase_duration_seconds`,
    help: "What its time went to; each moment counts for one phase",
    labels: [...PAIR_LABELS, "phase"],
    samples: ({ timeline }) =>
      timeline.pairs.flatMap((stretch, index) => {
        const seconds = secondsByPhase(stretch, timeline.now());
        return Object.keys(PHASES).map((phase) => ({
          labels: { ...labelsOf(stretch, index), phase },
          value: seconds.get(phase as keyof typeof PHASES) ?? 0,
        }));
      }),
  },
  ofPairs("unpacked_bytes", "Size of the files that were unpacked; 0 where nothing was missing", (
    { bytes, failure },
  ) => failure === undefined ? bytes : 0),
  ofPairs(
    "downloaded_bytes",
    "Size of the layers that were fetched; absent where kit itself fetches them",
    ({ cost }) => cost === undefined ? 0 : cost()?.downloaded,
  ),
  ofPairs("retries", "Requests that had to be tried again", ({ cost }) => cost?.()?.retries),
  ofPairs("connections", "Most connections at once", ({ cost }) => cost?.()?.connections),
  {
    name: `${PREFIX}pair_limit`,
    help: "1 for the part of the transfer that the others waited for, else 0",
    labels: [...PAIR_LABELS, "limit"],
    samples: ({ timeline }) =>
      timeline.pairs.flatMap((stretch, index) => {
        const limit = stretch.cost?.()?.limit;
        if (limit === undefined) return [];
        return oneOf("limit", LIMITS, limit, labelsOf(stretch, index));
      }),
  },
];

/** A run in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsText(run: Run): string {
  return METRICS.map((metric) => {
    const lines = metric.samples(run).flatMap(({ labels, value }) =>
      value === undefined ? [] : `${metric.name}${formatLabels(labels)} ${rounded(value)}\n`
    );
    if (lines.length === 0) return "";
    return `# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} gauge\n${lines.join("")}`;
  }).join("");
}

function ofRun(name: string, help: string, value: (run: Run) => number): Metric {
  const samples = (run: Run) => [{ value: value(run) }];
  return { name: `${PREFIX}last_run_${name}`, help, labels: [], samples };
}

function ofPairs(
  name: string,
  help: string,
  value: (stretch: PairStretch, now: number) => number | undefined,
): Metric {
  return {
    name: `${PREFIX}pair_${name}`,
    help,
    labels: PAIR_LABELS,
    samples: ({ timeline }) =>
      timeline.pairs.map((stretch, index) => ({
        labels: labelsOf(stretch, index),
        value: value(stretch, timeline.now()),
      })),
  };
}

/** Two pairs may name the same repository: only the place on the command line tells them apart. */
function labelsOf({ pair: { reference } }: PairStretch, index: number): Record<string, string> {
  return {
    pair: String(index + 1),
    registry: reference.host,
    repository: reference.repository,
  };
}

function oneOf(
  label: string,
  all: string[],
  which: string,
  labels: Record<string, string> = {},
): Sample[] {
  return all.map((one) => ({ labels: { ...labels, [label]: one }, value: Number(one === which) }));
}

function outcomeOf({ failure }: Report): keyof typeof OUTCOMES {
  return failure?.outcome ?? "ok";
}

/** Times are not known better than to a microsecond. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

function formatLabels(labels: Record<string, string> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Line breaks are shown as in the log, and so cannot end a line. */
function escape(value: string): string {
  return printable(redact(value)).toWellFormed().replaceAll(/["\\]/g, "\\$&");
}
