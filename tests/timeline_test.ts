import assert from "node:assert/strict";
import type { Pair } from "../lib/arguments.ts";
import { Failure } from "../lib/errors.ts";
import { parseReference } from "../lib/reference.ts";
import { type PhaseStretch, secondsByPhase, Timeline, wasComplete } from "../lib/timeline.ts";

const uri = "kit://registry.example.com/team/model:v1";
const PAIR: Pair = { uri, reference: parseReference(uri), destination: "/mnt/models" };

/** A timeline whose clock goes on by 100 ms at each look. */
function createTimeline(): Timeline {
  let time = 900;
  return new Timeline(() => time += 100);
}

Deno.test("timeline: a pair has its times, its phases and what it came to", async () => {
  const timeline = createTimeline();
  const result = await timeline.pair(PAIR, async () => {
    const value = await timeline.during("resolve", () => {
      return timeline.during("sign-in", () => Promise.resolve("found"), "registry.example.com");
    });
    assert.equal(value, "found");
    return { digest: "sha256:1", bytes: 5, other: true };
  });
  assert.deepEqual(result, { digest: "sha256:1", bytes: 5, other: true });
  assert.equal(timeline.start, 1000);
  assert.deepEqual(timeline.pairs, [{
    pair: PAIR,
    start: 1100,
    phases: [
      { phase: "resolve", host: undefined, start: 1200, end: 1500 },
      { phase: "sign-in", host: "registry.example.com", start: 1300, end: 1400 },
    ],
    end: 1600,
    digest: "sha256:1",
    bytes: 5,
  }]);
});

Deno.test("timeline: what fails is noted with the failure, and thrown on", async () => {
  const timeline = createTimeline();
  const failure = new Failure("auth", "Cannot sign in");
  const work = timeline.pair(PAIR, async () => {
    timeline.note({ digest: "sha256:1" });
    await timeline.during("resolve", () => Promise.reject(failure));
    return { digest: "never", bytes: 0 };
  });
  await assert.rejects(work, failure);
  const [{ failure: ofPair, digest, end, phases }] = timeline.pairs;
  assert.equal(ofPair, failure);
  assert.equal(phases[0].failure, failure);
  assert.equal(digest, "sha256:1");
  assert.equal(end, 1400);
});

Deno.test("timeline: a phase before the first pair is done, and is nobody's", async () => {
  const timeline = createTimeline();
  assert.equal(await timeline.during("resolve", () => Promise.resolve(1)), 1);
  timeline.note({ digest: "sha256:1" });
  assert.deepEqual(timeline.pairs, []);
});

Deno.test("timeline: the clock is that of the world, and goes on", () => {
  const before = Date.now();
  const timeline = new Timeline();
  assert.ok(Math.abs(timeline.start - before) < 1000);
  assert.ok(timeline.now() >= timeline.start);
});

type Times = [phase: PhaseStretch["phase"], start: number, end?: number];
const SECONDS: [name: string, phases: Times[], seconds: Record<string, number>][] = [
  ["no phase", [], {}],
  ["one", [["transfer", 0, 3000]], { transfer: 3 }],
  ["one that is not over counts until now", [["transfer", 0]], { transfer: 10 }],
  ["two with a gap between, which is nobody's", [["resolve", 0, 1000], ["transfer", 2000, 5000]], {
    resolve: 1,
    transfer: 3,
  }],
  ["one twice", [["transfer", 0, 1000], ["transfer", 4000, 5000]], { transfer: 2 }],
  ["one within another counts once", [["resolve", 0, 5000], ["sign-in", 1000, 3000]], {
    resolve: 3,
    "sign-in": 2,
  }],
  ["two at the same time within another", [
    ["transfer", 0, 9000],
    ["sign-in", 1000, 3000],
    ["sign-in", 2000, 4000],
  ], { transfer: 6, "sign-in": 3 }],
  ["a sign-in within a signature within resolving", [
    ["resolve", 0, 9000],
    ["signature", 1000, 8000],
    ["sign-in", 2000, 4000],
  ], { resolve: 2, signature: 5, "sign-in": 2 }],
  ["one that took no time", [["lock", 1000, 1000]], { lock: 0 }],
];

for (const [name, times, seconds] of SECONDS) {
  Deno.test(`seconds by phase: ${name}`, () => {
    const phases = times.map(([phase, start, end]) => ({ phase, start, end }));
    const found = secondsByPhase({ pair: PAIR, start: 0, phases }, 10_000);
    assert.deepEqual(Object.fromEntries(found), seconds);
  });
}

const transfer: PhaseStretch = { phase: "transfer", start: 1, end: 2 };
const COMPLETE: [name: string, stretch: Parameters<typeof wasComplete>[0], expected: boolean][] = [
  ["one that ended without a transfer", { pair: PAIR, start: 0, end: 3, phases: [] }, true],
  ["one with a transfer", { pair: PAIR, start: 0, end: 3, phases: [transfer] }, false],
  ["one that is not over", { pair: PAIR, start: 0, phases: [] }, false],
  ["one that failed", {
    pair: PAIR,
    start: 0,
    end: 3,
    phases: [],
    failure: new Failure("auth", "Cannot sign in"),
  }, false],
];

for (const [name, stretch, expected] of COMPLETE) {
  Deno.test(`already complete: ${name}${expected ? "" : " was not"}`, () => {
    assert.equal(wasComplete(stretch), expected);
  });
}
