import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";

/** The foreseen failure that `work` ends with; that it ends with none, or with another error, fails the test. */
export async function failureOf(work: () => unknown): Promise<Failure> {
  let thrown: unknown;
  try {
    await work();
  } catch (error) {
    thrown = error;
  }
  assert.ok(
    thrown instanceof Failure,
    `it must end with a Failure, not with ${Deno.inspect(thrown)}`,
  );
  return thrown;
}
