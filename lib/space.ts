import { Failure } from "./errors.ts";
import { formatBytes } from "./format_bytes.ts";

/**
 * Before the first byte, since a full disk in the middle harms whatever else is on the volume.
 *
 * @param needed bytes
 * @param freeBytes the bytes that this user can still write to the file system of a path
 * @throws {Failure} `destination`, with the number of bytes that are missing
 */
export async function refuseFullDisk(
  root: string,
  needed: number,
  freeBytes: (path: string) => Promise<number>,
): Promise<void> {
  const free = await freeBytes(root);
  if (needed <= free) return;
  const missing = needed - free;
  throw new Failure(
    "destination",
    `Cannot unpack to "${root}": ${needed} bytes are needed and ${free} are free, ${missing} are missing`,
    { hint: `Give the volume at least ${formatBytes(missing)} more` },
  );
}
