import { Failure } from "../../lib/errors.ts";
import { parseReference } from "../../lib/reference.ts";
import type { Run } from "../../lib/telemetry/metrics.ts";
import { type PairStretch, Timeline } from "../../lib/timeline.ts";
import type { TransferCost } from "../../lib/transfer/mod.ts";

/** 2026-01-02T03:04:05Z, in milliseconds. */
export const START = 1_767_323_045_000;
export const DIGEST = `sha256:${"1".repeat(64)}`;
export const COST: TransferCost = {
  downloaded: 1_000,
  connections: 4,
  retries: 2,
  limit: "network",
};

/** A pair that took the seconds from 1 to 9, most of them for the transfer. */
export function pairOf(
  uri: string,
  destination: string,
  more: Partial<PairStretch> = {},
): PairStretch {
  return {
    pair: { uri, reference: parseReference(uri), destination },
    start: START + 1000,
    end: START + 9000,
    phases: [
      { phase: "lock", start: START + 1000, end: START + 1500 },
      { phase: "resolve", start: START + 1500, end: START + 3500 },
      {
        phase: "sign-in",
        host: "registry.example.com:5000",
        start: START + 2000,
        end: START + 3000,
      },
      { phase: "transfer", start: START + 3500, end: START + 8500 },
      { phase: "publish", start: START + 8500, end: START + 9000 },
    ],
    digest: DIGEST,
    bytes: 1234,
    cost: () => COST,
    ...more,
  };
}

/** A run of 10 seconds with these pairs, which failed where `failure` is given. */
export function runOf(pairs: PairStretch[], failure?: Failure): Run {
  // The first look at the clock is the start; all others are at the end.
  const looks = [START];
  const timeline = new Timeline(() => looks.shift() ?? START + 10_000);
  timeline.pairs.push(...pairs);
  return { report: { seconds: 10, failure }, timeline, version: "1.2.3" };
}

export const NOT_FOUND = new Failure("not found", "Cannot find it", {
  host: "registry.example.com",
});
