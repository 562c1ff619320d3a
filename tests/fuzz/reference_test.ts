import assert from "node:assert/strict";
import fc from "fast-check";
import { formatReference, isHost, parseReference, ReferenceError } from "../../lib/reference.ts";
import { changed, fuzz, textOf } from "./fuzz.ts";

const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,9}[a-zA-Z0-9])?$/);
const name = fc.oneof(
  fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join(".")),
  fc.ipV4(),
);
const port = fc.integer({ min: 1, max: 65535 });
const host = fc.oneof(
  name,
  fc.tuple(fc.oneof(name, label), port).map((parts) => parts.join(":")),
  fc.tuple(fc.ipV6().filter((address) => !address.includes(".")), port)
    .map(([address, port]) => `[${address}]:${port}`),
);
const repository = fc.array(
  fc.stringMatching(/^[a-z0-9]{1,6}((\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/),
  { minLength: 1, maxLength: 5 },
).map((parts) => parts.join("/"));
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const version = fc.oneof(
  fc.constant({ tag: "latest" }),
  fc.record({ tag: fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/) }),
  fc.record({ digest: hex(64).map((text) => `sha256:${text}`) }),
  fc.record({ digest: hex(128).map((text) => `sha512:${text}`) }),
);
const reference = fc.tuple(host, repository, version).map(([host, repository, version]) => ({
  host,
  repository,
  ...version,
}));

fuzz("a reference is read as it was written, with and without kit://", [reference], (expected) => {
  const text = formatReference(expected);
  assert.deepEqual(parseReference(text), expected);
  assert.deepEqual(parseReference(`kit://${text}`), expected);
});

fuzz(
  "a digest wins over a tag beside it, and no tag is latest",
  [reference, hex(64)],
  (one, hex) => {
    const { host, repository } = one;
    const digest = `sha256:${hex}`;
    const name = `${host}/${repository}`;
    assert.deepEqual(parseReference(name), { host, repository, tag: "latest" });
    assert.deepEqual(parseReference(`${name}:old@${digest}`), { host, repository, digest });
  },
);

fuzz(
  "a reference with one change is refused, or is what its new text says",
  [changed(reference.map((one) => `kit://${formatReference(one)}`))],
  (text) => {
    const read = readOrRefuse(text);
    if (read === undefined) return;
    const formatted = formatReference(read);
    assert.deepEqual(parseReference(formatted), read);
    const said = text.replace(/^kit:\/\//, "");
    // A tag may be left out, and does not count beside a digest.
    const same = [said, `${said}:latest`, said.replace(/(\/[^:@]*):[^@]*@/, "$1@")];
    assert.ok(same.includes(formatted), `${text} was read as ${formatted}`);
  },
);

fuzz(
  "any text is refused, or names a host and a repository and nothing else",
  [textOf(
    "kit://",
    "ghcr.io",
    "/",
    ":",
    "@",
    "sha256:",
    "..",
    "-",
    "a",
    "[",
    "]",
    "_",
    "%2f",
    "\n",
  )],
  (text) => {
    const read = readOrRefuse(text);
    if (read === undefined) return;
    const { host, repository, tag, digest } = read;
    assert.ok(isHost(host));
    assert.match(`${repository}@${tag ?? digest}`, /^[a-z0-9][a-z0-9._/-]*@[\w.:-]+$/);
    assert.equal(new URL(`https://h/v2/${repository}/x`).pathname, `/v2/${repository}/x`);
  },
);

function readOrRefuse(text: string) {
  try {
    return parseReference(text);
  } catch (error) {
    assert.ok(error instanceof ReferenceError, String(error));
    return undefined;
  }
}
