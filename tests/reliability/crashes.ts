// The program and kit, killed: at random moments, and at each step that changes something.
import assert from "node:assert/strict";
import {
  at,
  childrenOf,
  endOrphans,
  kill,
  present,
  randomNumbers,
  until,
} from "../support/crash.ts";
import type { Moment } from "../support/steps.ts";
import type { Case, CaseWorld, Pushed } from "./cases.ts";
import { firstByte, pushHeld } from "./held.ts";

const MIB = 1024 * 1024;
/** Of each of the six kinds: more than 100 in all. */
const MOMENTS = 17;
const seed = Number(Deno.env.get("RELIABILITY_SEED") ?? crypto.getRandomValues(new Uint32Array(1)));

const OLD = (world: CaseWorld) => ({
  "model.bin": `old payload of ${world.name}`,
  "old/x.csv": "only in the old version",
  "both/y.csv": "old",
});
const NEW = (world: CaseWorld) => ({
  "model.bin": `payload of ${world.name}`,
  "new/z.csv": "only in the new version",
  "both/y.csv": "new",
});

/** Who is killed at a random moment. */
type Victim = "the program" | "kit" | "the program and kit";

/**
 * Kills at moments that are spread over the run, each time with destinations of their own, and starts again.
 */
async function killAtRandom(world: CaseWorld, victim: Victim, count: number): Promise<void> {
  console.log(`RELIABILITY_SEED=${seed}`);
  const random = randomNumbers(seed);
  const pushed: Pushed[] = [];
  for (let pair = 1; pair <= count; pair++) {
    const files = { "model.bin": world.model(4 * MIB), "data/x.csv": `${world.name} ${pair}` };
    pushed.push(await world.push(files, { tag: `v${pair}` }));
  }
  const pairsOf = (moment: number) =>
    pushed.map((kit, pair): [Pushed, string] => [kit, `${world.destination}-${moment}-${pair}`]);

  // The shortest run so far: on a machine that is busy for a while most kills would come too late.
  let length = Infinity;
  const undisturbed = async (pairs: [Pushed, string][]) => {
    const { report } = await world.start({ pairs });
    if (report.bytes !== 0) length = Math.min(length, Number(report.seconds) * 1000);
  };
  await undisturbed(pairsOf(0));

  let met = 0;
  for (let moment = 1; moment <= MOMENTS; moment++) {
    const pairs = pairsOf(moment);
    const delay = length * (moment - random()) / MOMENTS;
    const { code } = await world.start({
      pairs,
      onStart: async (process) => {
        await present(pairs[0][1]);
        await new Promise((resolve) => setTimeout(resolve, delay));
        let isOver = false;
        process.status.then(() => isOver = true);
        // Between two of its commands kit is waited for.
        const kits = victim === "the program" ? [] : await until("kit", async () => {
          const found = await childrenOf(process);
          return (found.length > 0 || isOver || victim !== "kit") && found;
        });
        for (const pid of kits) kill(pid, "SIGKILL");
        if (victim !== "kit") kill(process.pid, "SIGKILL");
      },
    });
    if (code !== 0) met++;
    for (const [, destination] of pairs) await endOrphans(destination);
    await undisturbed(pairs);
  }
  assert.ok(met > MOMENTS / 3, `only ${met} of ${MOMENTS} met it alive`);
}

function randomCase(victim: Victim, count: 1 | 3): Case {
  const code = victim === "kit" ? 8 : 137;
  return {
    name: `${victim} killed at ${MOMENTS} random moments, with ${
      count === 1 ? "one pair" : "three pairs"
    }`,
    promise: "restart",
    exits: [0, ...Array.from({ length: MOMENTS }, () => [[code, 0], 0]).flat()],
    left: "the ModelKit",
    run: (world) => killAtRandom(world, victim, count),
  };
}

/** The steps of an upgrade from OLD to NEW, in their order. */
const STEPS: [string, Omit<Moment, "act">][] = [
  ["the lock is taken", { when: "after", step: "^lock .*DEST$" }],
  ["the private folder is made", { when: "after", step: "^makeTempDir /dev/shm" }],
  ["staging is made", { when: "after", step: "^makeTempDir .*DEST$" }],
  ["kit is started", { when: "after", step: "^start kit unpack .*DEST/" }],
  ["everything is verified", { when: "before", step: "^sync .*DEST/STAGING/tree" }],
  ["the marker is written aside", { when: "after", step: "^write .*DEST/STAGING/marker" }],
  ["the marker owns both versions", { when: "after", step: "^rename .*DEST/STAGING/marker" }],
  ["the first obsolete file is to be removed", { when: "before", step: "^remove .*DEST/old" }],
  ["the obsolete file is removed", { when: "after", step: "^remove .*DEST/old/x" }],
  ["the obsolete folder is removed", { when: "after", step: "^remove .*DEST/old$" }],
  ["a new folder is in place", { when: "after", step: "^rename .*DEST/STAGING/tree/new" }],
  ["one file is in place", { when: "after", step: "^rename .*DEST/STAGING/tree/.*\\." }],
  ["two files are in place", { when: "after", step: "^rename .*DEST/STAGING/tree/.*\\.", nth: 2 }],
  ["all files are in place", { when: "after", step: "^rename .*DEST/STAGING/tree/Kitfile" }],
  ["the last marker is written aside", {
    when: "after",
    step: "^write .*DEST/STAGING/marker",
    nth: 2,
  }],
  ["the last marker is in place", {
    when: "after",
    step: "^rename .*DEST/STAGING/marker",
    nth: 2,
  }],
  ["staging is removed", { when: "after", step: "^remove .*DEST/STAGING$" }],
];

