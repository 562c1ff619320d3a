import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { RegistryClient } from "../../lib/registry/client.ts";
import { Mirror } from "../../lib/registry/mirror.ts";
import { recordLog } from "../support/recorded_log.ts";

const PASSING = new Failure("unavailable", "Cannot read it: 503");
const LACKING = new Failure("not found", "Cannot find it: no such tag");

function create() {
  const { log, lines } = recordLog({ level: "info" });
  const client = new RegistryClient({
    host: "mirror.test",
    plainHttp: false,
    fetch: () => Promise.reject(new Error("This test has no network")),
    credentialsFor: () => Promise.resolve(undefined),
  });
  return { mirror: new Mirror({ client, prefix: "", resolvesTags: true, log }), lines };
}

Deno.test("mirror: one that fails at once is out, and the log says so once", () => {
  const { mirror, lines } = create();
  mirror.failed(PASSING);
  mirror.failed(PASSING);
  mirror.distrust();
  assert.equal(mirror.isOut, true);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /WARN.*"mirror\.test" is not asked any more: Cannot read it: 503/i);
});

Deno.test("mirror: one that has served may fail twice in a row, and not a third time", () => {
  const { mirror } = create();
  mirror.succeeded();
  mirror.failed(PASSING);
  mirror.failed(PASSING);
  assert.equal(mirror.isOut, false);
  mirror.succeeded();
  mirror.failed(PASSING);
  mirror.failed(PASSING);
  assert.equal(mirror.isOut, false);
  mirror.failed(PASSING);
  assert.equal(mirror.isOut, true);
});

Deno.test("mirror: what one lacks is no fault, and is said once", () => {
  const { mirror, lines } = create();
  mirror.failed(LACKING);
  mirror.failed(LACKING);
  assert.equal(mirror.isOut, false);
  assert.equal(lines.length, 1);
  assert.match(lines[0], /"mirror\.test" does not have everything/);
});

for (const outcome of ["auth", "integrity", "timeout", "bug"] as const) {
  Deno.test(`mirror: ${outcome} ends it at once, whatever it has served`, () => {
    const { mirror } = create();
    mirror.succeeded();
    mirror.failed(new Failure(outcome, "Cannot"));
    assert.equal(mirror.isOut, true);
  });
}

Deno.test("mirror: bytes of another digest end it at once", () => {
  const { mirror, lines } = create();
  mirror.succeeded();
  mirror.distrust();
  assert.equal(mirror.isOut, true);
  assert.match(lines[0], /another digest/);
});
