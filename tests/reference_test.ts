import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatReference,
  isReference,
  parseReference,
  type Reference,
  ReferenceError,
} from "../lib/reference.ts";

const HEX = "0123456789abcdef".repeat(4);
const DIGEST = `sha256:${HEX}`;

const GOOD: [name: string, uri: string, reference: Reference][] = [
  ["host, repository and tag", "kit://ghcr.io/org/model:v1", {
    host: "ghcr.io",
    repository: "org/model",
    tag: "v1",
  }],
  ["no prefix, as upstream allowed", "ghcr.io/org/model:v1", {
    host: "ghcr.io",
    repository: "org/model",
    tag: "v1",
  }],
  ["a missing tag is latest", "kit://ghcr.io/model", {
    host: "ghcr.io",
    repository: "model",
    tag: "latest",
  }],
  ["a port", "kit://localhost:5000/model:v1", {
    host: "localhost:5000",
    repository: "model",
    tag: "v1",
  }],
  ["a port and no tag", "kit://registry.test:5000/a/b", {
    host: "registry.test:5000",
    repository: "a/b",
    tag: "latest",
  }],
  ["an address", "kit://127.0.0.1:5000/m", {
    host: "127.0.0.1:5000",
    repository: "m",
    tag: "latest",
  }],
  ["an address of IP version 6", "kit://[::1]:5000/m:t", {
    host: "[::1]:5000",
    repository: "m",
    tag: "t",
  }],
  ["a nested repository", "kit://ghcr.io/a/b/c/d-e__f.g:T_1.2-x", {
    host: "ghcr.io",
    repository: "a/b/c/d-e__f.g",
    tag: "T_1.2-x",
  }],
  ["docker.io as it is written", "kit://docker.io/org/model:v1", {
    host: "docker.io",
    repository: "org/model",
    tag: "v1",
  }],
  ["a digest", `kit://ghcr.io/org/model@${DIGEST}`, {
    host: "ghcr.io",
    repository: "org/model",
    digest: DIGEST,
  }],
  ["a digest wins over a tag beside it", `kit://ghcr.io/org/model:v1@${DIGEST}`, {
    host: "ghcr.io",
    repository: "org/model",
    digest: DIGEST,
  }],
  ["a digest of another algorithm", `kit://ghcr.io/m@sha512:${HEX}${HEX}`, {
    host: "ghcr.io",
    repository: "m",
    digest: `sha512:${HEX}${HEX}`,
  }],
  ["a tag of 128 characters", `kit://ghcr.io/m:${"t".repeat(128)}`, {
    host: "ghcr.io",
    repository: "m",
    tag: "t".repeat(128),
  }],
];
for (const [name, uri, reference] of GOOD) {
  Deno.test(`reference: ${name}`, () => assert.deepEqual(parseReference(uri), reference));
}

