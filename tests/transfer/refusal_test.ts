import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import type { Reference } from "../../lib/reference.ts";
import { explainingRefusal } from "../../lib/transfer/refusal.ts";
import { testContext } from "../auth/context.ts";
import { failureOf } from "../support/failure.ts";

const REFERENCE: Reference = { host: "ghcr.io", repository: "org/model", tag: "v1" };
const SIGNED_IN = {
  environment: { KIT_USER: "alice", KIT_PASSWORD: "hunter2-refusal" },
  registry: "ghcr.io",
};
const refused = new Failure("auth", "Cannot read it: 401", { host: "ghcr.io" });

const explain = (error: unknown, world = {}) =>
  explainingRefusal(() => Promise.reject(error), REFERENCE, testContext(world));

Deno.test("refusal: what succeeds is handed on", async () => {
  const work = () => Promise.resolve(42);
  assert.equal(await explainingRefusal(work, REFERENCE, testContext()), 42);
});

Deno.test("refusal: without credentials it says that no source has any", async () => {
  const failure = await failureOf(() => explain(refused));
  assert.equal(failure.outcome, "auth");
  assert.match(failure.message, /"ghcr\.io\/org\/model".*no source has any for "ghcr\.io"/);
  assert.match(failure.hint ?? "", /KIT_USER and KIT_PASSWORD/);
  assert.deepEqual([failure.host, failure.cause], ["ghcr.io", refused]);
});

Deno.test("refusal: with credentials it says where they came from, and not what they are", async () => {
  const failure = await failureOf(() => explain(refused, SIGNED_IN));
  assert.equal(
    failure.message,
    "Cannot read it: 401, signed in with KIT_USER and KIT_PASSWORD",
  );
  assert.match(failure.hint ?? "", /^Check KIT_USER and KIT_PASSWORD: .*"ghcr\.io".*"org\/model"/);
  assert.ok(!`${failure.message}${failure.hint}`.includes("hunter2"));
  assert.deepEqual([failure.outcome, failure.host, failure.cause], ["auth", "ghcr.io", refused]);
});

Deno.test("refusal: a message that names the source already stays as it is", async () => {
  const message = "Cannot sign in with KIT_USER and KIT_PASSWORD";
  const error = new Failure("auth", message, { host: "ghcr.io" });
  assert.equal((await failureOf(() => explain(error, SIGNED_IN))).message, message);
});

const OTHERS: [name: string, error: unknown, world?: object][] = [
  ["another outcome", new Failure("not found", "Cannot find it", { host: "ghcr.io" })],
  ["one of no host, as a source's own is", new Failure("auth", "Cannot use the identity")],
  ["no failure at all", new TypeError("a mistake")],
  [
    "one for which the source itself fails",
    refused,
    { environment: { KIT_DOCKER_CONFIG_JSON: "no JSON" } },
  ],
];

for (const [name, error, world] of OTHERS) {
  Deno.test(`refusal: ${name} is thrown as it is`, async () => {
    await assert.rejects(explain(error, world), (thrown) => thrown === error);
  });
}
