import assert from "node:assert/strict";
import { asObject, parseObject } from "../lib/json.ts";

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
