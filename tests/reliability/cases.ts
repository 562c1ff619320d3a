// What the reliability cases have in common: what a case says, the world that it happens in, and what is looked at
// after each of them, whatever it is about.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { MAX_MESSAGE_BYTES } from "../../lib/termination.ts";
import type { Ended, ProgramOptions } from "../support/program.ts";
import { type Files, TestWorld, type WorldOptions, writeFiles } from "../support/world.ts";

/** What users may rely on, in the order of docs/reliability.md. */
export const PROMISES = {
  restart: "Whatever ended a run, the next start completes it",
  nothingWrong: "Nothing unverified and nothing half-done is ever visible",
  untouched: "What is there already stays as it is until something better is complete",
  passing: "What is wrong for a while is waited for, and a download goes on where it broke",
  lasting: "What stays wrong ends the run in time, with its exit code and one readable line",
  hostile: "A registry can neither reach out of the destination nor use up the pod",
  signals: "A signal ends everything within 2 s and leaves nothing behind",
  together: "Containers and pairs that share a volume do not disturb each other",
  anywhere: "It runs in what a pod gives it",
  limits: "Large, small and strange ModelKits are unpacked whole",
} as const;

/** What is in the destinations after the last start. */
export type Left =
  | "the ModelKit"
  | "nothing"
  | "what was there"
  | "the ModelKit, and what was there";

/** One row of the table. */
export interface Case {
  /** What is done, in plain words. No other case has this name. */
  name: string;
  promise: keyof typeof PROMISES;
  /** The exit code of each start, in order; a list where each of several is right. */
  exits: (number | number[])[];
  left: Left;
  /** Seconds that no start may take longer than. Default: 15. */
  within?: number;
  /** Nobody can read the log: only the termination message says how it ended. */
  unread?: true;
  /** What the case's registry is started with. */
  registry?: WorldOptions;
  /** Does it: pushes, disturbs, starts. What comes after is looked at without its help. */
  run(world: CaseWorld): Promise<void>;
}

/** A pushed ModelKit: its URI, and the files that must be in a destination that is filled from it. */
export interface Pushed {
  uri: string;
  digest: string;
  tree: Files;
}

export interface StartOptions extends Omit<ProgramOptions, "args"> {
  /** Default: what was pushed last, to `destination`. */
  pairs?: [Pushed, string][];
}

interface Start {
  ended?: Ended;
  pairs: [Pushed, string][];
}

/** The world of one case: a registry of its own, a folder for destinations, and a canary beside them. */
export class CaseWorld implements AsyncDisposable {
  /** The case's name: it is in the payload, so that no other case's leftovers can make it pass. */
  readonly name: string;
  /** The name as repositories and folders have it. */
  readonly slug: string;
  readonly test: TestWorld;
  /** Holds the destinations and nothing else that may change. */
  readonly volumes: string;
  readonly destination: string;
  readonly starts: Start[] = [];
  /** Ends what the case uses. */
  readonly #stack = new AsyncDisposableStack();
  readonly #secrets: string[] = [];
  readonly #within: number;
  #last: Pushed | undefined;
  readonly #there = new Map<string, Tree>();

  private constructor({ name, within = STANDARD_WITHIN }: Case, test: TestWorld) {
    this.name = name;
    this.#within = within;
    this.slug = slugOf(name);
    this.test = this.#stack.use(test);
    this.volumes = `${test.folder}/volumes`;
    this.destination = `${this.volumes}/${this.slug}`;
    if (test.login !== undefined) this.secret(test.login.password);
  }

  static async create(one: Case): Promise<CaseWorld> {
    const world = new CaseWorld(one, await TestWorld.create(one.registry));
    await writeFiles(world.volumes, { "canary/alive.txt": CANARY });
    return world;
  }

  get host(): string {
    return this.test.host;
  }

  /** Ends it with the case. */
  use<T extends AsyncDisposable | Disposable>(thing: T): T {
    return this.#stack.use(thing);
  }

  /** A text that no output may contain. */
  secret(text: string): string {
    this.#secrets.push(text);
    return text;
  }

  /** A model that begins with the case's name. */
  model(bytes: number): Uint8Array<ArrayBuffer> {
    const model = new Uint8Array(bytes);
    // Different at every place where a mistake could put it.
    for (let index = 0, state = 1; index < bytes; index += 8) {
      model[index] = state = Math.imul(state, 48271) ^ index;
    }
    model.set(new TextEncoder().encode(this.name).subarray(0, bytes));
    return model;
  }

  /**
   * Pushes a ModelKit; without `files` a small one with a dataset.
   *
   * @param options `tag`, and those of {@linkcode TestWorld.push}
   */
  async push(
    files: Files = { "model.bin": `payload of ${this.name}`, "data/x.csv": this.name },
    options: { tag?: string } & Parameters<TestWorld["push"]>[2] = {},
  ): Promise<Pushed> {
    const { tag = "v1", ...pack } = options;
    const { uri, digest } = await this.test.push(`reliability/${this.slug}:${tag}`, files, pack);
    return this.#last = { uri, digest, tree: { "Kitfile": ANY, ...files } };
  }

