// What a pod gives the program and what it does not: disks, users, folders, limits, and kit itself.
import assert from "node:assert/strict";
import { AS_USER, mounting, UID } from "../support/as_user.ts";
import { at, stopped } from "../support/crash.ts";
import { Tmpfs } from "../support/tmpfs.ts";
import type { Case, CaseWorld, StartOptions } from "./cases.ts";
import { firstByte, namesIn, pushHeld } from "./held.ts";

const MIB = 1024 * 1024;

async function disk(world: CaseWorld, options: string): Promise<Tmpfs> {
  return world.use(await Tmpfs.mount(world.destination, options));
}

/** Starts it at a step with a full disk, makes room again, and starts once more. */
async function fullAt(world: CaseWorld, step: string, nth = 1): Promise<void> {
  const volume = await disk(world, "size=8m");
  await world.push();
  await world.start({
    ...at({ when: "before", step, nth, act: "SIGSTOP" }),
    onStart: async (process) => {
      await stopped(process);
      await volume.fill("theirs.bin");
      process.kill("SIGCONT");
    },
  });
  await Deno.remove(`${world.destination}/theirs.bin`);
  await world.start();
}

/** Starts as a user who may write to the destination and to the termination log, and to nothing else. */
async function startAsUser(
  world: CaseWorld,
  { env, through = [], owner = UID }: StartOptions & { owner?: number } = {},
): Promise<void> {
  const { folder } = world.test;
  const message = `${folder}/termination-log`;
  // The spy of the test world writes to this file.
  for (const path of [message, `${folder}/kit-calls`]) {
    await Deno.writeTextFile(path, "", { append: true });
    await Deno.chown(path, UID, UID);
  }
  await Deno.mkdir(world.destination, { recursive: true });
  await Deno.chown(world.destination, owner, owner);
  await world.start({
    env: { KIT_TERMINATION_LOG: message, ...env },
    through: [...AS_USER, ...through],
  });
}

const NO_DEV_SHM = `mkdir "$HOME/dev"; mount -t tmpfs tmpfs "$HOME/dev"
for name in null zero random urandom tty; do
  touch "$HOME/dev/$name"; mount --bind "/dev/$name" "$HOME/dev/$name"
done
mount --move "$HOME/dev" /dev`;

/** What surrounds the program, and must not matter: options of a start that ends well. */
const SURROUNDINGS: Record<string, StartOptions> = {
  "/dev/shm is missing": { through: mounting(NO_DEV_SHM) },
  "/dev/shm is read-only": { through: mounting("mount -t tmpfs -o ro tmpfs /dev/shm") },
  "/dev/shm is full": { through: mounting("mount -t tmpfs -o nr_inodes=1 tmpfs /dev/shm") },
  "no inotify": {
    through: [
      "unshare",
      "--user",
      "--map-root-user",
      "sh",
      "-ec",
      'echo 0 >/proc/sys/user/max_inotify_instances; exec "$@"',
      "sh",
    ],
  },
  "no TMPDIR": { env: { TMPDIR: "/nonexistent" } },
  "no HOME": { env: { HOME: "" } },
  "64 open files": { through: ["prlimit", "--nofile=64", "--"] },
  "a umask that takes everything from everybody else": {
    through: ["sh", "-c", 'umask 077; exec "$@"', "sh"],
  },
};

/** Names of destinations, below a folder of the case's. */
const NAMES: Record<string, string> = {
  "a slash at its end": "folder/",
  "spaces and quotes": "my 'own' \"model\"",
  "Unicode": "modèle 模型 🧪",
  "a newline": "two\nlines",
  "a name like an option": "--dir",
  "dots in its path": "a/../b/./c",
};

/** Scripts in the place of kit that do something before, or instead of, what kit does. */
const KITS: Record<
  string,
  { script: string; exits: [number]; sentence?: RegExp; env?: StartOptions["env"] }