const BAD: [name: string, uri: string, why: RegExp][] = [
  ["another scheme", "s3://bucket/model", /^the scheme is "s3:\/\/" and only "kit:\/\/"/],
  ["oci://", "oci://ghcr.io/org/model", /scheme is "oci:\/\/"/],
  ["a scheme in capitals", "KIT://ghcr.io/org/model", /scheme/],
  ["nothing", "", /no registry host/],
  ["nothing but the prefix", "kit://", /no registry host/],
  ["no host, which kit looks up locally", "kit://org/model:v1", /no registry host/],
  ["a bare name", "kit://model", /no registry host/],
  [
    "localhost without a port, which kit takes for a repository",
    "kit://localhost/m",
    /no registry/,
  ],
  ["no repository", "kit://ghcr.io/", /"" is not a repository/],
  ["only a host", "kit://ghcr.io", /no registry host/],
  ["a port that is no number", "kit://ghcr.io:x/m", /not a host/],
  ["port 0", "kit://ghcr.io:0/m", /not a host/],
  ["port 65536", "kit://ghcr.io:65536/m", /not a host/],
  [
    "a password with a slash",
    "kit://user:p/w@ghcr.io/m",
    /^it holds a user name or a password: [^/]*$/,
  ],
  [
    "a user in front of the host",
    "kit://user:pw@ghcr.io/m",
    /^it holds a user name or a password: set KIT_USER/,
  ],
  ["a host with a space", "kit://ghcr .io/m", /" is not a host with an optional port$/],
  ["a host that begins with a dash", "kit://-x.io/m", /not a host/],
  ["a host with two dots", "kit://ghcr..io/m", /not a host/],
  ["a repository in capitals", "kit://ghcr.io/Org/model", /lower-case/],
  ["two slashes", "kit://ghcr.io/org//model", /not a repository/],
  ["a parent folder", "kit://ghcr.io/../model", /not a repository/],
  ["a slash at the end", "kit://ghcr.io/org/model/", /not a repository/],
  ["a query", "kit://ghcr.io/org/model?x=1", /not a repository/],
  ["an empty tag", "kit://ghcr.io/m:", /"" is not a tag/],
  ["a tag that begins with a dash", "kit://ghcr.io/m:-v", /not a tag/],
  ["a tag of 129 characters", `kit://ghcr.io/m:${"t".repeat(129)}`, /not a tag/],
  ["a tag with a line end", "kit://ghcr.io/m:v1\n", /not a tag/],
  ["several tags", "kit://ghcr.io/m:v1,v2", /only one tag/],
  ["an empty digest", "kit://ghcr.io/m@", /not a digest/],
  ["a short digest", "kit://ghcr.io/m@sha256:abc", /not a digest/],
  ["a digest in capitals", `kit://ghcr.io/m@${DIGEST.toUpperCase()}`, /not a digest/],
  ["a digest that is too long", `kit://ghcr.io/m@${DIGEST}0`, /not a digest/],
  ["a name of more than 255 characters", `kit://ghcr.io/${"m".repeat(250)}`, /not a repository/],
];
for (const [name, uri, why] of BAD) {
  Deno.test(`reference: ${name} is refused`, () => {
    assert.throws(() => parseReference(uri), (error) => {
      assert.ok(error instanceof ReferenceError);
      assert.match(error.message, why);
      return true;
    });
  });
}

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/);
const host = fc.tuple(
  fc.array(label, { minLength: 2, maxLength: 3 }).map((labels) => labels.join(".")),
  fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
).map(([name, port]) => port === undefined ? name : `${name}:${port}`);
const repository = fc.array(fc.stringMatching(/^[a-z0-9]{1,4}([._-][a-z0-9]{1,4})?$/), {
  minLength: 1,
  maxLength: 4,
}).map((parts) => parts.join("/"));
const version = fc.oneof(
  fc.record({ tag: fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/) }),
  fc.record({ digest: fc.stringMatching(/^[a-f0-9]{64}$/).map((hex) => `sha256:${hex}`) }),
);

Deno.test("reference: what is formatted is parsed to the same", () => {
  fc.assert(fc.property(host, repository, version, (host, repository, version) => {
    const reference = { host, repository, ...version };
    assert.deepEqual(parseReference(formatReference(reference)), reference);
    assert.deepEqual(parseReference(`kit://${formatReference(reference)}`), reference);
  }));
});

Deno.test("reference: any text is either refused or has no flag, no blank and no parent folder in it", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom("ghcr.io", "kit://", "/", ":", "@", "..", "-", " ", "a", "1", "\n"))
      .map(
        (parts) => parts.join(""),
      ),
  );
  fc.assert(
    fc.property(text, (uri) => {
      try {
        const formatted = formatReference(parseReference(uri));
        assert.match(formatted, /^[a-zA-Z0-9[][^\s]*$/);
        assert.ok(!formatted.split("/").includes(".."));
      } catch (error) {
        assert.ok(error instanceof ReferenceError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

const IN_KITFILES: [path: string, is: boolean][] = [
  ["ghcr.io/org/model:v1", true],
  ["localhost:5000/model:v1", true],
  [`ghcr.io/org/model@sha256:${"0".repeat(64)}`, true],
  ["ghcr.io/org/model", false],
  ["./weights/model.bin", false],
  ["weights:v1", false],
  ["s3://bucket/key", false],
  ["", false],
];
for (const [path, is] of IN_KITFILES) {
  Deno.test(`reference: "${path}" in a Kitfile is ${is ? "a ModelKit" : "a path"}`, () => {
    assert.equal(isReference(path), is);
  });
}
