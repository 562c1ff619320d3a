import assert from "node:assert/strict";
import { unknownVariables, VARIABLES } from "../lib/environment.ts";

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

const TYPING_ERRORS: [name: string, nearest: string][] = [
  ["KIT_PASSWORT", "KIT_PASSWORD"],
  ["KIT_UNPACK_FLAG", "KIT_UNPACK_FLAGS"],
  ["KIT_USERNAME", "KIT_USER"],
  ["KIT_LOGLEVEL", "KIT_LOG_LEVEL"],
  ["KIT_STALL_TIME_OUT", "KIT_STALL_TIMEOUT"],
  ["KIT_RETRIE", "KIT_RETRIES"],
  ["KIT_", "KIT_BIN"],
];
for (const [name, nearest] of TYPING_ERRORS) {
  Deno.test(`environment: for ${name} ${nearest} is proposed`, () => {
    assert.deepEqual(unknownVariables({ [name]: "x" }), [{ name, nearest }]);
  });
}

Deno.test("environment: unknown names come in the order of the alphabet", () => {
  const found = unknownVariables({ KIT_Z: "", KIT_USER: "", KIT_A: "" });
  assert.deepEqual(found.map(({ name }) => name), ["KIT_A", "KIT_Z"]);
});

for (const { name } of VARIABLES) {
  Deno.test(`environment: ${name} is known`, () => {
    assert.deepEqual(unknownVariables({ [name]: "x" }), []);
  });
}

const NOT_OURS = [
  "HOME",
  "KITE_FLAGS",
  "KITOPS_HOME",
  "MY_KIT_USER",
  "KIT_REGISTRY_SERVICE_HOST",
  "KIT_REGISTRY_SERVICE_PORT",
  "KIT_REGISTRY_SERVICE_PORT_HTTPS",
  "KIT_REGISTRY_PORT",
  "KIT_REGISTRY_PORT_5000_TCP",
  "KIT_REGISTRY_PORT_5000_TCP_ADDR",
  "KIT_REGISTRY_PORT_5000_TCP_PORT",
  "KIT_REGISTRY_PORT_5000_TCP_PROTO",
];
for (const name of NOT_OURS) {
  Deno.test(`environment: ${name} is nothing to warn about`, () => {
    assert.deepEqual(unknownVariables({ [name]: "x" }), []);
  });
}
