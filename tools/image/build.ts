// Builds the image as `docker build` does: `deno run -A tools/image/build.ts` prints its name.
import { acquire } from "../acquire.ts";
import { ROOT } from "../program.ts";
import { step } from "../steps.ts";
import { chooseBases } from "./bases.ts";
import { engine } from "./engine.ts";

/** An image that was built, and what it was built on. */
export interface BuiltImage {
  image: string;
  base: string;
}

/** Builds the Dockerfile with the legacy builder, where docker has one. */
export async function buildImage(): Promise<BuiltImage> {
  // Before anything that takes long.
  await engine(["version"]);
  const { kit } = await acquire();
  const bases = await step("Looking for the base images", () => chooseBases(kit));
  const args = { ...bases, REVISION: await revision() };
  const image = "storage-initializer-test/image:latest";
  await step(`Building ${image}`, () =>
    engine([
      "build",
      // Containers may have no way out of their own.
      "--network=host",
      ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
      `--tag=${image}`,
      ROOT,
    ]));
  return { image, base: bases.KIT_BASE_IMAGE };
}

/** The commit that is checked out; none outside of a git repository. */
export async function revision(): Promise<string> {
  const args = ["-C", ROOT, "rev-parse", "HEAD"];
  const { success, stdout } = await new Deno.Command("git", { args, stderr: "null" }).output();
  return success ? new TextDecoder().decode(stdout).trim() : "";
}

if (import.meta.main) {
  try {
    console.log((await buildImage()).image);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
