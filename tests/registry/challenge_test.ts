import assert from "node:assert/strict";
import fc from "fast-check";
import { type Challenge, parseChallenges } from "../../lib/registry/challenge.ts";

const CASES: { name: string; header: string; expected: Challenge[] }[] = [
  { name: "nothing", header: "", expected: [] },
  {
    name: "Docker Hub's",
    header: 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",' +
      'scope="repository:org/model:pull"',
    expected: [{
      scheme: "bearer",
      parameters: {
        realm: "https://auth.docker.io/token",
        service: "registry.docker.io",
        scope: "repository:org/model:pull",
      },
    }],
  },
  {
    name: "names in other cases, spaces around the signs",
    header: 'BASIC  Realm = "a registry" , CharSet=UTF-8',
    expected: [{ scheme: "basic", parameters: { realm: "a registry", charset: "UTF-8" } }],
  },
  {
    name: "several challenges in one header",
    header: 'Basic realm="x", Bearer realm="https://a.test/t",scope="a b", Negotiate',
    expected: [
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { realm: "https://a.test/t", scope: "a b" } },
      { scheme: "negotiate", parameters: {} },
    ],
  },
  {
    name: "commas, schemes and escaped quotes inside a quoted value",
    header: 'Bearer realm="a, Basic realm=\\"b\\", c\\\\"',
    expected: [{ scheme: "bearer", parameters: { realm: 'a, Basic realm="b", c\\' } }],
  },
  {
    name: "a challenge with a value alone, before another",
    header: 'Negotiate YII+/abc==, Basic realm="x"',
    expected: [
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: { realm: "x" } },
    ],
  },
  {
    name: "a parameter before any scheme is passed over",
    header: 'realm="x", Basic realm="y"',
    expected: [{ scheme: "basic", parameters: { realm: "y" } }],
  },
  {
    name: "empty list members",
    header: ',, Basic ,, realm="x",',
    expected: [{ scheme: "basic", parameters: { realm: "x" } }],
  },
];

for (const { name, header, expected } of CASES) {
  Deno.test(`challenges: ${name}`, () => {
    assert.deepEqual(parseChallenges(header), expected);
  });
}

Deno.test("challenges: any text is parsed without an error, into no more than it holds", () => {
  const pieces = fc.constantFrom("Bearer", "Basic", "realm", "=", '"', "\\", ",", " ", "\t", "é");
  const header = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.oneof(pieces, fc.string()), { maxLength: 200 }).map((parts) => parts.join("")),
  );
  fc.assert(fc.property(header, (text) => {
    const challenges = parseChallenges(text);
    const values = challenges.flatMap(({ scheme, parameters }) => [
      scheme,
      ...Object.entries(parameters).flat(),
    ]);
    assert.ok(values.join("").length <= text.length);
  }));
});

Deno.test("challenges: well-formed headers are read as they were written", () => {
  const tokenUnit = fc.constantFrom(..."abcxyz019-._~!#$%&'*+^`|");
  const token = fc.string({ unit: tokenUnit, minLength: 1, maxLength: 12 });
  const value = fc.string({ unit: fc.constantFrom(...'ab ,="\\:/;Basic \tü') });
  const challenge = fc.record({
    scheme: token,
    parameters: fc.dictionary(token, value, { maxKeys: 4, noNullPrototype: true }),
  }, { noNullPrototype: true });
  const quote = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  fc.assert(fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
    const header = challenges.map(({ scheme, parameters }) => {
      const list = Object.entries(parameters).map(([name, text]) => `${name}=${quote(text)}`);
      return `${scheme.toUpperCase()} ${list.join(", ")}`;
    }).join(", ");
    assert.deepEqual(parseChallenges(header), challenges);
  }));
});

for (
  const [name, header] of [
    ["a value whose quote never ends", 'Bearer realm="' + "x".repeat(100_000)],
    ["a name that never ends", "a".repeat(100_000)],
    ["a long name and an open quote", "a".repeat(8_000) + '="' + "b".repeat(8_000)],
    ["open quotes without end", 'a="\\'.repeat(30_000)],
    ["spaces without end", `Bearer${" ".repeat(100_000)}x`],
    ["spaces between a name and no sign", `a${" ".repeat(100)}`.repeat(1_000)],
  ]
) {
  Deno.test(`challenges: ${name} costs little`, () => {
    const started = performance.now();
    parseChallenges(header);
    assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`);
  });
}
