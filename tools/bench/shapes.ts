import { createCipheriv } from "node:crypto";
import { packAndPush } from "../kit.ts";

/** A ModelKit to measure with. */
export interface Shape {
  name: string;
  layers: number;
  /** Bytes of each. */
  size: number;
  /** Only to see that memory does not grow with it: once, and without the ways that are known by then. */
  isLarge?: boolean;
}

/** Sizes of the real thing, or a hundredth of it, to see whether the benchmark itself works. */
export function shapes(isSmoke: boolean): Shape[] {
  const scale = isSmoke ? 100 : 1;
  return [
    { name: "one layer of 1 GB", layers: 1, size: 1e9 / scale },
    { name: "8 layers of 128 MB", layers: 8, size: 128e6 / scale },
    { name: "200 layers of 100 kB", layers: isSmoke ? 20 : 200, size: 100e3 },
    { name: "one layer of 4 GB", layers: 1, size: 4e9 / scale, isLarge: true },
  ];
}

/** Packs and pushes it; bytes do not compress, and are the same each time. */
export async function pushShape(
  { layers, size }: Shape,
  { kit, reference, folder }: { kit: string; reference: string; folder: string },
): Promise<void> {
  await Deno.mkdir(folder);
  const names = Array.from({ length: layers }, (_, index) => `part-${index}.bin`);
  for (const [index, name] of names.entries()) await writeNoise(`${folder}/${name}`, size, index);
  const [model, ...parts] = names;
  const kitfile = {
    manifestVersion: "1.0.0",
    model: { path: model, parts: parts.map((path) => ({ path })) },
  };
  await Deno.writeTextFile(`${folder}/Kitfile`, JSON.stringify(kitfile));
  await packAndPush(kit, { folder, reference, plainHttp: true });
  await Deno.remove(folder, { recursive: true });
}

async function writeNoise(path: string, size: number, seed: number): Promise<void> {
  const cipher = createCipheriv("aes-128-ctr", block(seed), block(0));
  const zeros = new Uint8Array(4 * 1024 * 1024);
  using file = await Deno.open(path, { write: true, create: true });
  for (let left = size; left > 0; left -= zeros.length) {
    const noise = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)));
    for (let offset = 0; offset < noise.length;) offset += await file.write(noise.subarray(offset));
  }
}

function block(seed: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes[0] = seed;
  return bytes;
}
