import { runEngine } from "../../tools/image/engine.ts";

/** Bytes that a container needed at most. */
export interface Memory {
  /** As the kernel counts: with the page cache, which goes up to the limit where files are large. */
  peak: number;
  /** Without what the kernel can take back: processes, and files in memory. */
  unreclaimable: number;
}

const SAMPLE_EVERY_MS = 25;

/** Looks at a container's memory from its start on, until it is disposed of. The engine must be on this machine. */
export function watchMemory(container: string): Disposable & { peak: Memory } {
  const peak: Memory = { peak: 0, unreclaimable: 0 };
  let folder: Promise<string | undefined> | undefined;
  let isBusy = false;
  const sample = async () => {
    const found = await (folder ??= cgroupOf(container));
    if (found === undefined) folder = undefined;
    else {
      const now = await read(found);
      peak.peak = Math.max(peak.peak, now.peak);
      peak.unreclaimable = Math.max(peak.unreclaimable, now.unreclaimable);
    }
  };
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    // It is gone when the container is: what was seen before counts.
    sample().catch(() => {}).finally(() => isBusy = false);
  }, SAMPLE_EVERY_MS);
  return { peak, [Symbol.dispose]: () => clearInterval(timer) };
}

/** The folder of a running container's memory controller: https://man7.org/linux/man-pages/man7/cgroups.7.html */
async function cgroupOf(container: string): Promise<string | undefined> {
  const { stdout } = await runEngine(["inspect", "--format={{.State.Pid}}", container]);
  const pid = Number(stdout);
  if (!pid) return undefined;
  const lines = (await Deno.readTextFile(`/proc/${pid}/cgroup`)).trimEnd().split("\n");
  for (const line of lines) {
    const [, controllers, path] = line.split(":");
    if (controllers.split(",").includes("memory")) return `/sys/fs/cgroup/memory${path}`;
  }
  return `/sys/fs/cgroup${lines[0].split(":")[2]}`;
}

async function read(folder: string): Promise<Memory> {
  const number = async (name: string) => Number(await Deno.readTextFile(`${folder}/${name}`));
  const stat = Object.fromEntries(
    (await Deno.readTextFile(`${folder}/memory.stat`)).trimEnd().split("\n")
      .map((line) => line.split(" ")).map(([name, value]) => [name, Number(value)]),
  );
  // Version 1 of cgroups has other names for the same.
  const isOld = "total_rss" in stat;
  return isOld
    ? {
      peak: await number("memory.max_usage_in_bytes"),
      unreclaimable: stat.total_rss + (stat.total_shmem ?? 0),
    }
    : { peak: await number("memory.peak"), unreclaimable: stat.anon + stat.shmem };
}
