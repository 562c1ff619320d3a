/** Every file below a folder: its path from there, and its bytes as text, sorted by path. */
export async function filesOf(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { path } of await entriesOf(folder)) {
    // Latin-1 keeps every byte apart, so that equal texts are equal bytes.
    const bytes = await Deno.readFile(`${folder}/${path}`);
    files.set(path, Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }
  return files;
}

/** One line for each file: its path and its size. */
export async function describeTree(folder: string): Promise<string> {
  const entries = await entriesOf(folder);
  const width = Math.max(...entries.map(({ path }) => path.length));
  return entries.map(({ path, size }) => `${path.padEnd(width)}  ${String(size).padStart(6)} B`)
    .join("\n");
}

async function entriesOf(folder: string, prefix = ""): Promise<{ path: string; size: number }[]> {
  const entries: { path: string; size: number }[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${prefix}`)) {
    const path = prefix + name;
    if (isDirectory) entries.push(...await entriesOf(folder, `${path}/`));
    else entries.push({ path, size: (await Deno.lstat(`${folder}/${path}`)).size });
  }
  return entries.sort((a, b) => a.path < b.path ? -1 : 1);
}
