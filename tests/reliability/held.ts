// A run that is met in the middle of a layer: what several areas of the table do.
import { until } from "../support/crash.ts";
import { HeldRegistry } from "../support/held_registry.ts";
import type { CaseWorld, Pushed } from "./cases.ts";

const MIB = 1024 * 1024;

/** What a folder holds; nothing where there is none. */
export async function namesIn(folder: string): Promise<string[]> {
  return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name).catch(() => []);
}

/** A ModelKit whose model stops coming in the middle until the case lets it go. */
export async function pushHeld(world: CaseWorld): Promise<{ held: HeldRegistry; kit: Pushed }> {
  const pushed = await world.push({ "model.bin": world.model(8 * MIB), "data/x.csv": world.name });
  const held = world.use(new HeldRegistry(world.host));
  return { held, kit: world.via(pushed, held.host) };
}

/** Waits until the first bytes of the model are in the staging folder; answers with its path. */
export async function firstByte(destination: string): Promise<string> {
  return await until("the first byte", async () => {
    for (const name of await namesIn(destination)) {
      const path = `${destination}/${name}/tree/model.bin`;
      const model = await Deno.stat(path).catch(() => undefined);
      if (name.startsWith(".kit-storage.tmp-") && (model?.size ?? 0) > 0) return path;
    }
  });
}
