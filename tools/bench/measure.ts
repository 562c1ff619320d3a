/** What one run cost. */
export interface Measured {
  milliseconds: number;
  /** Peak resident memory, in bytes, of all processes that were alive at the same time. */
  peakBytes: number;
}

/** How often memory is looked at. The peak of a process itself comes from the kernel and is exact. */
const SAMPLE_MS = 5;

/** Runs commands one after the other; each must succeed. */
export async function measure(
  commands: { command: string; args: string[] }[],
  env: Record<string, string>,
): Promise<Measured> {
  let peakBytes = 0;
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
    const timer = setInterval(() => {
      peakBytes = Math.max(peakBytes, residentBytes(child.pid));
    }, SAMPLE_MS);
    const { success, stderr } = await child.output();
    clearInterval(timer);
    if (!success) {
      throw new Error(`Cannot measure ${command}: ${new TextDecoder().decode(stderr)}`);
    }
  }
  return { milliseconds: performance.now() - started, peakBytes };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Resident memory now, of a process and all below it. Linux only. */
function residentBytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    const own = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
    return children.trim().split(" ").filter(Boolean)
      .reduce((sum, child) => sum + residentBytes(Number(child)), own);
  } catch {
    return 0;
  }
}