  /** The same ModelKit at another host: a server of the case's in front of the registry. */
  via(pushed: Pushed, host: string): Pushed {
    return { ...pushed, uri: pushed.uri.replace(this.host, host) };
  }

  /** Starts the program and waits for its end. */
  async start({ pairs, ...options }: StartOptions = {}): Promise<Ended> {
    const start: Start = { pairs: pairs ?? [[this.#last!, this.destination]] };
    this.starts.push(start);
    const env = { KIT_RETRIES: "3", ...options.env };
    const args = start.pairs.flatMap(([{ uri }, destination]) => [uri, destination]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onStart = async (process: Deno.ChildProcess) => {
      // What hangs fails by its exit code, and holds up nobody.
      timer = setTimeout(() => process.kill("SIGKILL"), 2 * this.#within * 1000);
      await options.onStart?.(process);
    };
    try {
      return start.ended = await this.test.run(args, { ...options, env, onStart });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Puts files into a destination that are not the program's, and remembers them. */
  async foreign(files: Files, destination = this.destination): Promise<void> {
    await writeFiles(destination, files);
    await this.remember(destination);
  }

  /** What is there now is what "what was there" means. */
  async remember(destination = this.destination): Promise<void> {
    this.#there.set(destination, await lookAt(destination));
  }

  /** The destinations of all starts. */
  get destinations(): string[] {
    return [...new Set(this.starts.flatMap(({ pairs }) => pairs.map(([, place]) => place)))];
  }

  /** Looks at all that must hold after every case. */
  async check({ exits, left, unread }: Case): Promise<void> {
    const outputs = this.starts.map(({ ended }) => ended);
    const all = outputs.map((ended) => ended?.stderr).join("\n---\n");
    for (const [index, ended] of outputs.entries()) {
      assert.ok(ended !== undefined, "every start was waited for");
      const allowed = [exits[index] ?? []].flat();
      assert.ok(allowed.includes(ended.code), `start ${index + 1}: exit ${ended.code}\n${all}`);
      this.#checkOutput(ended, unread);
      assert.ok(ended.elapsed < this.#within * 1000, `it took ${ended.elapsed} ms\n${all}`);
    }
    assert.equal(outputs.length, exits.length, "as many starts as exit codes");
    for (const destination of this.destinations) await this.#checkLeft(destination, left);
    await this.#checkPrivateFolders();
    await this.#checkNeighbours();
  }

  #checkOutput(ended: Ended, unread = false): void {
    const { stdout, stderr, code, message, sentence, report } = ended;
    assert.doesNotMatch(stderr, /Uncaught|[Uu]nhandled|^\s+at .*:\d+/m);
    assert.doesNotMatch(stderr, CONTROL_REGEXP, "nothing steers a terminal");
    for (const secret of this.#secrets) {
      for (const form of [secret, btoa(secret), encodeURIComponent(secret)]) {
        assert.ok(!(stdout + stderr + message).includes(form), "a secret is in the output");
      }
    }
    // Nobody can say anything after SIGKILL.
    if (code === 137) return;
    if (!unread) {
      for (const line of stderr.trimEnd().split("\n")) {
        assert.match(line, LINE_REGEXP);
      }
    }
    assert.match(message, /^[^\n]+\n\{.*\}\n$/, "a sentence, and JSON");
    assert.ok(new TextEncoder().encode(message).length <= MAX_MESSAGE_BYTES);
    assert.doesNotMatch(message, CONTROL_REGEXP);
    assert.equal(report.code, code);
    assert.equal(report.status, code === 0 ? "ok" : "error");
    if (unread) return assert.equal(stderr, "");
    const last = stderr.trimEnd().split("\n").at(-1)!;
    // The sentence is cut for Kubernetes, and one line of the log is text.
    assert.ok(last.includes(sentence.slice(0, 80)), `the last line says the same: ${last}`);
  }

  async #checkLeft(destination: string, left: Left): Promise<void> {
    const found = await lookAt(destination);
    const there = this.#there.get(destination) ?? {};
    if (left === "nothing") return assert.deepEqual(found, {});
    if (left === "what was there") return assert.deepEqual(found, there);
    const marker = JSON.parse(await Deno.readTextFile(`${destination}/${MARKER}`));
    assert.ok(marker.modelkits.every(({ status }: { status: string }) => status === "complete"));
    delete found[MARKER];
    const expected: Tree = left === "the ModelKit" ? {} : there;
    const last = this.starts.at(-1)!.pairs.filter(([, place]) => place === destination);
    // Of destinations that the last start does not name, an earlier one was the last.
    const pairs = last.length > 0
      ? last
      : this.starts.flatMap(({ pairs }) => pairs).filter(([, place]) => place === destination);
    for (const [{ tree }] of pairs) Object.assign(expected, treeOf(tree));
    for (const [path, contents] of Object.entries(expected)) {
      if (contents === ANY) expected[path] = found[path];
    }
    // What is in a destination inside of this one is looked at there.
    for (const place of this.destinations) {
      if (!place.startsWith(`${destination}/`)) continue;
      for (const path of Object.keys(found)) {
        const full = `${destination}/${path}/`;
        const isAbove = `${place}/`.startsWith(full) && expected[path] === undefined;
        if (full.startsWith(`${place}/`) || isAbove) delete found[path];
      }
    }
    assert.deepEqual(found, expected);
  }

  /** Kit's calls say which private folders there were. */
  async #checkPrivateFolders(): Promise<void> {
    if (this.starts.at(-1)?.ended?.code === 137) return;
    const calls = await this.test.kitCalls();
    const folders = new Set(
      [...calls.matchAll(/^KITOPS_HOME=(.*)$/gm)].map(([, path]) => path),
    );
    for (const path of folders) {
      assert.equal(await Deno.lstat(path).catch(() => undefined), undefined, `${path} is left`);
    }
  }

  async #checkNeighbours(): Promise<void> {
    const outside = await lookAt(this.volumes);
    const isInside = (path: string) =>
      this.destinations.some((place) =>
        `${this.volumes}/${path}/`.startsWith(`${place}/`) ||
        `${place}/`.startsWith(`${this.volumes}/${path}/`)
      );
    for (const path of Object.keys(outside)) if (isInside(path)) delete outside[path];
    assert.deepEqual(
      outside,
      treeOf({ "canary/alive.txt": CANARY }),
      "something beside the destination was touched",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/**
 * Registers one test for each case. Where RELIABILITY_RESULTS names a file, each adds a line of JSON to it.
 *
 * @param area the part of the table, such as "network"
 */
export function reliability(area: string, cases: Case[]): void {
  for (const one of cases) {
    Deno.test(`${area}: ${one.name}`, async () => {
      const started = performance.now();
      let passed = false;
      try {
        {
          await using world = await CaseWorld.create(one);
          await one.run(world);
          await world.check(one);
        }
        passed = true;
      } finally {
        const { name, promise, exits, left } = one;
        const seconds = Math.round(performance.now() - started) / 1000;
        await note({ area, name, promise, exits, left, passed, seconds });
      }
    });
  }
}

/** The name as a part of a repository's name: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
export function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").slice(0, 80).replaceAll(/^-|-$/g, "");
}

const STANDARD_WITHIN = 15;
/** Characters that steer a terminal, but for tabs and line breaks. */
// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
/** A line of the log, as text or as JSON. */
const LINE_REGEXP = /^(\d{4}-\d\d-\d\dT\S+ (DEBUG|INFO |WARN |ERROR) |\{"time":)/;
const CANARY = "a canary";
const MARKER = ".kit-storage.json";
/** Contents that only kit knows: it writes the Kitfile anew. */
const ANY = "\u0000any";

/** Each path below a folder, with what it is. */
type Tree = Record<string, string>;

/** Everything below a folder, links not followed; nothing where there is no folder. */
async function lookAt(folder: string): Promise<Tree> {
  const found: Tree = {};
  const visit = async (prefix: string) => {
    for await (const { name, isDirectory, isSymlink } of Deno.readDir(`${folder}/${prefix}`)) {
      const path = prefix + name;
      if (isSymlink) found[path] = `link to ${await Deno.readLink(`${folder}/${path}`)}`;
      else if (isDirectory) {
        found[path] = "folder";
        await visit(`${path}/`);
      } else found[path] = describe(await Deno.readFile(`${folder}/${path}`));
    }
  };
  const info = await Deno.stat(folder).catch(() => undefined);
  if (info?.isDirectory) await visit("");
  return found;
}

/** The same of files to be written. */
function treeOf(files: Files): Tree {
  const tree: Tree = {};
  for (const [path, contents] of Object.entries(files)) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      tree[parts.slice(0, depth).join("/")] = "folder";
    }
    if (path.endsWith("/")) continue;
    const bytes = typeof contents === "string" ? new TextEncoder().encode(contents) : contents;
    tree[path] = contents === ANY ? ANY : describe(bytes);
  }
  return tree;
}

/** A file so that two different ones differ, and a failed comparison can be read. */
function describe(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 200));
  return `${bytes.length} bytes, ${createHash("sha256").update(bytes).digest("hex")}: ${text}`;
}

async function note(result: Record<string, unknown>): Promise<void> {
  const path = Deno.env.get("RELIABILITY_RESULTS");
  if (path) await Deno.writeTextFile(path, JSON.stringify(result) + "\n", { append: true });
}
