const HIDDEN = "***";

/** All that was ever wrapped, for the sink of the log (see redact.ts): a secret cannot be forgotten there. */
const known = new Set<string>();

/**
 * A value that must not be printed. However it is turned into text it reads `***`; only `reveal` gives it out,
 * and the calls of `reveal` are few enough to be read one by one.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    if (value !== "") known.add(value);
  }

  /** The value itself: for a request's header or a child's standard input, for nothing else. */
  reveal(): string {
    return this.#value;
  }

  get isEmpty(): boolean {
    return this.#value === "";
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return HIDDEN;
  }
}

/** Every secret of this process so far, longest first. Only the redaction asks. */
export function knownSecrets(): string[] {
  return [...known].sort((a, b) => b.length - a.length);
}
