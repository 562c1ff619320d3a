// SIGTERM and SIGINT in each phase; SIGSTOP, and what nobody reads or writes.
import assert from "node:assert/strict";
import { at, childrenOf, endBy, kill, stopped, until, waitsForLock } from "../support/crash.ts";
import { firstByte, namesIn, pushHeld } from "./held.ts";
import type { Moment } from "../support/steps.ts";
import type { Case, CaseWorld, Pushed, StartOptions } from "./cases.ts";

const SIGNALS = [["SIGTERM", 143], ["SIGINT", 130]] as const;

/** Starts the program, stops it at a step, and then ends it by a signal. */
async function endAt(
  world: CaseWorld,
  moment: Omit<Moment, "act" | "then">,
  signal: Deno.Signal,
  options: StartOptions = {},
): Promise<void> {
  await world.start({
    ...options,
    ...at({ ...moment, act: "SIGSTOP", then: signal }),
    onStart: async (process) => {
      await stopped(process);
      await endBy(signal, process);
    },
  });
}

/** Phases in which the program itself is met, in their order. */
const PHASES: [string, Omit<Moment, "act">][] = [
  ["taking the lock", { when: "before", step: "^lock .*DEST$" }],
  ["starting kit", { when: "after", step: "^start kit version" }],
  ["making the staging folder", { when: "after", step: "^makeTempDir .*DEST$" }],
  ["unpacking", { when: "after", step: "^start kit unpack" }],
  ["writing all to the disk", { when: "before", step: "^sync .*DEST/STAGING/tree$" }],
];

function phaseCase(
  [name, { when, step }]: typeof PHASES[number],
  [signal, code]: typeof SIGNALS[number],
): Case {
  return {
    name: `${signal} while ${name}`,
    promise: "signals",
    exits: [code, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await endAt(world, { when, step: step.replace("DEST", world.destination) }, signal);
      assert.deepEqual(await namesIn(world.destination), [], "nothing is left");
      await world.start();
    },
  };
}

/** A pipe that takes not one byte more, and that nobody reads. */
const FULL_PIPE =
  'mkfifo "$HOME/log"; exec 3<>"$HOME/log"; head -c 65536 /dev/zero >&3; exec "$@" 2>&3 3>&-';

/** Scripts that start the program so that its log goes nowhere. */
const UNREAD = {
  "standard input, output and error are closed": 'exec "$@" <&- >&- 2>&-',
  "the reader of the log goes away after a line":
    'mkfifo "$HOME/log"; head -n 1 "$HOME/log" >"$HOME/first" & exec "$@" 2>"$HOME/log"',
  "the pipe of the log is full, and nobody reads it": FULL_PIPE,
};

const HELD: Case[] = SIGNALS.map(([signal, code]) => ({
  name: `${signal} in the middle of a layer`,
  promise: "signals",
  exits: [code, 0],
  left: "the ModelKit",
  run: async (world) => {
    const { held, kit } = await pushHeld(world);
    const pairs: [Pushed, string][] = [[kit, world.destination]];
    await world.start({
      pairs,
      onStart: async (process) => {
        await firstByte(world.destination);
        const kits = await childrenOf(process);
        await endBy(signal, process);
        assert.equal(kits.length, 1);
        for (const pid of kits) {
          assert.throws(() => Deno.kill(pid, "SIGCONT"), Deno.errors.NotFound, "kit has ended");
        }
      },
    });
    assert.deepEqual(await namesIn(world.destination), [], "nothing is left");
    held.release();
    await world.start({ pairs });
  },
}));

