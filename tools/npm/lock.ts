// Brings deno.lock's npm part up to date from tools/npm/deno.lock, for machines that cannot reach JSR.
// Where JSR can be reached Deno does this by itself; tools/npm/README.md has the whole story.
import { ROOT } from "../program.ts";

interface Lock {
  version: string;
  specifiers: Record<string, string>;
  jsr?: Record<string, unknown>;
  npm: Record<string, unknown>;
  workspace?: unknown;
}

const jsrLock = await read("deno.lock");
const npmLock = await read("tools/npm/deno.lock");
const isJsr = ([name]: [string, unknown]) => name.startsWith("jsr:");
const isShared = ([name]: [string, unknown]) => !/^(npm:)?minimist@/.test(name);

const lock: Lock = {
  version: npmLock.version,
  specifiers: Object.fromEntries([
    ...Object.entries(jsrLock.specifiers).filter(isJsr),
    ...Object.entries(npmLock.specifiers).filter(isShared),
  ]),
  jsr: jsrLock.jsr,
  npm: Object.fromEntries(Object.entries(npmLock.npm).filter(isShared)),
  workspace: npmLock.workspace,
};
await Deno.writeTextFile(`${ROOT}/deno.lock`, JSON.stringify(lock, null, 2) + "\n");

async function read(path: string): Promise<Lock> {
  return JSON.parse(await Deno.readTextFile(`${ROOT}/${path}`));
}
