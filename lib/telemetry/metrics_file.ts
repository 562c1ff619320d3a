import type { Pair } from "../arguments.ts";
import { METRICS_NAME, STAGING_PREFIX } from "../marker.ts";
import { lstatIfPresent } from "../tree.ts";

/**
 * Replaces a file by one with this text, in one step: who reads it meanwhile sees the old text or the new one.
 *
 * In a destination any other name than that which is kept free for it could be one of the ModelKit's.
 *
 * @throws {Error} that says why it cannot be written there
 */
export async function writeMetricsFile(
  path: string,
  text: string,
  pairs: Pick<Pair, "destination">[],
): Promise<void> {
  const slash = path.lastIndexOf("/");
  const folder = await Deno.realPath(path.slice(0, slash + 1) || ".");
  const name = path.slice(slash + 1);
  const inside = await destinationAround(folder, pairs);
  if (inside !== undefined && (inside !== folder || name !== METRICS_NAME)) {
    throw new Error(`below the destination "${inside}" it must be "${inside}/${METRICS_NAME}"`);
  }
  const info = await lstatIfPresent(`${folder}/${name}`);
  if (info !== undefined && !info.isFile) throw new Error("there is something else than a file");
  // Collectors of metrics read what ends in .prom, and so not this one. In a destination the next start removes it, should
  // this one be killed.
  const temporary = `${folder}/${STAGING_PREFIX}${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(temporary, text, { createNew: true, mode: 0o644 });
    await Deno.rename(temporary, `${folder}/${name}`);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** The innermost destination that a folder is, or is below of. */
async function destinationAround(
  folder: string,
  pairs: Pick<Pair, "destination">[],
): Promise<string | undefined> {
  const roots = await Promise.all(
    pairs.map(({ destination }) => Deno.realPath(destination).catch(() => undefined)),
  );
  return roots.filter((root) => root !== undefined)
    .filter((root) => `${folder}/`.startsWith(`${root}/`))
    .sort((a, b) => b.length - a.length)[0];
}