> = {
  "kit prints 8 MB": {
    script: 'yes "a line of no interest" | head -c 8388608; exec "$KIT" "$@"',
    exits: [0],
  },
  "kit prints one line of 8 MB": {
    script: 'head -c 8388608 /dev/zero | tr "\\0" x >&2; exec "$KIT" "$@"',
    exits: [0],
  },
  "kit hangs": {
    script: "exec sleep 600",
    exits: [9],
    sentence: /no progress for 1 s/,
    env: { KIT_STALL_TIMEOUT: "1s" },
  },
  "kit hangs, and has a child that keeps its output open": {
    // Longer than a start may take: who waits for the child is seen.
    script: "sleep 25 & wait",
    exits: [9],
    sentence: /no progress for 1 s/,
    env: { KIT_STALL_TIMEOUT: "1s" },
  },
  "kit crashes after half of its work": {
    script:
      'case "$1" in unpack) "$KIT" "$@" >&2; for last; do :; done; rm "$last/model.bin"; kill -SEGV $$;; *) exec "$KIT" "$@";; esac',
    exits: [8],
    sentence: /SIGSEGV/,
  },
  "kit is too old for a flag that we need": {
    script:
      'case "$*" in *--proxy*) echo "Error: unknown flag: --proxy" >&2; exit 1;; *) exec "$KIT" "$@";; esac',
    exits: [8],
    sentence: /does not know --proxy.*1\.15/,
  },
  "kit says that all is well and has left the datasets out": {
    script: 'case "$1" in unpack) exec "$KIT" "$@" --filter=model;; *) exec "$KIT" "$@";; esac',
    exits: [8],
    sentence: /kit left out 1 of 2 layers, such as sha256:/,
  },
  "kit says that all is well and has done nothing": {
    script: 'case "$1" in unpack) ;; *) exec "$KIT" "$@";; esac',
    exits: [8],
  },
};

