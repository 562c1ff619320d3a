import assert from "node:assert/strict";
import { VARIABLES } from "../lib/environment.ts";

Deno.test("environment: the table names each variable once, with a text", () => {
  const names = VARIABLES.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)]);
  for (const { name, about } of VARIABLES) {
    assert.match(name, /^[A-Z][A-Z0-9_]*$/);
    assert.match(about, /\S.*[^.\s]$/s, `${name} must be described, without a period at the end`);
  }
});

Deno.test("environment: the table names what lib reads", async () => {
  const used = new Set<string>();
  for await (const text of sources(new URL("../lib/", import.meta.url))) {
    for (const [name] of text.matchAll(/\bKIT_[A-Z]+(?:_[A-Z]+)*\b/g)) used.add(name);
  }
  const known = VARIABLES.map(({ name }) => name).filter((name) => name.startsWith("KIT_"));
  assert.deepEqual([...used].sort(), known.sort());
});

async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else yield await Deno.readTextFile(new URL(name, folder));
  }
}
