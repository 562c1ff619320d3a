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
