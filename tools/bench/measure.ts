import { folderBytes } from "../../lib/progress.ts";

/** What one run cost, of all its processes together. NaN is what was not measured: see `MeasureOptions.watch`. */
export interface Measured {
  seconds: number;
  cpuSeconds: number;
  /** Peak resident memory, in bytes, of what was alive at the same time. */
  peakBytes: number;
  /** Most bytes in files below the run's folder. */
  diskBytes: number;
}

export interface Command {
  command: string;
  args: string[];
}

const MEMORY_EVERY_MS = 5;
const DISK_EVERY_MS = 100;
/** The kernel's unit of CPU time in /proc, on every Linux that Deno runs on. */
const TICKS_A_SECOND = 100;

export interface MeasureOptions {
  env: Record<string, string>;
  /** Where the commands write. */
  folder: string;
  /**
   * Whether to look at memory and disk, in place of the time: on two busy processors looking costs up to a quarter of
   * the time, and most where there are most processes to look at.
   */
  watch?: boolean;
}

/** Runs commands one after the other, each must succeed. Linux only. */
export async function measure(
  commands: Command[],
  { env, folder, watch = false }: MeasureOptions,
): Promise<Measured> {
  let [peakBytes, diskBytes] = [0, 0];
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
    const memory = watch && setInterval(
      () => peakBytes = Math.max(peakBytes, residentBytes(child.pid)),
      MEMORY_EVERY_MS,
    );
    const disk = watch && setInterval(
      async () => diskBytes = Math.max(diskBytes, await folderBytes(folder)),
      DISK_EVERY_MS,
    );
    const { success, stderr } = await child.output();
    if (memory) clearInterval(memory);
    if (disk) clearInterval(disk);
    if (!success) throw new Error(`Cannot measure ${command}: ${new TextDecoder().decode(stderr)}`);
  }
  const seconds = (performance.now() - started) / 1000;
  const cpuSeconds = childrenCpuSeconds() - cpuBefore;
  if (!watch) return { seconds, cpuSeconds, peakBytes: NaN, diskBytes: NaN };
  diskBytes = Math.max(diskBytes, await folderBytes(folder));
  return { seconds: NaN, cpuSeconds: NaN, peakBytes, diskBytes };
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
