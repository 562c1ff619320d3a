import { folderBytes } from "../../lib/progress.ts";

/** What one run cost, of all its processes together. NaN is what was not measured: see `MeasureOptions.watch`. */
export interface Measured {
  seconds: number;
  cpuSeconds: number;
  /** Peak resident memory, in bytes, of what was alive at the same time. */
  peakBytes: number;
  /** Most bytes in files below the run's folder. */
  diskBytes: number;
  /** From the start until a whole layer had been compared with its digest. */
  verifiedSeconds: number;
}

/** Nothing is known yet of a run. */
const UNKNOWN: Measured = {
  seconds: NaN,
  cpuSeconds: NaN,
  peakBytes: NaN,
  diskBytes: NaN,
  verifiedSeconds: NaN,
};

export interface Command {
  command: string;
  args: string[];
}

const LOOK_EVERY_MS = 5;
const DISK_EVERY_MS = 100;
/** The kernel's unit of CPU time in /proc, on every Linux that Deno runs on. */
const TICKS_A_SECOND = 100;

/** Says whether by now a whole layer has been compared with its digest: by what is on disk, or by standard error. */
export type IsVerified = (folder: string, stderr: string) => boolean;

export interface MeasureOptions {
  env: Record<string, string>;
  /** Where the commands write. */
  folder: string;
  /**
   * What to look at in place of the time: on two busy processors looking at memory costs up to a quarter of the time, and
   * most where there are most processes to look at.
   */
  watch?: "memory and disk" | IsVerified;
}

/** Runs commands one after the other, each must succeed. Linux only. */
export async function measure(
  commands: Command[],
  { env, folder, watch }: MeasureOptions,
): Promise<Measured> {
  const seen = { ...UNKNOWN };
  const isWatched = watch === "memory and disk";
  if (isWatched) seen.peakBytes = seen.diskBytes = 0;
  const cpuBefore = childrenCpuSeconds();
  const started = performance.now();
  for (const { command, args } of commands) {
    const child = new Deno.Command(command, {
      args,
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const timers = [];
    let said = "";
    if (isWatched) {
      timers.push(
        setInterval(() => {
          seen.peakBytes = Math.max(seen.peakBytes, residentBytes(child.pid));
        }, LOOK_EVERY_MS),
        setInterval(async () => {
          seen.diskBytes = Math.max(seen.diskBytes, await folderBytes(folder));
        }, DISK_EVERY_MS),
      );
    } else if (watch !== undefined) {
      timers.push(setInterval(() => {
        if (!isNaN(seen.verifiedSeconds) || !watch(folder, said)) return;
        seen.verifiedSeconds = (performance.now() - started) / 1000;
      }, LOOK_EVERY_MS));
    }
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
    const { success } = await child.status;
    for (const timer of timers) clearInterval(timer);
    if (!success) throw new Error(`Cannot measure ${command}: ${said}`);
  }
  if (isWatched) seen.diskBytes = Math.max(seen.diskBytes, await folderBytes(folder));
  if (watch !== undefined) return seen;
  const seconds = (performance.now() - started) / 1000;
  return { ...seen, seconds, cpuSeconds: childrenCpuSeconds() - cpuBefore };
}

/** Of the values that were measured: NaN counts for nothing. */
export function median(values: number[]): number {
  const sorted = values.filter((value) => !isNaN(value)).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** CPU time of all children that have ended, with theirs: proc(5), cutime and cstime. */
function childrenCpuSeconds(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND;
}

function exeOf(pid: number | string): string {
  return Deno.readLinkSync(`/proc/${pid}/exe`);
}

/** Resident memory now, of a process and all below it. */
function residentBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    let bytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const children = Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`);
      for (const child of children.split(" ").filter(Boolean)) {
        // One that has not begun its own program yet shows the memory of its parent.
        if (exeOf(child) !== exeOf(pid)) bytes += residentBytes(Number(child));
      }
    }
    return bytes;
  } catch {
    return 0;
  }
}
