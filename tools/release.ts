// Downloads a program from its project's releases and checks it before anybody runs it.

/** A GitHub that does not answer within this time is not there: building from source comes next. */
const CONNECT_MS = 5_000;
const DOWNLOAD_MS = 180_000;

/** A program in a `.tar.gz` of a GitHub release. */
export interface Release {
  /** The file inside the archive. */
  program: string;
  /** The archive for this machine, or undefined where the project publishes none. */
  archive?: string;
  /** The release's folder, with a slash at the end. */
  base: string;
  /** Where the archive's sha256 comes from: pinned here, or a file of the same release. */
  sha256: string | { file: string };
}

/** Nothing could be downloaded, but that need not be the end: the program may be built instead. */
export class NotDownloadable extends Error {
  override name = "NotDownloadable";
}

/** As above, and the next download will not fare better. */
export class Offline extends NotDownloadable {
  override name = "Offline";
}

/**
 * Downloads, checks and unpacks the program into `folder`.
 *
 * @throws {NotDownloadable} when there is no archive for this machine or no network.
 * @throws {Error} when what was downloaded does not have the wanted sha256: that is never passed over.
 */
export async function download(release: Release, folder: string): Promise<void> {
  const { archive, base, sha256 } = release;
  if (!archive) throw new NotDownloadable(`no release for ${Deno.build.os} ${Deno.build.arch}`);
  const wanted = typeof sha256 === "string"
    ? sha256
    : findChecksum(new TextDecoder().decode(await get(base + sha256.file)), archive);
  const bytes = await get(base + archive);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  if (digest !== wanted) {
    throw new Error(`Cannot use ${base}${archive}: its sha256 is ${digest}, wanted is ${wanted}`);
  }
  await Deno.writeFile(`${folder}/${archive}`, bytes);
  const { success, stderr } = await new Deno.Command("tar", {
    args: ["-xzf", archive, release.program],
    cwd: folder,
  }).output();
  if (!success) {
    throw new Error(`Cannot unpack ${archive}: ${new TextDecoder().decode(stderr).trim()}`);
  }
  await Deno.remove(`${folder}/${archive}`);
}

/** The archive's line in a file as sha256sum writes it. */
function findChecksum(text: string, archive: string): string {
  for (const line of text.split("\n")) {
    const [sha256, name] = line.trim().split(/\s+\*?/);
    if (name === archive && /^[0-9a-f]{64}$/.test(sha256)) return sha256;
  }
  throw new Error(`Cannot check ${archive}: the release's checksums do not name it`);
}

async function get(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(), CONNECT_MS);
  try {
    const response = await fetch(url, { signal: controller.signal });
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), DOWNLOAD_MS);
    if (!response.ok) {
      await response.body?.cancel();
      throw new NotDownloadable(`${url} answered ${response.status}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error instanceof NotDownloadable) throw error;
    throw new Offline(`${new URL(url).host} cannot be reached`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
