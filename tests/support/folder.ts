/** A folder for one test, removed with everything in it at its end. */
export class TestFolder implements AsyncDisposable {
  /** With links resolved. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TestFolder> {
    return new TestFolder(await Deno.realPath(await Deno.makeTempDir({ prefix: "test-" })));
  }

  /** The full path of something in it. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes files, and makes the folders above them; a path with a slash at its end is an empty folder. */
  async write(files: Record<string, string>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(this.at(path.slice(0, path.lastIndexOf("/") + 1)), { recursive: true });
      if (!path.endsWith("/")) await Deno.writeTextFile(this.at(path), text);
    }
  }

  async read(name: string): Promise<string> {
    return await Deno.readTextFile(this.at(name));
  }

  /**
   * All that is below `name`: the text of each file, `-> target` of each link, and folders, with a slash at the
   * end of their name.
   */
  async tree(name = "."): Promise<Record<string, string>> {
    const found: [string, string][] = [];
    const visit = async (prefix: string) => {
      for await (const entry of Deno.readDir(`${this.at(name)}/${prefix}`)) {
        const path = prefix + entry.name;
        const full = `${this.at(name)}/${path}`;
        if (entry.isSymlink) found.push([path, `-> ${await Deno.readLink(full)}`]);
        else if (entry.isFile) found.push([path, await Deno.readTextFile(full)]);
        else {
          found.push([`${path}/`, ""]);
          await visit(`${path}/`);
        }
      }
    };
    await visit("");
    return Object.fromEntries(found.sort(([a], [b]) => a < b ? -1 : 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