/** Kills an upgrade at one step, in the last of so many pairs. */
function stepCase([name, moment]: typeof STEPS[number], count: 1 | 3): Case {
  return {
    name: `killed when ${name}${count === 1 ? "" : ", in the second of three pairs"}`,
    promise: "restart",
    exits: [0, 137, 0],
    left: "the ModelKit, and what was there",
    run: async (world) => {
      const places = Array.from({ length: count }, (_, pair) => `${world.destination}-${pair}`);
      const pairs = (pushed: Pushed) => places.map((place): [Pushed, string] => [pushed, place]);
      for (const place of places) await world.foreign({ "lost+found/theirs.txt": "theirs" }, place);
      await world.start({ pairs: pairs(await world.push(OLD(world))) });
      const next = pairs(await world.push(NEW(world)));
      const place = places[Math.min(1, count - 1)];
      const step = moment.step.replace("DEST", place);
      await world.start({ pairs: next, ...at({ ...moment, step, act: "SIGKILL" }) });
      for (const place of places) await endOrphans(place);
      await world.start({ pairs: next });
    },
  };
}

/** Kills in the middle of a layer: kit has written some of it, and the rest does not come. */
function middleCase(victim: Victim): Case {
  return {
    name: `${victim} killed in the middle of a layer`,
    promise: "restart",
    exits: [victim === "kit" ? 8 : 137, 0],
    left: "the ModelKit",
    within: 8,
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: [Pushed, string][] = [[kit, world.destination]];
      await world.start({
        pairs,
        onStart: async (process) => {
          await firstByte(world.destination);
          const kits = await childrenOf(process);
          if (victim !== "the program") { for (const pid of kits) kill(pid, "SIGKILL"); }
          // The registry goes on to stall: nobody waits for it when kit is gone.
          if (victim !== "kit") kill(process.pid, "SIGKILL");
        },
      });
      held.release();
      // Without this the next start would meet a kit that still writes, which no container has.
      await endOrphans(world.destination);
      await world.start({ pairs });
    },
  };
}

/** More than the steps of an upgrade up to its last marker. */
const STEPS_AT_MOST = 48;

const CHAIN: Case = {
  name: "killed at its first step, then at its second, and so on until nothing is left to kill",
  promise: "restart",
  exits: [0, ...Array.from({ length: STEPS_AT_MOST }, () => [137, 0]), 0],
  left: "the ModelKit, and what was there",
  run: async (world) => {
    await world.foreign({ "old/theirs.txt": "theirs", "lost+found/": "" });
    await world.start({ pairs: [[await world.push(OLD(world)), world.destination]] });
    await world.push(NEW(world));
    const codes: number[] = [];
    for (let nth = 1; nth <= STEPS_AT_MOST; nth++) {
      const moment = { when: "before", step: "", nth, act: "SIGKILL" } as const;
      codes.push((await world.start(at(moment))).code);
    }
    assert.ok(codes.indexOf(0) > 25, `all its steps were met: ${codes}`);
    await world.start();
  },
};

export const CRASHES: Case[] = [
  ...(["the program", "kit", "the program and kit"] as const).flatMap((victim) =>
    ([1, 3] as const).map((count) => randomCase(victim, count))
  ),
  ...(["the program", "kit", "the program and kit"] as const).map(middleCase),
  ...([1, 3] as const).flatMap((count) => STEPS.map((step) => stepCase(step, count))),
  CHAIN,
  {
    name:
      "killed in the middle of an upgrade, and the registry is gone: what is half is not taken for complete",
    promise: "nothingWrong",
    exits: [0, 137, 5, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.start({ pairs: [[await world.push(OLD(world)), world.destination]] });
      const next = await world.push(NEW(world));
      const step = "^rename .*/STAGING/tree/.*\\.";
      await world.start(at({ when: "after", step, act: "SIGKILL" }));
      const env = { HTTP_PROXY: "http://127.0.0.1:1", KIT_RETRIES: "1" };
      await world.start({ env });
      await world.start({ pairs: [[next, world.destination]] });
    },
  },
];
