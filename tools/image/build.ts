// Builds the image as `docker build` does: `deno run -A tools/image/build.ts` prints its name.
import { acquire } from "../acquire.ts";
import { ROOT } from "../program.ts";
import { step } from "../steps.ts";
import { chooseBases } from "./bases.ts";
import { engine, requireEngine } from "./engine.ts";

/** An image that was built, and what it was built on. */
export interface BuiltImage {
  image: string;
  base: string;
}

/** Builds the Dockerfile with the legacy builder, where docker has one. */
export async function buildImage(): Promise<BuiltImage> {
  await requireEngine();
  const { kit } = await acquire();
  const bases = await step("Looking for the base images", () => chooseBases(kit));
  const image = "storage-initializer-test/image:latest";
  await step(`Building ${image}`, () =>
    engine([
      "build",
      // Containers may have no way out of their own.
      "--network=host",
      ...Object.entries(bases).map(([name, value]) => `--build-arg=${name}=${value}`),
      `--tag=${image}`,
      ROOT,
    ]));
  return { image, base: bases.KIT_BASE_IMAGE };
}

if (import.meta.main) {
  try {
    console.log((await buildImage()).image);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
