// Preloaded: on the disk, but not in memory, only files can be locked, as where a volume is NFS.
const { lock } = Deno.FsFile.prototype;
const memory = Deno.statSync("/dev/shm").dev;

Deno.FsFile.prototype.lock = async function (exclusive) {
  const { isDirectory, dev } = await this.stat();
  if (isDirectory && dev !== memory) {
    throw Object.assign(new Error("Bad file descriptor (os error 9)"), { code: "EBADF" });
  }
  return await lock.call(this, exclusive);
};
