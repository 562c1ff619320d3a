import assert from "node:assert/strict";
import { asObject, parseForeign, parseObject, problemOfSize } from "../lib/json.ts";

Deno.test("an object in JSON is parsed", () => {
  assert.deepEqual(parseObject(' {"a": [1, {"b": null}]} '), { a: [1, { b: null }] });
});

for (const text of ["", "{ cut", "[]", "null", '"text"', "7", '{"a": 1} {"b": 2}']) {
  Deno.test(`${text || "nothing"} is no object`, () => {
    assert.equal(parseObject(text), undefined);
  });
}

Deno.test("an object is one with names", () => {
  const object = { a: 1 };
  assert.equal(asObject(object), object);
  for (const other of [undefined, null, [], "a", 1]) assert.equal(asObject(other), undefined);
});

Deno.test("a stranger's text is parsed up to a number of objects and lists", () => {
  const lists = (count: number) => `[${"[],".repeat(count - 2)}[]]`;
  assert.equal((parseForeign(lists(100_000)) as unknown[]).length, 99_999);
  for (const text of [lists(100_001), "{".repeat(100_001), `[${'{"a":['.repeat(50_001)}`]) {
    assert.throws(() => parseForeign(text), /more than 100000 parts/);
  }
  assert.throws(() => parseForeign("{ cut"), SyntaxError);
});

Deno.test("a size is a whole number that is exact, and what else it is is said", () => {
  for (const size of [0, 1, 2 ** 53 - 1]) assert.equal(problemOfSize(size), undefined);
  for (const size of [-1, 1.5, 2 ** 53, NaN]) {
    assert.match(problemOfSize(size)!, new RegExp(`^has the size ${size}, `));
  }
  for (const size of [undefined, null, "5", {}]) assert.equal(problemOfSize(size), "has no size");
});
