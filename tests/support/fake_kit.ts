import type { TestFolder } from "./folder.ts";

/** How the fake kit was called once. */
export interface KitCall {
  args: string[];
  environment: Record<string, string>;
  stdin: string;
}

/** A script in the place of kit: it records each call, then does what the test says. */
export class FakeKit {
  readonly bin: string;
  readonly #calls: string;

  private constructor(bin: string, calls: string) {
    this.bin = bin;
    this.#calls = calls;
  }

  /** `body` is shell code that runs after the call was recorded. */
  static async create(folder: TestFolder, body = ""): Promise<FakeKit> {
    const [bin, calls] = [folder.at("fake-kit"), folder.at("calls")];
    await folder.write({ "calls/": "" });
    await Deno.writeTextFile(
      bin,
      `#!/bin/sh
set -eu
call='${calls}'/$(ls '${calls}' | wc -l)
mkdir "$call"
for word in "$@"; do printf '%s\\0' "$word"; done >"$call/args"
env -0 >"$call/environment"
cat >"$call/stdin"
${body}
`,
      { mode: 0o755 },
    );
    return new FakeKit(bin, calls);
  }

  async calls(): Promise<KitCall[]> {
    const names = await Array.fromAsync(Deno.readDir(this.#calls), ({ name }) => name);
    return await Promise.all(
      names.sort().map(async (name) => {
        const read = (file: string) => Deno.readTextFile(`${this.#calls}/${name}/${file}`);
        const variables = words(await read("environment")).map((line) => {
          const equals = line.indexOf("=");
          return [line.slice(0, equals), line.slice(equals + 1)];
        });
        return {
          args: words(await read("args")),
          // The shell itself adds the others.
          environment: Object.fromEntries(
            variables.filter(([name]) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)),
          ),
          stdin: await read("stdin"),
        };
      }),
    );
  }
}

function words(text: string): string[] {
  return text.split("\0").slice(0, -1);
}
