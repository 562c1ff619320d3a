import assert from "node:assert/strict";
import { asObject, parseForeign, parseObject } from "../lib/json.ts";

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
