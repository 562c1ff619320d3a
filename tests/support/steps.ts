// Loaded before main.ts (deno run --preload) by tests that need to be at an exact place of the program, which itself
// knows nothing of it: every step that changes the file system or starts a process is counted, and the one that the
// test names gets its signal or its error there.

/** Where the program is to be met, and what happens to it there. */
export interface Moment {
  when: "before" | "after";
  /**
   * Source of a regular expression that the step's name matches: the call and its paths, where the staging folder is
   * STAGING, as in `rename /mnt/models/STAGING/tree/data -> /mnt/models/data`.
   */
  step: string;
  /** Which of the steps that match, from 1. Default 1. */
  nth?: number;
  /** `SIGSTOP`: it waits there for SIGCONT. `hang`: this step never ends, the program goes on beside it. */
  act: "SIGKILL" | "SIGSTOP" | "hang";
  /** After SIGSTOP it goes on only when it has heard this signal too. A start of kit cannot wait for that. */
  then?: Deno.Signal;
}

/** The variable that a `Moment` is in, as JSON. */
export const MOMENT_VARIABLE = "STEPS_MOMENT";

const text = Deno.env.get(MOMENT_VARIABLE);
if (text !== undefined) meet(JSON.parse(text));

function meet(moment: Moment): void {
  const pattern = new RegExp(moment.step);
  let seen = 0;

  async function step<T>(name: string, words: unknown[], run: () => T): Promise<Awaited<T>> {
    const isHere = reach(name, words);
    if (isHere && moment.when === "before") await act();
    const result = await run();
    if (isHere && moment.when === "after") await act();
    return result;
  }

  function reach(name: string, words: unknown[]): boolean {
    const text = [name, ...words.map(nameOf)].join(" ");
    return pattern.test(text) && ++seen === (moment?.nth ?? 1);
  }

  function act(): Promise<void> | undefined {
    const { act, then } = moment;
    if (act === "hang") return new Promise(() => {});
    const heard = then && new Promise<void>((resolve) => Deno.addSignalListener(then, resolve));
    Deno.kill(Deno.pid, act);
    return heard;
  }

  const { mkdir, makeTempDir, rename, remove, writeTextFile, open, Command, FsFile } = Deno;
  const paths = new WeakMap<Deno.FsFile, string>();
  const { sync, lock } = FsFile.prototype;
  Object.assign(Deno, {
    mkdir: (...args: Parameters<typeof mkdir>) => step("mkdir", [args[0]], () => mkdir(...args)),
    makeTempDir: (...args: Parameters<typeof makeTempDir>) =>
      step("makeTempDir", [args[0]?.dir], () => makeTempDir(...args)),
    rename: (...args: Parameters<typeof rename>) =>
      step("rename", [args[0], "->", args[1]], () => rename(...args)),
    remove: (...args: Parameters<typeof remove>) =>
      step("remove", [args[0]], () => remove(...args)),
    writeTextFile: (...args: Parameters<typeof writeTextFile>) =>
      step("write", [args[0]], () => writeTextFile(...args)),
    open: async (...args: Parameters<typeof open>) => {
      const file = await open(...args);
      paths.set(file, String(args[0]));
      return file;
    },
    Command: class extends Command {
      readonly #words: string[];
      constructor(bin: string | URL, options?: Deno.CommandOptions) {
        super(bin, options);
        this.#words = options?.args ?? [];
      }
      override spawn(): Deno.ChildProcess {
        const isHere = reach("start kit", this.#words);
        if (isHere && moment.when === "before") act();
        const child = super.spawn();
        if (isHere && moment.when === "after") act();
        return child;
      }
    },
  });
  FsFile.prototype.sync = function () {
    return step("sync", [paths.get(this)], () => sync.call(this));
  };
  FsFile.prototype.lock = function (exclusive) {
    return step("lock", [paths.get(this)], () => lock.call(this, exclusive));
  };
}

function nameOf(word: unknown): string {
  return String(word).replace(/\/\.kit-storage\.tmp-[^/]*/, "/STAGING");
}
