// Makes an image from Debian packages, for machines that can reach a Debian mirror but no image registry.
import { engine, runEngine } from "./engine.ts";

/** A root file system, and how the image of it is configured. */
export interface Rootfs {
  /** The image's repository; the tag comes from what is in it. */
  name: string;
  /** Debian packages: unpacked with all that they depend on, but none of their scripts is run. */
  packages: string[];
  /** Whether /bin, /lib … are links into /usr, as Debian has it and Alpine has not. */
  mergedUsr: boolean;
  /** Files of this machine: path in the image → path here. */
  files: Record<string, string>;
  /** Path in the image → contents. */
  texts: Record<string, string>;
  /** Links: path in the image → what it points to. */
  links: Record<string, string>;
  /** Lines of a Dockerfile, such as `USER 1001`. */
  changes: string[];
}

/** Makes the image unless the engine has one of the same contents. Answers its name and tag. */
export async function importImage(rootfs: Rootfs): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "rootfs-" });
  try {
    const archives = await download(rootfs.packages, folder);
    const image = `${rootfs.name}:${await fingerprint(rootfs, archives)}`;
    if ((await runEngine(["image", "inspect", image])).code === 0) return image;

    const tree = `${folder}/tree`;
    await fill(tree, rootfs, archives);
    const tar = `${folder}/rootfs.tar`;
    const owner = ["--owner=0", "--group=0", "--numeric-owner"];
    await command("tar", ["-cf", tar, ...owner, "-C", tree, "."]);
    const changes = rootfs.changes.flatMap((change) => ["--change", change]);
    await engine(["import", ...changes, tar, image]);
    return image;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function fill(tree: string, rootfs: Rootfs, archives: string[]): Promise<void> {
  await Deno.mkdir(`${tree}/usr`, { recursive: true });
  if (rootfs.mergedUsr) {
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      await Deno.mkdir(`${tree}/usr/${name}`);
      await Deno.symlink(`usr/${name}`, `${tree}/${name}`);
    }
  }
  for (const archive of archives) {
    const packed = new Deno.Command("dpkg-deb", {
      args: ["--fsys-tarfile", archive],
      stdout: "piped",
    }).spawn();
    const unpacked = new Deno.Command("tar", {
      args: ["-x", "--keep-directory-symlink", "--no-same-owner", "-C", tree],
      stdin: "piped",
    }).spawn();
    await packed.stdout.pipeTo(unpacked.stdin);
    if (!(await packed.status).success || !(await unpacked.status).success) {
      throw new Error(`Cannot unpack ${archive}`);
    }
  }
  const parent = async (path: string) => {
    await Deno.mkdir(`${tree}${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    return `${tree}${path}`;
  };
  for (const [path, source] of Object.entries(rootfs.files)) {
    await Deno.copyFile(source, await parent(path));
  }
  for (const [path, text] of Object.entries(rootfs.texts)) {
    await Deno.writeTextFile(await parent(path), text);
  }
  for (const [path, target] of Object.entries(rootfs.links)) {
    await Deno.symlink(target, await parent(path));
  }
  await Deno.mkdir(`${tree}/tmp`, { recursive: true });
  await Deno.chmod(`${tree}/tmp`, 0o1777);
}

/** Downloads the packages and all that they depend on. Answers the archives' paths. */
async function download(packages: string[], folder: string): Promise<string[]> {
  const depends = () =>
    command("apt-cache", [
      ...["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-enhances"],
      ...["--no-conflicts", "--no-breaks", "--no-replaces", ...packages],
    ]);
  // A machine that has never asked its mirror knows no packages.
  const tree = await depends().catch(async () => {
    await command("apt-get", ["update"]);
    return await depends();
  });
  const names = new Set(tree.split("\n").filter((line) => /^[a-z0-9]/.test(line)));
  await command("apt-get", ["download", "-o", "APT::Sandbox::User=root", ...names], folder);
  const archives = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return archives.sort().map((name) => `${folder}/${name}`);
}

async function fingerprint(rootfs: Rootfs, archives: string[]): Promise<string> {
  const files = await Promise.all(
    Object.values(rootfs.files).map(async (path) => {
      const { size, mtime } = await Deno.stat(path);
      return [path, size, mtime];
    }),
  );
  const versions = archives.map((archive) => archive.split("/").at(-1));
  const bytes = new TextEncoder().encode(JSON.stringify([rootfs, versions, files]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex().slice(0, 12);
}

async function command(name: string, args: string[], cwd?: string): Promise<string> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(name, { args, cwd }).output();
    const decoder = new TextDecoder();
    if (success) return decoder.decode(stdout);
    throw new Error(`Cannot run ${name} ${args[0]}: ${decoder.decode(stderr).trim()}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `Cannot make a base image: "${name}" is missing, so this is no Debian. ` +
        "Give images that can be pulled in KIT_BASE_IMAGE and DENO_IMAGE",
      { cause: error },
    );
  }
}
