// What somebody sees who starts the program by hand, on a terminal that util-linux's script makes.
import assert from "node:assert/strict";
import { until } from "../support/crash.ts";
import { HeldRegistry } from "../support/held_registry.ts";
import { ScreenModel } from "../support/screen_model.ts";
import { TestWorld } from "../support/world.ts";

const MODEL = new Uint8Array(8 * 1024 * 1024).fill(7);

/** Starts it on a terminal, with a registry that stops in the middle of the model. */
async function onTerminal(
  options: string[],
  { TERM = "xterm", inTheMiddle }: {
    TERM?: string;
    /** Called when the model is half there. */
    inTheMiddle(typescript: string, held: HeldRegistry, program: number): Promise<void>;
  },
) {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/terminal:v1", {
    "模型.bin": MODEL,
    "data/x.csv": MODEL.subarray(0, 1e6),
  });
  await using held = new HeldRegistry(world.host);
  const typescript = `${world.folder}/typescript`;
  const destination = world.destination("terminal");
  const ended = await world.run(
    [...options, uri.replace(world.host, held.host), destination],
    {
      env: { TERM, SHELL: "/bin/sh" },
      through: ["sh", "-c", `exec script -qefc "exec $*" '${typescript}'`, "sh"],
      onStart: async ({ pid }) => {
        await until("half of the model", async () => {
          const names = await Array.fromAsync(Deno.readDir(destination), ({ name }) => name)
            .catch(() => []);
          for (const name of names) {
            const path = `${destination}/${name}/tree/模型.bin`;
            if (((await Deno.stat(path).catch(() => undefined))?.size ?? 0) > 1e6) return true;
          }
        });
        const children = await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`);
        await inTheMiddle(typescript, held, Number(children.trim()));
      },
    },
  );
  // No line of the log is wrapped here: bars are for the 80 columns that are taken where nobody knows.
  const screen = new ScreenModel(10_000);
  screen.write(ended.stdout);
  return { ...ended, screen };
}

const text = (path: string) => Deno.readTextFile(path).catch(() => "");
const BARS_REGEXP = /模型\.bin +█+░+ .* of 8\.4 MB [^]*Total +█+░+ .* of 9\.4 MB /;

Deno.test("a terminal has bars while it works, and only the log in the end", async () => {
  const { code, stdout, screen } = await onTerminal([], {
    inTheMiddle: async (typescript, held) => {
      await until("bars", async () => BARS_REGEXP.test(await text(typescript)) || undefined);
      held.release();
    },
  });
  assert.equal(code, 0, stdout);
  assert.doesNotMatch(screen.lines.join("\n"), /[█░]/);
  assert.match(screen.lines.at(-1)!, / is complete in /);
  for (const line of screen.lines) assert.match(line, /^\d{4}-\S+ INFO /);
});

Deno.test("a terminal is clean after a signal in the middle", async () => {
  const { code, stdout, screen } = await onTerminal([], {
    inTheMiddle: async (typescript, _, program) => {
      await until("bars", async () => BARS_REGEXP.test(await text(typescript)) || undefined);
      Deno.kill(program, "SIGINT");
    },
  });
  assert.equal(code, 130, stdout);
  assert.doesNotMatch(screen.lines.join("\n"), /[█░]/);
  assert.match(screen.lines.at(-1)!, /Stopped by SIGINT/);
  // Cleaning up may take longer than the program waits for it.
  assert.doesNotMatch(stdout.slice(stdout.indexOf("Stopped by")), /[█░]/);
});

const PLAIN: [name: string, options: string[], TERM: string, log: RegExp][] = [
  ["that can do nothing (TERM=dumb)", [], "dumb", / is complete in /],
  ["without a name (TERM is empty)", [], "", / is complete in /],
  ["for machines (--log-format=json)", ["--log-format=json"], "xterm", /"outcome":"ok"/],
  ["of somebody who wants warnings only (--log-level=warn)", ["--log-level=warn"], "xterm", /^$/],
  ["of somebody who wants nothing (--quiet)", ["--quiet"], "xterm", /^$/],
];
for (const [name, options, TERM, log] of PLAIN) {
  Deno.test(`a terminal ${name} gets no bars`, async () => {
    const { code, stdout } = await onTerminal(options, {
      TERM,
      inTheMiddle: async (_, held) => {
        // Two frames would have been drawn by then.
        await new Promise((resolve) => setTimeout(resolve, 500));
        held.release();
      },
    });
    assert.equal(code, 0, stdout);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(stdout, /[█░\x1b]/);
    assert.match(stdout, log);
  });
}
