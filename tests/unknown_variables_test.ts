import assert from "node:assert/strict";
import { VARIABLES } from "../lib/environment.ts";
import { unknownVariables } from "../lib/unknown_variables.ts";

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
  Deno.test(`unknown variables: for ${name} ${nearest} is proposed`, () => {
    assert.deepEqual(unknownVariables({ [name]: "x" }), [{ name, nearest }]);
  });
}

Deno.test("unknown variables: unknown names come in the order of the alphabet", () => {
  const found = unknownVariables({ KIT_Z: "", KIT_USER: "", KIT_A: "" });
  assert.deepEqual(found.map(({ name }) => name), ["KIT_A", "KIT_Z"]);
});

for (const { name } of VARIABLES) {
  Deno.test(`unknown variables: ${name} is known`, () => {
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
  Deno.test(`unknown variables: ${name} is nothing to warn about`, () => {
    assert.deepEqual(unknownVariables({ [name]: "x" }), []);
  });
}
