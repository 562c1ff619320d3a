import assert from "node:assert/strict";
import { ROOT } from "../../tools/program.ts";
import type { ProgramOptions } from "./program.ts";
import { type Moment, MOMENT_VARIABLE } from "./steps.ts";

/** A state that has not come after so many milliseconds never will. */
const PATIENCE_MS = 20_000;

/** Options for a start of the program that something happens to at an exact step. */
export function at(
  moment: Moment,
  env: Record<string, string> = {},
): Required<Pick<ProgramOptions, "preload" | "env">> {
  return { preload: STEPS, env: { ...env, [MOMENT_VARIABLE]: JSON.stringify(moment) } };
}

const STEPS = `${ROOT}/tests/support/steps.ts`;

/** Looks every other millisecond until `look` answers with something. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const started = performance.now();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() - started > PATIENCE_MS) throw new Error(`Cannot see ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until a process has been stopped by SIGSTOP. */
export async function stopped(process: { pid: number }): Promise<void> {
  await until("that it is stopped", async () => (await statOf(process.pid))?.state === "T");
}

/** Whether it is in the queue for a lock: https://man7.org/linux/man-pages/man5/proc_locks.5.html */
export async function waitsForLock({ pid }: { pid: number }): Promise<boolean> {
  const locks = await Deno.readTextFile("/proc/locks");
  return new RegExp(`-> FLOCK .* ${pid} `).test(locks);
}

/** Waits until something is there. */
export async function present(path: string): Promise<void> {
  await until(path, () => Deno.lstat(path).then(() => true, () => false));
}

/** The processes that a process has started and that are alive. */
export async function childrenOf(process: { pid: number }): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processes()) {
    const stat = await statOf(pid);
    if (stat?.parent === process.pid && stat.state !== "Z") found.push(pid);
  }
  return found;
}

/**
 * Kills what still works on a folder. In a container nothing outlives its first process; here kit does, when the
 * program is killed.
 */
export async function endOrphans(folder: string): Promise<void> {
  await until("the end of kit", async () => {
    const working: number[] = [];
    for (const pid of await processes()) {
      const words = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      if (/\0unpack\0/.test(words) && words.includes(`${folder}/`)) working.push(pid);
    }
    for (const pid of working) kill(pid, "SIGKILL");
    return working.length === 0;
  });
}

/** Sends a signal to a process that may have ended. */
export function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Sends a signal that the contract gives 2 s to, and sees to it that the program keeps to that. */
export async function endBy(signal: Deno.Signal, process: Deno.ChildProcess): Promise<void> {
  const sent = performance.now();
  process.kill(signal);
  process.kill("SIGCONT");
  await process.status;
  const elapsed = performance.now() - sent;
  assert.ok(elapsed < 2000, `${signal} took ${Math.round(elapsed)} ms`);
}

/** Numbers from 0 up to 1 that are the same for the same seed: https://en.wikipedia.org/wiki/Linear_congruential_generator */
export function randomNumbers(seed: number): () => number {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 32n) / 2 ** 32;
  };
}

async function processes(): Promise<number[]> {
  const names = await Array.fromAsync(Deno.readDir("/proc"), ({ name }) => name);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

async function statOf(pid: number): Promise<{ state: string; parent: number } | undefined> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "");
  // The name before it may hold anything.
  const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return text === "" ? undefined : { state, parent: Number(parent) };
}
