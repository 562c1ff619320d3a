// The real parts: KitOps' kit and the distribution registry, in the versions that tools/go/go.mod pins. How they are
// found serves tools/acquire_deploy.ts too.
import { download, NotDownloadable, Offline, type Release } from "./release.ts";
import { ROOT } from "./program.ts";
import { note, step } from "./steps.ts";

const KIT_VERSION = "1.15.0";
const REGISTRY_VERSION = "3.1.2";
const CACHE = `${ROOT}/.cache/tools`;
const MACHINE = `${Deno.build.os}-${Deno.build.arch}`;

/** Paths of the two programs. */
export interface Tools {
  kit: string;
  registry: string;
}

/** A program, and all the ways to get it. */
export interface Tool<Name extends string = string> {
  /** The program's name, on PATH and in the cache. */
  name: Name;
  version: string;
  /** The environment variable that names a program to use. */
  variable: string;
  /** Arguments that print the version, and what they must print: other programs share the names. */
  probe: { args: string[]; pattern: RegExp };
  /** Without one it is built. */
  release?: Release;
  /** The Go package. */
  goPackage: string;
  /** What `go build` calls the program. */
  built: string;
  ldflags?: string;
}

const KIT: Tool<"kit"> = {
  name: "kit",
  version: KIT_VERSION,
  variable: "KIT_BIN",
  // A kit that was built with plain `go build` calls its version "unknown".
  probe: { args: ["version"], pattern: /^Version: (v?[1-9]\d*\.|unknown)/m },
  release: {
    program: "kit",
    archive: {
      "linux-x86_64": "kitops-linux-x86_64.tar.gz",
      "linux-aarch64": "kitops-linux-arm64.tar.gz",
      "darwin-x86_64": "kitops-darwin-x86_64.tar.gz",
      "darwin-aarch64": "kitops-darwin-arm64.tar.gz",
    }[MACHINE],
    base: `https://github.com/kitops-ml/kitops/releases/download/v${KIT_VERSION}/`,
    // We know of no second source for the sha256 of this release. Its own list shows a broken download,
    // but not a replaced release; `go build` checks the source against tools/go/go.sum instead.
    sha256: { file: `kitops_v${KIT_VERSION}_checksums.txt` },
  },
  goPackage: "github.com/kitops-ml/kitops",
  built: "kitops",
  ldflags: `-X github.com/kitops-ml/kitops/pkg/lib/constants.Version=${KIT_VERSION}`,
};

const REGISTRY: Tool<"registry"> = {
  name: "registry",
  version: REGISTRY_VERSION,
  variable: "REGISTRY_BIN",
  probe: { args: ["--version"], pattern: /github\.com\/distribution\/distribution\/v3 v?3\./ },
  release: {
    program: "registry",
    archive: {
      "linux-x86_64": `registry_${REGISTRY_VERSION}_linux_amd64.tar.gz`,
      "linux-aarch64": `registry_${REGISTRY_VERSION}_linux_arm64.tar.gz`,
    }[MACHINE],
    base: `https://github.com/distribution/distribution/releases/download/v${REGISTRY_VERSION}/`,
    // As in the Dockerfile of the official image of this version.
    sha256: Deno.build.arch === "x86_64"
      ? "40df2224d410f72ae425c3371873b078bbdbda3b8b612be9571f0e6751f3acc8"
      : "09d26f88d2c0f161bd1b8bfc6c123571cc3d291dcca8af5477b3cacc4ec95e73",
  },
  goPackage: "github.com/distribution/distribution/v3/cmd/registry",
  built: "registry",
  ldflags: `-X github.com/distribution/distribution/v3/version.version=v${REGISTRY_VERSION}`,
};

/** Finds kit and the registry, or gets them, as {@linkcode acquireAll} does. */
export function acquire(signal?: AbortSignal): Promise<Tools> {
  return acquireAll([KIT, REGISTRY], "tools/go", signal);
}

/**
 * Finds programs, or gets them. In this order, for each:
 * 1. its variable, such as KIT_BIN
 * 2. PATH
 * 3. .cache/tools, from an earlier run
 * 4. the project's release, checked by its sha256
 * 5. built with Go, in the module that is in the folder `goModule`
 *
 * Two processes at once do not disturb each other: the second waits and finds the first one's result.
 *
 * @returns the path of each
 */
