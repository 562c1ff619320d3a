import fc from "fast-check";

/** Cases of each property: FUZZ_RUNS makes it a long search. */
const RUNS = Number(Deno.env.get("FUZZ_RUNS") || 1000);
/** Where the search begins: FUZZ_SEED repeats an earlier one. */
const SEED = Number(Deno.env.get("FUZZ_SEED") || Math.floor(Math.random() * 2 ** 31));

let cases = 0;
globalThis.addEventListener("unload", () => {
  console.log(`fuzz: ${cases} cases, FUZZ_SEED=${SEED}`);
});

type Arbitraries<Values> = { [Index in keyof Values]: fc.Arbitrary<Values[Index]> };

/**
 * Registers a test that `holds` throws for none of the values that the arbitraries make. What fails is made smaller, and
 * shown with the seed.
 *
 * @param options `cost`: how many times fewer cases than usual there are; below 1 there are more
 */
export function fuzz<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: Arbitraries<Values>,
  holds: (...values: Values) => void | Promise<void>,
  { cost = 1 } = {},
): void {
  Deno.test(`fuzz: ${name}`, async () => {
    const property = fc.asyncProperty(
      fc.tuple(...arbitraries as Arbitraries<unknown[]>),
      async (values) => {
        cases++;
        await holds(...values as Values);
      },
    );
    await fc.assert(property, { seed: SEED, numRuns: Math.ceil(RUNS / cost) });
  });
}

/** Any text: of the pieces that mean something to what is tested, and of everything else. */
export function textOf(...pieces: string[]): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 30 })
      .map((parts) => parts.join("")),
    // The same again and again: what searches badly takes very long.
    fc.tuple(fc.constantFrom(...pieces), fc.integer({ min: 1, max: 3000 }), fc.string())
      .map(([piece, count, end]) => piece.repeat(count) + end),
  );
}

/** A text with one change at any place: a character more, less, or another one. */
export function changed(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(texts, fc.nat(), fc.string({ maxLength: 1 }), fc.boolean()).map(
    ([text, place, more, isLonger]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + more + text.slice(isLonger ? at : at + 1);
    },
  );
}

/** Any JSON value, as often as not an object with some of these members. */
export function jsonWith(...members: string[]): fc.Arbitrary<unknown> {
  const value = fc.jsonValue({ maxDepth: 3 });
  const known = fc.dictionary(
    fc.constantFrom(...members),
    fc.oneof(value, fc.string(), fc.integer()),
    { noNullPrototype: true },
  );
  return fc.oneof(value, known);
}
