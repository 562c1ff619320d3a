import assert from "node:assert/strict";
import { Examiner } from "../../lib/doctor/examiner.ts";
import {
  type Check,
  type Context,
  type Finding,
  type Remark,
  Skip,
  Warning,
} from "../../lib/doctor/finding.ts";
import { HeardLog } from "../../lib/doctor/heard_log.ts";
import { Failure } from "../../lib/errors.ts";

const FAILURE = new Failure("auth", "Cannot sign in", { hint: "Set KIT_USER" });
const OTHER = new Failure("kit", "Cannot run kit");

function world(signal = new AbortController().signal) {
  const lines: string[] = [];
  const log = new HeardLog({
    format: "text",
    level: "debug",
    sink: { write: (line) => void lines.push(line), now: () => new Date(0) },
  });
  const findings: Finding[] = [];
  const context = { log, signal } as Context;
  const examiner = new Examiner(context, (finding) => findings.push(finding));
  const said = () => findings.map(({ check, status, message }) => [check, status, message]);
  return { examiner, findings, said, log };
}

function check(name: string, work: () => Remark | Remark[] | Promise<Remark>): Check<void> {
  return { name, run: async () => await work() };
}

const fails = (failure: Failure) => () => {
  throw failure;
};

Deno.test("doctor: each remark is a finding, in order", async () => {
  const { examiner, findings } = world();
  const isWell = await examiner.examine(
    [
      check("one", () => ["fine", new Warning("hm", "look")]),
      check("two", () => new Skip("nothing there")),
    ],
    undefined,
    { about: { host: "a.test" } },
  );
  assert.equal(isWell, true);
  const host = "a.test";
  assert.deepEqual(findings, [
    { check: "one", status: "ok", message: "fine", host },
    { check: "one", status: "warn", message: "hm", hint: "look", host },
    { check: "two", status: "skip", message: "nothing there", host },
  ]);
  assert.deepEqual(examiner.counts, { ok: 1, warn: 1, fail: 0, skip: 1 });
  assert.equal(examiner.failure, undefined);
});

Deno.test("doctor: after a failure the others of its row are not asked, and the first failure counts", async () => {
  const { examiner, said } = world();
  const row = [check("one", fails(FAILURE)), check("two", () => assert.fail("asked"))];
  assert.equal(await examiner.examine(row, undefined), false);
  await examiner.examine([check("three", fails(OTHER))], undefined);
  assert.deepEqual(said(), [
    ["one", "fail", "Cannot sign in"],
    ["two", "skip", '"one" comes first'],
    ["three", "fail", "Cannot run kit"],
  ]);
  assert.equal(examiner.failure, FAILURE);
});

Deno.test("doctor: checks that stand for themselves go on after a failure", async () => {
  const { examiner, said } = world();
  const row = [check("one", fails(FAILURE)), check("two", () => "fine")];
  assert.equal(await examiner.examine(row, undefined, { isLoose: true }), false);
  assert.deepEqual(said()[1], ["two", "ok", "fine"]);
});

Deno.test("doctor: what a run goes on without is a warning, and ends its row all the same", async () => {
  const { examiner, said } = world();
  const row = [check("one", fails(FAILURE)), check("two", () => "fine")];
  const options = {
    excuse: ({ outcome }: Failure) => outcome === "auth" ? "there is another" : undefined,
  };
  assert.equal(await examiner.examine(row, undefined, options), false);
  assert.deepEqual(said(), [
    ["one", "warn", "Cannot sign in: there is another"],
    ["two", "skip", '"one" comes first'],
  ]);
  assert.equal(examiner.failure, undefined);
  assert.equal(await examiner.examine([check("three", fails(OTHER))], undefined, options), false);
  assert.equal(examiner.failure, OTHER);
});

Deno.test("doctor: what a run would warn of is a finding of the check that made it", async () => {
  const { examiner, said, log } = world();
  const warns = () => {
    log.warn("GCP_GAR_LOCATION disagrees");
    return "fine";
  };
  await examiner.examine([check("one", warns), check("two", () => "fine")], undefined);
  assert.deepEqual(said(), [
    ["one", "ok", "fine"],
    ["one", "warn", "GCP_GAR_LOCATION disagrees"],
    ["two", "ok", "fine"],
  ]);
});

Deno.test("doctor: a check that does not end is a failure after its limit", async () => {
  const { examiner, findings } = world();
  const row = [check("one", () => new Promise<Remark>(() => {}))];
  await examiner.examine(row, undefined, { limit: 20 });
  assert.equal(findings[0].failure?.outcome, "timeout");
  assert.equal(findings[0].message, 'Cannot finish the check "one" within 0.02 s');
});

Deno.test("doctor: KIT_TIMEOUT is a finding of all that is not done yet", async () => {
  const end = new AbortController();
  const { examiner, findings } = world(end.signal);
  const late = new Failure("timeout", "Cannot finish within KIT_TIMEOUT");
  const hangs = () => {
    end.abort(late);
    return new Promise<Remark>(() => {});
  };
  await examiner.examine(
    [check("one", hangs), check("two", () => assert.fail("begun"))],
    undefined,
    {
      isLoose: true,
    },
  );
  assert.deepEqual(findings.map(({ failure }) => failure), [late, late]);
});

const THROWN: Record<string, Error> = {
  "a signal": new Failure("terminated", "Stopped by SIGTERM"),
  "a bug": new TypeError("undefined is not a function"),
};
for (const [name, error] of Object.entries(THROWN)) {
  Deno.test(`doctor: ${name} is no finding`, async () => {
    const { examiner, findings } = world();
    const row = [check("one", () => Promise.reject(error))];
    await assert.rejects(examiner.examine(row, undefined), error);
    assert.deepEqual(findings, []);
  });
}

Deno.test("doctor: what took too long is waited for at the end, until it has cleaned up", async () => {
  const { examiner } = world();
  const cleaning = Promise.withResolvers<void>();
  const row = [check("one", () => cleaning.promise.then(() => "late"))];
  await examiner.examine(row, undefined, { limit: 1 });
  let isSettled = false;
  const settled = examiner.settle().then(() => isSettled = true);
  await Promise.resolve();
  assert.equal(isSettled, false);
  cleaning.resolve();
  await settled;
});