export const SIGNAL_CASES: Case[] = [
  ...SIGNALS.flatMap((signal) => PHASES.map((phase) => phaseCase(phase, signal))),
  ...HELD,
  {
    name: "SIGTERM while the registry says nothing",
    promise: "signals",
    exits: [143],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push();
      const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const pairs: [Pushed, string][] = [[
        world.via(pushed, `127.0.0.1:${silent.addr.port}`),
        world.destination,
      ]];
      const accepting = silent.accept();
      await world.start({
        pairs,
        onStart: async (process) => {
          world.use(await accepting);
          await endBy("SIGTERM", process);
        },
      });
      silent.close();
    },
  },
  {
    name: "SIGTERM while waiting for another initializer",
    promise: "signals",
    exits: [0, 143],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      const step = `^lock ${world.destination}$`;
      await world.start({
        ...at({ when: "after", step, act: "SIGSTOP" }),
        onStart: async (first) => {
          await stopped(first);
          await world.start({
            onStart: async (second) => {
              await until("that it waits", () => waitsForLock(second));
              await endBy("SIGTERM", second);
            },
          });
          first.kill("SIGCONT");
        },
      });
    },
  },
  {
    name: "SIGTERM while the disk does not answer",
    promise: "signals",
    exits: [143, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await world.start({
        ...at({ when: "before", step: `^sync .*/STAGING/tree/model.bin`, act: "hang" }),
        onStart: async (process) => {
          await firstByte(world.destination);
          await endBy("SIGTERM", process);
        },
      });
      assert.deepEqual(await namesIn(world.destination), [], "nothing is left");
      await world.start();
    },
  },
  {
    name: "SIGTERM, and cleaning up does not end: gone in time all the same, with a message",
    promise: "signals",
    exits: [143, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: [Pushed, string][] = [[kit, world.destination]];
      await world.start({
        pairs,
        ...at({ when: "before", step: "^remove .*/STAGING$", act: "hang" }),
        onStart: async (process) => {
          await firstByte(world.destination);
          await endBy("SIGTERM", process);
        },
      });
      assert.equal((await namesIn(world.destination)).length, 1, "staging is left");
      held.release();
      await world.start({ pairs });
    },
  },
  {
    name: "SIGTERM while files are moved into place: what is left to do is less than undoing it",
    promise: "signals",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await endAt(world, { when: "after", step: "^rename .*/STAGING/tree/data" }, "SIGTERM");
    },
  },
  {
    name: "SIGTERM while the first of three pairs is moved into place: the others are not begun",
    promise: "signals",
    exits: [143, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pushed = await world.push();
      const pairs = [1, 2, 3].map((pair): [Pushed, string] => [
        pushed,
        `${world.destination}-${pair}`,
      ]);
      await endAt(world, { when: "after", step: "^rename .*/STAGING/tree/data" }, "SIGTERM", {
        pairs,
      });
      assert.ok((await namesIn(pairs[0][1])).includes("model.bin"), "the first one is complete");
      assert.equal(await Deno.stat(pairs[1][1]).catch(() => undefined), undefined);
      await world.start({ pairs });
    },
  },
  {
    name: "SIGTERM, and kit does not listen to it",
    promise: "signals",
    exits: [143, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: [Pushed, string][] = [[kit, world.destination]];
      await world.start({
        pairs,
        onStart: async (process) => {
          await firstByte(world.destination);
          const [pid] = await childrenOf(process);
          kill(pid, "SIGSTOP");
          await stopped({ pid });
          await endBy("SIGTERM", process);
        },
      });
      assert.deepEqual(await namesIn(world.destination), [], "nothing is left");
      held.release();
      await world.start({ pairs });
    },
  },
  {
    name: "SIGTERM twice",
    promise: "signals",
    exits: [143],
    left: "nothing",
    run: async (world) => {
      const { kit } = await pushHeld(world);
      await world.start({
        pairs: [[kit, world.destination]],
        onStart: async (process) => {
          await firstByte(world.destination);
          process.kill("SIGTERM");
          await endBy("SIGTERM", process);
        },
      });
    },
  },
  {
    name: "kit is stopped by SIGSTOP in the middle of a layer, and goes on",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      await world.start({
        pairs: [[kit, world.destination]],
        onStart: async (process) => {
          const model = await firstByte(world.destination);
          const [pid] = await childrenOf(process);
          kill(pid, "SIGSTOP");
          await stopped({ pid });
          // What comes now meets a kit that takes nothing.
          const { size } = await Deno.stat(model);
          held.release();
          await new Promise((resolve) => setTimeout(resolve, 200));
          assert.equal((await Deno.stat(model)).size, size);
          kill(pid, "SIGCONT");
        },
      });
    },
  },
  {
    name: "the program is stopped by SIGSTOP in the middle of a layer, and goes on",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      await world.start({
        pairs: [[kit, world.destination]],
        onStart: async (process) => {
          await firstByte(world.destination);
          process.kill("SIGSTOP");
          await stopped(process);
          held.release();
          process.kill("SIGCONT");
        },
      });
    },
  },
  {
    name: "the process that started it dies",
    promise: "anywhere",
    exits: [137, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: [Pushed, string][] = [[kit, world.destination]];
      let program = 0;
      await world.start({
        pairs,
        // It is no child of ours, so that its parent can be killed and it goes on.
        through: ["sh", "-c", 'trap : TERM; "$@" >/dev/null 2>&1 </dev/null & wait', "sh"],
        onStart: async (parent) => {
          await firstByte(world.destination);
          [program] = await childrenOf(parent);
          parent.kill("SIGKILL");
        },
      });
      held.release();
      await until("its end", () => Deno.stat(`/proc/${program}`).then(() => false, () => true));
      await world.start({ pairs });
      assert.equal(world.starts.at(-1)!.ended!.report.bytes, 0, "it had completed");
    },
  },
  ...Object.entries(UNREAD).map(([name, script]): Case => ({
    name,
    promise: "anywhere",
    exits: [0],
    left: "the ModelKit",
    unread: true,
    run: async (world) => {
      await world.push();
      await world.start({ through: ["sh", "-c", script, "sh"] });
    },
  })),
  {
    name: "SIGTERM while the pipe of the log is full",
    promise: "signals",
    exits: [143],
    left: "nothing",
    unread: true,
    run: async (world) => {
      const { kit } = await pushHeld(world);
      await world.start({
        pairs: [[kit, world.destination]],
        through: ["sh", "-c", FULL_PIPE, "sh"],
        onStart: async (process) => {
          await firstByte(world.destination);
          await endBy("SIGTERM", process);
        },
      });
    },
  },
];
