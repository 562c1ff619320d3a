// Several containers on one volume, and several pairs in one container.
import assert from "node:assert/strict";
import { at, endOrphans, kill, stopped, until, waitsForLock } from "../support/crash.ts";
import type { Case, CaseWorld, Pushed } from "./cases.ts";
import { firstByte, pushHeld } from "./held.ts";

type Pairs = [Pushed, string][];

/** Starts it so often at the same time; exactly one of them is to download. */
async function startAtOnce(world: CaseWorld, count: number): Promise<void> {
  await world.push();
  await Promise.all(Array.from({ length: count }, () => world.start()));
  const busy = world.starts.filter(({ ended }) => ended!.report.bytes !== 0);
  assert.equal(busy.length, 1, "one of them downloads, the others find it complete");
}

/** Starts some that wait for the lock, then does something, and waits for their end. */
async function whileOthersWait(
  world: CaseWorld,
  { count, pairs }: { count: number; pairs?: Pairs },
  then: () => void | Promise<void>,
): Promise<void> {
  let waiting = 0;
  const others = Array.from({ length: count }, () =>
    world.start({
      pairs,
      onStart: async (process) => {
        await until("that it waits", () => waitsForLock(process));
        waiting++;
      },
    }));
  await until("all others", () => waiting === count);
  await then();
  await Promise.all(others);
}

/** Two ModelKits with nothing in common but the Kitfile, which `--filter` leaves out. */
async function pushTwo(world: CaseWorld): Promise<[Pushed, Pushed]> {
  const one = await world.push({ "one.bin": `one of ${world.name}` }, { tag: "one" });
  const two = await world.push({ "two.bin": `two of ${world.name}` }, { tag: "two" });
  return [one, two];
}

function withoutKitfile({ tree, ...pushed }: Pushed): Pushed {
  const { Kitfile: _, ...files } = tree;
  return { ...pushed, tree: files };
}

const MODEL_ONLY = { KIT_UNPACK_FLAGS: "--plain-http --filter=model" };

export const CONCURRENCY: Case[] = [
  ...[2, 8].map((count): Case => ({
    name: `${count} containers start on one volume at once`,
    promise: "together",
    exits: Array(count).fill(0),
    left: "the ModelKit",
    within: 30,
    run: (world) => startAtOnce(world, count),
  })),
  {
    name: "one container is killed while three others wait for it",
    promise: "together",
    exits: [137, 0, 0, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await world.start({
        ...at({ when: "after", step: `^lock ${world.destination}$`, act: "SIGSTOP" }),
        onStart: async (first) => {
          await stopped(first);
          await whileOthersWait(world, { count: 3 }, () => kill(first.pid, "SIGKILL"));
        },
      });
    },
  },
  {
    name: "one container is killed in the middle of a layer while three others wait for it",
    promise: "together",
    exits: [137, 0, 0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: Pairs = [[kit, world.destination]];
      await world.start({
        pairs,
        onStart: async (first) => {
          await firstByte(world.destination);
          await whileOthersWait(world, { count: 3, pairs }, async () => {
            // The registry answers nobody before kit is gone too, as it is when a container ends.
            kill(first.pid, "SIGKILL");
            await first.status;
            await endOrphans(world.destination);
            held.release();
          });
        },
      });
    },
  },
  {
    name: "one container fails while another waits for it, which then does it",
    promise: "together",
    exits: [8, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await world.start({
        ...at({ when: "after", step: `^lock ${world.destination}$`, act: "SIGSTOP" }, {
          KIT_BIN: "/bin/false",
        }),
        onStart: async (first) => {
          await stopped(first);
          await whileOthersWait(world, { count: 1 }, () => first.kill("SIGCONT"));
        },
      });
    },
  },
  {
    name: "two versions go to one volume at once: the one that waits replaces the other",
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const old = await world.push({ "model.bin": `old ${world.name}`, "old/x.csv": "1" });
      await world.start({
        pairs: [[old, world.destination]],
        ...at({ when: "before", step: "^sync .*/STAGING/tree$", act: "SIGSTOP" }),
        onStart: async (first) => {
          await stopped(first);
          const next = await world.push({ "model.bin": `new ${world.name}` });
          const pairs: Pairs = [[next, world.destination]];
          await whileOthersWait(world, { count: 1, pairs }, () => first.kill("SIGCONT"));
        },
      });
    },
  },
  {
    name: "two ModelKits go to two folders of one volume at once",
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const [one, two] = await pushTwo(world);
      await Promise.all([
        world.start({ pairs: [[one, `${world.destination}/one`]] }),
        world.start({ pairs: [[two, `${world.destination}/two`]] }),
      ]);
    },
  },
  {
    name: "one ModelKit goes to two folders in one container",
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await world.push();
      const pairs: Pairs = [1, 2].map((number) => [pushed, `${world.destination}/${number}`]);
      await world.start({ pairs });
      await world.start({ pairs });
      assert.equal(world.starts[1].ended!.report.bytes, 0, "nothing was missing");
    },
  },
  {
    name: "one ModelKit goes to two folders in two containers at once",
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await world.push();
      await Promise.all(
        [1, 2].map((number) =>
          world.start({ pairs: [[pushed, `${world.destination}/${number}`]] })
        ),
      );
    },
  },
  {
    name: "the same pair is given twice",
    promise: "together",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await world.push();
      await world.start({ pairs: [[pushed, world.destination], [pushed, world.destination]] });
    },
  },
  {
    name: "two pairs name one folder, and each ModelKit keeps its files",
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await pushTwo(world);
      const pairs = pushed.map((one): Pairs[number] => [withoutKitfile(one), world.destination]);
      await world.start({ pairs, env: MODEL_ONLY });
      await world.start({ pairs, env: MODEL_ONLY });
      assert.equal(world.starts[1].ended!.report.bytes, 0, "nothing was missing");
    },
  },
  {
    name: "two pairs name one folder, killed at the second one",
    promise: "together",
    exits: [137, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await pushTwo(world);
      const pairs = pushed.map((one): Pairs[number] => [withoutKitfile(one), world.destination]);
      await world.start({
        pairs,
        ...at({ when: "after", step: "^rename .*/STAGING/tree/two", act: "SIGKILL" }, MODEL_ONLY),
      });
      await world.start({ pairs, env: MODEL_ONLY });
    },
  },
  ...(["the outer", "the inner"] as const).map((first): Case => ({
    name: `of two pairs one folder is in the other, ${first} one first`,
    promise: "together",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const outer = await world.push();
      const [inner] = await pushTwo(world);
      const pairs: Pairs = [[outer, world.destination], [inner, `${world.destination}/data/inner`]];
      if (first === "the inner") pairs.reverse();
      await world.start({ pairs });
      await world.start({ pairs });
      assert.equal(world.starts[1].ended!.report.bytes, 0, "nothing was missing");
    },
  })),
];
