// deno.json and this folder say the same things twice: this holds them together.
import assert from "node:assert/strict";
import { ROOT } from "../program.ts";

type Table = Record<string, unknown>;

Deno.test("import_map.json pins the same npm packages as deno.json", async () => {
  const { imports } = await read("deno.json");
  const map = (await read("tools/npm/import_map.json")).imports;
  assert.deepEqual(npmOnly(map), npmOnly(imports));
});

Deno.test("both lock files hold the same npm packages", async () => {
  const lock = await read("deno.lock");
  const npmLock = await read("tools/npm/deno.lock");
  assert.deepEqual(withoutMinimist(npmLock.npm), withoutMinimist(lock.npm));
});

Deno.test("deno.lock pins the JSR packages of deno.json", async () => {
  const { imports } = await read("deno.json");
  const { specifiers, jsr } = await read("deno.lock");
  for (const specifier of Object.values(imports).map(String)) {
    if (!specifier.startsWith("jsr:")) continue;
    assert.equal(specifiers[specifier], specifier.split("@").at(-1));
    assert.ok(specifier.slice("jsr:".length) in jsr, specifier);
  }
});

function npmOnly(imports: Table): Table {
  return withoutMinimist(
    Object.fromEntries(Object.entries(imports).filter(([, to]) => String(to).startsWith("npm:"))),
  );
}

/** Only the adapters need it. */
function withoutMinimist(table: Table): Table {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !/^minimist\b/.test(name)));
}

async function read(path: string): Promise<Record<string, Table>> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}/${path}`));
}