export async function acquireAll<Name extends string>(
  tools: Tool<Name>[],
  goModule: string,
  signal?: AbortSignal,
): Promise<Record<Name, string>> {
  const found: Paths = {};
  const missing = () => tools.filter(({ name }) => !found[name]);
  for (const tool of tools) found[tool.name] = await find(tool);
  if (missing().length > 0) {
    await Deno.mkdir(CACHE, { recursive: true });
    using lock = await Deno.open(`${CACHE}/lock`, { create: true, write: true });
    await lock.lock(true);
    await removeLeftovers();
    for (const tool of tools) found[tool.name] ??= await find(tool);
    Object.assign(found, await fromReleases(missing()));
    if (missing().length > 0) Object.assign(found, await fromSource(missing(), goModule, signal));
  }
  return found as Record<Name, string>;
}

type Paths = Record<string, string | undefined>;

async function find(tool: Tool): Promise<string | undefined> {
  const named = Deno.env.get(tool.variable);
  if (named) {
    if (await isTool(tool, named)) return named;
    throw new Error(
      `Cannot use ${tool.variable} "${named}": it is not ${tool.name} ${tool.version}`,
    );
  }
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) =>
    folder.startsWith("/")
  );
  const paths = [...folders.map((folder) => `${folder}/${tool.name}`), cached(tool)];
  for (const path of paths) if (await isTool(tool, path)) return path;
}

function cached({ name, version }: Tool): string {
  return `${CACHE}/${name}-${version}-${MACHINE}/${name}`;
}

async function isTool({ probe }: Tool, path: string): Promise<boolean> {
  const home = await Deno.makeTempDir({ prefix: "kit-home-" });
  try {
    const { success, stdout } = await new Deno.Command(path, {
      args: probe.args,
      env: { KITOPS_HOME: home },
      stderr: "null",
    }).output();
    return success && probe.pattern.test(new TextDecoder().decode(stdout));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // A folder, or a program that may not be executed.
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

/** Only the holder of the lock makes `tmp-*`, so what is there was left by a process that was killed. */
async function removeLeftovers(): Promise<void> {
  for await (const { name } of Deno.readDir(CACHE)) {
    if (name.startsWith("tmp-")) await Deno.remove(`${CACHE}/${name}`, { recursive: true });
  }
}

/** What can be downloaded; the rest is for Go. */
async function fromReleases(tools: Tool[]): Promise<Paths> {
  const downloaded: Paths = {};
  for (const tool of tools) {
    const { release } = tool;
    if (release === undefined) continue;
    const folder = await Deno.makeTempDir({ dir: CACHE, prefix: "tmp-" });
    try {
      const title = `Downloading ${tool.name} ${tool.version}`;
      await step(title, () => download(release, folder));
      downloaded[tool.name] = await publish(tool, `${folder}/${release.program}`);
    } catch (error) {
      if (!(error instanceof NotDownloadable)) throw error;
      note(`  ${error.message}: next is building from source`);
      if (error instanceof Offline) break;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  return downloaded;
}

/** One `go build` for all: they share half of their packages. */
async function fromSource(tools: Tool[], goModule: string, signal?: AbortSignal): Promise<Paths> {
  const names = tools.map(({ name, version }) => `${name} ${version}`).join(", ");
  const folder = await Deno.makeTempDir({ dir: CACHE, prefix: "tmp-" });
  try {
    await step(`Building ${names} with Go, once, for about two minutes`, async () => {
      const ldflags = ["-s -w", ...tools.map(({ ldflags = "" }) => ldflags)].join(" ");
      const { success, stderr } = await new Deno.Command("go", {
        args: [
          ...[
            "build",
            "-C",
            `${ROOT}/${goModule}`,
            "-mod=readonly",
            "-trimpath",
            "-buildvcs=false",
          ],
          ...[`-ldflags=${ldflags}`, "-o", `${folder}/`],
          ...tools.map(({ goPackage }) => goPackage),
        ],
        env: { CGO_ENABLED: "0", GOWORK: "off" },
        signal,
      }).output();
      if (!success) {
        const lines = new TextDecoder().decode(stderr).trim().split("\n");
        const reason = lines.filter((line) => !line.startsWith("go: downloading")).join("; ");
        throw new Error(`Cannot build ${names}: ${reason || "go was ended"}. ${advice(tools)}`);
      }
    });
    const built: Paths = {};
    for (const tool of tools) built[tool.name] = await publish(tool, `${folder}/${tool.built}`);
    return built;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot get ${names}: Go is missing. ${advice(tools)}`, { cause: error });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function advice(tools: Tool[]): string {
  const variables = tools.map(({ variable }) => variable).join(", ");
  return `Install Go 1.26 or newer, or set ${variables} to the programs`;
}

/** Moves a finished program to its place in the cache, in one step. */
async function publish(tool: Tool, built: string): Promise<string> {
  const path = cached(tool);
  await Deno.chmod(built, 0o755);
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.rename(built, path);
  return path;
}

if (import.meta.main) {
  try {
    const { kit, registry } = await acquire();
    console.log(`${kit}\n${registry}`);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
