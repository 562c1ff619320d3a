/** A small file system in memory, mounted until it is disposed of. Needs root, or the capability to mount. */
export class Tmpfs implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param options as `mount -o` takes them: `size=4m` */
  static async mount(path: string, options: string): Promise<Tmpfs> {
    await Deno.mkdir(path, { recursive: true });
    await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", path);
    return new Tmpfs(path);
  }

  async remount(options: string): Promise<void> {
    await run("mount", "-o", `remount,${options}`, this.path);
  }

  /** Fills it to the last byte with a file. */
  async fill(name: string): Promise<void> {
    using file = await Deno.open(`${this.path}/${name}`, { create: true, append: true });
    // The last page may be there for a file, and not for another entry of a folder.
    for (const size of [64 * 1024, 4096, 1]) {
      try {
        for (;;) await file.write(new Uint8Array(size));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", this.path);
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  const reason = new TextDecoder().decode(stderr).trim();
  if (!success) throw new Error(`Cannot ${command} a tmpfs, which takes root: ${reason}`);
}
