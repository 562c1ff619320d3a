/**
 * The object that `text` is in JSON, or `undefined` where it is anything else. What the parser says of a mistake is
 * kept back: it quotes the text, which may hold secrets.
 */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** `value` if it is an object with names, and no list. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : undefined;
}

/** A manifest has two for each layer. One that takes two characters of text takes some 50 bytes of memory. */
const MAX_PARTS = 100_000;

/**
 * What a stranger's `text` is in JSON.
 *
 * @throws {Error} where it is none, or has so many objects and lists that it can only be meant to use up memory
 */
export function parseForeign(text: string): unknown {
  let parts = 0;
  for (const bracket of ["{", "["]) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++parts > MAX_PARTS) throw new Error(`it has more than ${MAX_PARTS} parts`);
    }
  }
  return JSON.parse(text);
}

/** What is wrong with a number of bytes in a stranger's JSON, if anything is: past 2^53 numbers are not exact. */
export function problemOfSize(size: unknown): string | undefined {
  if (Number.isSafeInteger(size) && (size as number) >= 0) return undefined;
  return typeof size === "number"
    ? `has the size ${size}, and a size is a whole number from 0 up to 2^53`
    : "has no size";
}
