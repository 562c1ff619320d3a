/** One member of a tar, as hostile as one likes. */
export interface TarEntry {
  /** Bytes of a name, one a character. */
  path: string;
  /** POSIX's letter: "0" a file, "1" a hard link, "2" a link, "3" and "4" devices, "5" a folder, "6" a pipe. */
  type?: string;
  /** Where a link leads to. */
  target?: string;
  /** Default: 0o644. */
  mode?: number;
  body?: string;
  /** What the header says instead of the body's length, in bytes. */
  size?: number;
}

const BLOCK = 512;
const NAME_BYTES = 100;

/** https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 */
export function tarOf(entries: TarEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const entry of entries.flatMap(withLongName)) {
    const body = bytesOf(entry.body ?? "");
    parts.push(headerOf(entry, entry.size ?? body.length), body);
    parts.push(new Uint8Array((BLOCK - body.length % BLOCK) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  const tar = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    tar.set(part, offset);
    offset += part.length;
  }
  return tar;
}

/** What has no room in a header stands in a file before it, as a record that begins with its own length. */
function withLongName(entry: TarEntry): TarEntry[] {
  if (entry.path.length <= NAME_BYTES) return [entry];
  const record = ` path=${entry.path}\n`;
  const digits = `${record.length + 4}`.length;
  const body = `${record.length + digits}${record}`;
  return [{ path: "pax", type: "x", body }, { ...entry, path: entry.path.slice(0, NAME_BYTES) }];
}

function headerOf(
  { path, type = "0", target = "", mode = 0o644 }: TarEntry,
  size: number,
): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const text = (position: number, value: string) => header.set(bytesOf(value), position);
  const octal = (position: number, digits: number, value: number) =>
    text(position, value.toString(8).padStart(digits, "0") + "\0");
  text(0, path);
  octal(100, 7, mode);
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, size);
  octal(136, 11, 0);
  text(148, " ".repeat(8));
  text(156, type);
  text(157, target);
  text(257, "ustar\u000000");
  // Numbers of a device: those of /dev/zero.
  octal(329, 7, type === "3" ? 1 : 0);
  octal(337, 7, type === "3" ? 5 : 0);
  const sum = header.reduce((sum, byte) => sum + byte, 0);
  text(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return header;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
