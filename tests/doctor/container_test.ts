import assert from "node:assert/strict";
import { checkMemory } from "../../lib/doctor/container.ts";
import { Warning } from "../../lib/doctor/finding.ts";

const V2 = "/sys/fs/cgroup/memory.max";
const V1 = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
const CPU = "/sys/fs/cgroup/cpu.max";
const MIB = 1024 * 1024;

const ROWS: [name: string, files: Record<string, string>, says: string, isWarning?: boolean][] = [
  ["no control groups", {}, "no limit"],
  ["no limit", { [V2]: "max\n", [CPU]: "max 100000\n" }, "no limit"],
  ["no limit, in version 1", { [V1]: "9223372036854771712\n" }, "no limit"],
  ["enough", { [V2]: `${112 * MIB}\n`, [CPU]: "50000 100000\n" }, "limit 117 MB, 0.5 CPU"],
  ["enough, in version 1", { [V1]: `${1024 * MIB}\n` }, "limit 1.1 GB"],
  ["too little", { [V2]: `${112 * MIB - 1}` }, "The memory limit is 117 MB", true],
  ["too little, in version 1", { [V1]: `${64 * MIB}` }, "The memory limit is 67.1 MB", true],
];
for (const [name, files, says, isWarning = false] of ROWS) {
  Deno.test(`doctor: memory with ${name}`, async () => {
    const read = (path: string) =>
      path in files ? Promise.resolve(files[path]) : Promise.reject(new Deno.errors.NotFound());
    const remark = await checkMemory(undefined, undefined, read);
    assert.equal(remark instanceof Warning, isWarning);
    const text = remark instanceof Warning ? remark.message : remark as string;
    assert.equal(isWarning ? text.slice(0, says.length) : text, says);
    if (remark instanceof Warning) assert.match(remark.hint!, /resources\.limits\.memory/);
  });
}