export const ENVIRONMENTS: Case[] = [
  {
    name: "the disk is too small: said before the first byte, and done when it is larger",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit, and what was there",
    run: async (world) => {
      const volume = await disk(world, "size=2m");
      await world.foreign({ "lost+found/theirs.txt": "theirs" });
      await world.push({ "model.bin": world.model(3 * MIB) });
      const { sentence } = await world.start();
      assert.match(sentence, /\d+ bytes are needed and \d+ are free, \d+ are missing/);
      assert.doesNotMatch(world.test.registry.log(), /GET .*\/blobs\/.* 206/);
      assert.deepEqual(await namesIn(world.destination), ["lost+found"]);
      await volume.remount("size=8m");
      await world.start();
    },
  },
  {
    name: "somebody else fills the disk in the middle of a layer",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit",
    run: async (world) => {
      const volume = await disk(world, "size=12m");
      const { held, kit } = await pushHeld(world);
      const pairs: StartOptions["pairs"] = [[kit, world.destination]];
      const { sentence } = await world.start({
        pairs,
        onStart: async () => {
          await firstByte(world.destination);
          await volume.fill("theirs.bin");
          held.release();
        },
      });
      assert.match(sentence, /no space left/i);
      assert.deepEqual(await namesIn(world.destination), ["theirs.bin"]);
      await Deno.remove(`${world.destination}/theirs.bin`);
      await world.start({ pairs });
    },
  },
  {
    name: "somebody else fills the disk before kit begins",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit",
    run: (world) => fullAt(world, "^start kit unpack"),
  },
  {
    name: "somebody else fills the disk before the marker is written",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit",
    run: (world) => fullAt(world, "^write .*/STAGING/marker"),
  },
  {
    name: "somebody else fills the disk before the last marker is written",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit",
    run: (world) => fullAt(world, "^write .*/STAGING/marker", 2),
  },
  {
    name: "no more files fit on the disk, though bytes would",
    promise: "restart",
    exits: [7, 0],
    left: "the ModelKit",
    run: async (world) => {
      const volume = await disk(world, "nr_inodes=6");
      await world.push();
      await world.start();
      assert.deepEqual(await namesIn(world.destination), []);
      await volume.remount("nr_inodes=100");
      await world.start();
    },
  },
  {
    name: "the destination is read-only",
    promise: "untouched",
    exits: [7],
    left: "what was there",
    run: async (world) => {
      const volume = await disk(world, "size=8m");
      await world.foreign({ "theirs.txt": "theirs" });
      await volume.remount("ro");
      await world.push();
      const { report } = await world.start();
      assert.equal(report.hint, "Mount the volume writable");
    },
  },
  {
    name: "the destination is complete and read-only by now",
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const volume = await disk(world, "size=8m");
      await world.push();
      await world.start();
      await volume.remount("ro");
      await world.start();
    },
  },
  {
    name: "the destination is a mount point on another file system than TMPDIR",
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit, and what was there",
    run: async (world) => {
      await disk(world, "size=8m");
      await world.foreign({ "lost+found/": "" });
      await world.push();
      await world.start();
      await world.start();
    },
  },
  {
    name: "the destination belongs to another user",
    promise: "untouched",
    exits: [7],
    left: "what was there",
    run: async (world) => {
      await world.foreign({ "theirs.txt": "theirs" });
      await world.push();
      await startAsUser(world, { owner: 0 });
      assert.match(world.starts[0].ended!.sentence, new RegExp(`UID ${UID} .*fsGroup`));
    },
  },
  {
    name: "any user, without a name, a home and a capability",
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await startAsUser(world, { env: { HOME: "/nonexistent" } });
      await startAsUser(world, { env: { HOME: "/root" } });
    },
  },
  {
    name: "48 processes and threads",
    promise: "anywhere",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await startAsUser(world, { through: ["prlimit", "--nproc=48", "--"] });
    },
  },
  ...Object.entries(SURROUNDINGS).map(([name, options]): Case => ({
    name,
    promise: "anywhere",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      await world.start(options);
    },
  })),
  {
    name: "killed while private files are in the staging folder, since /dev/shm is missing",
    promise: "restart",
    exits: [137, 0],
    left: "the ModelKit",
    run: async (world) => {
      await world.push();
      const { env, ...options } = at({ when: "after", step: "^start kit unpack", act: "SIGKILL" });
      await world.start({ ...options, env, through: mounting(NO_DEV_SHM) });
      await world.start();
    },
  },
  {
    name: "the first process of a container, killed in the middle of a layer: kit ends with it",
    promise: "restart",
    exits: [137, 0],
    left: "the ModelKit",
    run: async (world) => {
      const { held, kit } = await pushHeld(world);
      const pairs: StartOptions["pairs"] = [[kit, world.destination]];
      await world.start({
        pairs,
        through: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
        onStart: async (process) => {
          await firstByte(world.destination);
          process.kill("SIGKILL");
        },
      });
      held.release();
      await world.start({ pairs });
    },
  },
  {
    name: "the destination is a file",
    promise: "untouched",
    exits: [7],
    left: "nothing",
    run: async (world) => {
      await Deno.writeTextFile(world.destination, "theirs");
      await world.push();
      await world.start();
      assert.equal(await Deno.readTextFile(world.destination), "theirs");
    },
  },
  {
    name: "the destination is a link to a folder",
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const real = `${world.test.folder}/real`;
      await Deno.mkdir(real);
      await Deno.symlink(real, world.destination);
      await world.push();
      await world.start();
      await world.start();
      assert.ok((await Deno.lstat(world.destination)).isSymlink);
    },
  },
  {
    name: "the destination is a link to nothing",
    promise: "untouched",
    exits: [7],
    left: "nothing",
    run: async (world) => {
      await Deno.symlink(`${world.test.folder}/nothing`, world.destination);
      await world.push();
      await world.start();
    },
  },
  ...Object.entries(NAMES).map(([name, path]): Case => ({
    name: `the destination has ${name}`,
    promise: "anywhere",
    exits: [0, 0],
    left: "the ModelKit",
    run: async (world) => {
      const pairs: StartOptions["pairs"] = [[await world.push(), `${world.test.folder}/${path}`]];
      await world.start({ pairs });
      await world.start({ pairs });
      assert.equal(world.starts[1].ended!.report.bytes, 0, "nothing was missing");
    },
  })),
  {
    name: "no kit on PATH",
    promise: "lasting",
    exits: [8],
    left: "nothing",
    run: async (world) => {
      await world.push();
      const { report } = await world.start({ env: { KIT_BIN: "", PATH: "/nonexistent" } });
      assert.match(String(report.hint), /KIT_BIN/);
    },
  },
  {
    name: "a kit that is not executable",
    promise: "lasting",
    exits: [8],
    left: "nothing",
    run: async (world) => {
      await world.push();
      await Deno.chmod(world.test.spyKit, 0o644);
      const { report } = await world.start();
      assert.match(String(report.hint), /KIT_BIN/);
    },
  },
  ...Object.entries(KITS).map(([name, { script, exits, sentence, env }]): Case => ({
    name,
    promise: exits[0] === 0 ? "anywhere" : "lasting",
    exits,
    left: exits[0] === 0 ? "the ModelKit" : "nothing",
    run: async (world) => {
      await world.push();
      const bin = `${world.test.folder}/other-kit`;
      const { spyKit } = world.test;
      await Deno.writeTextFile(bin, `#!/bin/sh\nKIT='${spyKit}'\n${script}\n`, { mode: 0o755 });
      const ended = await world.start({ env: { KIT_BIN: bin, ...env } });
      if (sentence !== undefined) assert.match(ended.sentence, sentence);
    },
  })),
];
