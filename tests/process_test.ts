import assert from "node:assert/strict";
import { Failure } from "../lib/errors.ts";
import { type ProcessOptions, runProcess } from "../lib/process.ts";
import { failureOf } from "./support/failure.ts";
import { TestFolder } from "./support/folder.ts";

const PATH = Deno.env.get("PATH") ?? "";

/** Runs a script of sh, and answers with its lines too. */
async function run(script: string, options: Partial<ProcessOptions> = {}) {
  const [output, errors]: [string[], string[]] = [[], []];
  const ended = await runProcess({
    bin: "/bin/sh",
    args: ["-c", script],
    environment: { PATH },
    onLine: (line) => void output.push(line),
    onError: (line) => void errors.push(line),
    stallTimeout: 60_000,
    signal: new AbortController().signal,
    ...options,
  });
  return { ...ended, output, errors };
}

Deno.test("process: both outputs are read line by line, and the status is known", async () => {
  const { output, errors, status, stalled } = await run("echo a; echo b >&2; printf c; exit 3");
  assert.deepEqual([output, errors, status.code, stalled], [["a", "c"], ["b"], 3, false]);
});

Deno.test("process: nothing of our environment is inherited", async () => {
  const { output } = await run("env", { environment: { PATH, ONLY: "this" } });
  const names = output.map((line) => line.split("=")[0]);
  assert.deepEqual(names.filter((name) => !["PATH", "PWD", "SHLVL", "_"].includes(name)), ["ONLY"]);
});

Deno.test("process: what is for standard input arrives, and then its end", async () => {
  const { output } = await run("cat; echo end", { input: "one\ntwo\n" });
  assert.deepEqual(output, ["one", "two", "end"]);
});

Deno.test("process: one that does not read its input is no mistake", async () => {
  const { status } = await run("exit 4", { input: "x".repeat(1_000_000) });
  assert.equal(status.code, 4);
});

Deno.test("process: a line of 50 MB is cut", async () => {
  const { output } = await run("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end");
  assert.deepEqual(output.map((line) => line.length), [16 * 1024, 3]);
});

Deno.test("process: a line may be as long as is asked for", async () => {
  const { output } = await run("head -c 1000000 /dev/zero | tr '\\0' x", { maxLine: 900_000 });
  assert.deepEqual(output.map((line) => line.length), [900_000]);
});

for (
  const [name, bin] of [["is not there", "/nosuch/kit"], ["is not executable", "/etc/passwd"], [
    "is a folder",
    "/tmp",
  ]]
) {
  Deno.test(`process: one that ${name} is a failure of kit that says so`, async () => {
    const failure = await failureOf(() => run("", { bin }));
    assert.deepEqual([failure.outcome, failure.message], [
      "kit",
      `Cannot run "${bin}": it is not there or not executable`,
    ]);
    assert.match(failure.hint ?? "", /KIT_BIN/);
  });
}

Deno.test("process: one that the system cannot start for another reason says which", async () => {
  await using folder = await TestFolder.create();
  await Deno.symlink("kit", folder.at("kit"));
  const failure = await failureOf(() => run("", { bin: folder.at("kit") }));
  assert.match(
    failure.message,
    /Cannot run ".*\/kit": .*Failed to spawn .*Too many levels of symbolic links/,
  );
});

Deno.test("process: one that says nothing and makes no progress is ended", async () => {
  const { stalled, status } = await run("exec sleep 600", { stallTimeout: 100, progress: () => 7 });
  assert.deepEqual([stalled, status.signal], [true, "SIGTERM"]);
});

/** A script that runs until the file is there. */
function until(file: string, work = ":"): string {
  return `until [ -e '${file}' ]; do ${work}; sleep 0.02; done`;
}

Deno.test("process: one that is silent but makes progress is left alone", async () => {
  await using folder = await TestFolder.create();
  let looks = 0;
  const { stalled, status } = await run(until(folder.at("go")), {
    stallTimeout: 200,
    progress: () => {
      // Four looks are one limit.
      if (++looks === 10) Deno.writeTextFileSync(folder.at("go"), "");
      return looks;
    },
  });
  assert.deepEqual([stalled, status.code], [false, 0]);
});

Deno.test("process: one that says something from time to time is left alone", async () => {
  await using folder = await TestFolder.create();
  let looks = 0;
  const { stalled, status } = await run(until(folder.at("go"), "echo still here >&2"), {
    stallTimeout: 1000,
    progress: () => {
      if (++looks === 6) Deno.writeTextFileSync(folder.at("go"), "");
      return 0;
    },
  });
  assert.deepEqual([stalled, status.code], [false, 0]);
});

/** Aborts as soon as the script says that it is ready; answers with the reason and the milliseconds until the end. */
async function abortWhenReady(script: string): Promise<number> {
  const stop = new AbortController();
  const reason = new Failure("terminated", "Stopped by SIGTERM");
  let aborted = 0;
  const running = run(script, {
    signal: stop.signal,
    onLine: () => {
      aborted = performance.now();
      stop.abort(reason);
    },
  });
  await assert.rejects(running, reason);
  return performance.now() - aborted;
}

Deno.test("process: an abort sends SIGTERM, and waits for the end", async () => {
  await using folder = await TestFolder.create();
  const done = folder.at("done");
  await abortWhenReady(
    `trap 'echo cleaned >'${done}'; exit 0' TERM; echo ready; ${until(folder.at("never"))}`,
  );
  assert.equal(await folder.read("done"), "cleaned\n");
});

Deno.test("process: one that does not listen is killed, all in less than 2 s", async () => {
  await using folder = await TestFolder.create();
  const elapsed = await abortWhenReady(`trap '' TERM; echo ready; ${until(folder.at("never"))}`);
  assert.ok(elapsed >= 900 && elapsed < 1800, `it took ${elapsed} ms`);
});

Deno.test("process: one whose own process keeps the output open is not waited for", async () => {
  await using folder = await TestFolder.create();
  const elapsed = await abortWhenReady(`(${until(folder.at("go"))}) & echo ready; wait`);
  await folder.write({ "go": "" });
  assert.ok(elapsed < 1800, `it took ${elapsed} ms`);
});

Deno.test("process: after an abort nothing is started", async () => {
  await using folder = await TestFolder.create();
  const reason = new Failure("interrupt", "Stopped");
  await assert.rejects(
    run(`touch '${folder.at("started")}'`, { signal: AbortSignal.abort(reason) }),
    reason,
  );
  assert.deepEqual(await folder.tree(), {});
});
