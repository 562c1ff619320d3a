import assert from "node:assert/strict";
import fc from "fast-check";
import { redact } from "../lib/redact.ts";
import { Secret } from "../lib/secret.ts";

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl";

const ROWS: [name: string, text: string, shown: string][] = [
  ["plain text stays", "Cannot find it: 404, sha256:abc", "Cannot find it: 404, sha256:abc"],
  ["a URL stays", "GET https://ghcr.io:443/v2/a/b: 500", "GET https://ghcr.io:443/v2/a/b: 500"],
  ["a reference by digest stays", "kit://ghcr.io/a/b@sha256:00ff", "kit://ghcr.io/a/b@sha256:00ff"],
  ["user and password of a URL go", "http://me:pw@proxy:3128/x", "http://***@proxy:3128/x"],
  ["a user alone goes", "https://token@ghcr.io/v2", "https://***@ghcr.io/v2"],
  ["a password with a slash goes", "http://me:p/w@proxy:3128", "http://***@proxy:3128"],
  ["a password with an @ goes", "http://me:p@w@proxy:3128", "http://***@proxy:3128"],
  [
    "user info in front of a digest goes",
    "https://me:pw@h/a/b@sha256:00ff",
    "https://***@h/a/b@sha256:00ff",
  ],
  ["a query goes", "https://s3.test/b?X-Amz-Signature=00ff&x=1 end", "https://s3.test/b?*** end"],
  ["a fragment goes", "https://h.test/b#access_token=00ff", "https://h.test/b?***"],
  ["quotes end a URL", 'Get "https://h.test/b?x=1": EOF', 'Get "https://h.test/b?***": EOF'],
  ["each of several URLs", "a://x?1 b://y:z@h c", "a://x?*** b://***@h c"],
  ["a bearer token goes", "Authorization: Bearer abcdefgh", "Authorization: Bearer ***"],
  ["basic credentials go", "Authorization: Basic bWU6cHc=", "Authorization: Basic ***"],
  ["the word basic stays", "basic credential not found", "basic credential not found"],
  ["a word with eyJ in it stays", "heyJude.tar.gz of a.b.c", "heyJude.tar.gz of a.b.c"],
  ["what has no letter before its colon goes too", "://me:pw@h/x", "://***@h/x"],
  ["a JSON web token goes", `token=${JWT}.`, "token=***."],
];
for (const [name, text, shown] of ROWS) {
  Deno.test(`redact: ${name}`, () => assert.equal(redact(text), shown));
}

Deno.test("redact: the longer of two secrets that begin alike goes as a whole", () => {
  new Secret("password");
  new Secret("password-of-mine");
  assert.equal(redact("password-of-mine password"), "*** ***");
});

Deno.test("redact: a secret of three characters would only be shown by stars everywhere", () => {
  new Secret("the");
  assert.equal(redact("the other"), "the other");
});

/** The forms in which a text may show a secret, and texts around it. */
const FORMS: Record<string, (secret: string) => string> = {
  "as it is": (secret) => `said: ${secret}!`,
  "in JSON": (secret) => JSON.stringify({ error: secret }),
  "in base64": (secret) => `auth=${base64(secret)} end`,
  "in base64 without padding": (secret) => `auth=${unpadded(secret)} end`,
  "in base64url": (secret) => `auth=${base64url(secret)} end`,
  "as a component of a URL": (secret) => `body password=${encodeURIComponent(secret)} end`,
  "as a component of a URL, in small letters": (secret) => `body password=${small(secret)} end`,
  "in a form": (secret) => `body password=${formValue(secret)} end`,
  "as a URL's password": (secret) => `https://me:${encodeURIComponent(secret)}@h.test/v2/`,
  "as it is as a URL's password": (secret) => `https://me:${secret}@h.test/v2/`,
  "in a URL's query": (secret) => `https://h.test/v2/?a=1&token=${encodeURIComponent(secret)}&b=2`,
  "in a URL's fragment": (secret) => `https://h.test/v2/#${encodeURIComponent(secret)}`,
  "in a header": (secret) => `Authorization: Bearer ${secret}`,
};
for (const [name, show] of Object.entries(FORMS)) {
  Deno.test(`redact: no secret survives ${name}`, () => {
    const text = fc.oneof(
      fc.string({ minLength: 4, maxLength: 40 }),
      fc.string({ unit: "grapheme", minLength: 4, maxLength: 20 }),
      fc.string({ unit: "binary", minLength: 4, maxLength: 20 }),
    ).filter((secret) => secret.isWellFormed() && secret.length >= 4);
    fc.assert(
      fc.property(text, (secret) => {
        // What the text around it says too cannot be taken out of it.
        fc.pre(!`${show("")} ${redact(show(""))} ***`.includes(secret) && !secret.includes("**"));
        new Secret(secret);
        const shown = redact(show(secret));
        const others = [encodeURIComponent, small, formValue, unpadded, base64url];
        const forms = [secret, ...others.map((form) => form(secret))];
        const survivors = forms.filter((form) => shown.includes(form));
        assert.deepEqual(
          survivors,
          [],
          `${JSON.stringify(show(secret))} became ${JSON.stringify(shown)}`,
        );
        // Every secret stays known, so that more runs take ever more time.
      }),
      { numRuns: 50 },
    );
  });
}

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

function base64url(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function unpadded(text: string): string {
  return base64(text).replaceAll("=", "");
}

function small(text: string): string {
  return encodeURIComponent(text).replaceAll(/%../g, (hex) => hex.toLowerCase());
}

function formValue(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}
