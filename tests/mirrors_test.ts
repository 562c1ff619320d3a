import assert from "node:assert/strict";
import { mirrorsOf, parseMirrors } from "../lib/mirrors.ts";

const READ: [word: string, host: string, api: string, prefix: string, isPlainHttp: boolean][] = [
  ["ghcr.io=https://m.test", "m.test", "https://m.test/v2", "", false],
  ["ghcr.io=https://m.test/", "m.test", "https://m.test/v2", "", false],
  ["ghcr.io=https://m.test/ghcr", "m.test", "https://m.test/v2", "ghcr/", false],
  ["ghcr.io=https://m.test/a/b/", "m.test", "https://m.test/v2", "a/b/", false],
  ["ghcr.io=https://m.test/v2", "m.test", "https://m.test/v2", "", false],
  ["ghcr.io=https://m.test/v2/ghcr", "m.test", "https://m.test/v2", "ghcr/", false],
  ["ghcr.io=https://m.test/nexus/v2/x", "m.test", "https://m.test/nexus/v2", "x/", false],
  ["ghcr.io=https://m.test/v2x", "m.test", "https://m.test/v2", "v2x/", false],
  ["ghcr.io=https://m.test:8443/x", "m.test:8443", "https://m.test:8443/v2", "x/", false],
  ["ghcr.io=https://m.test:443", "m.test", "https://m.test/v2", "", false],
  ["ghcr.io=http://10.0.0.1:5000", "10.0.0.1:5000", "http://10.0.0.1:5000/v2", "", true],
  ["ghcr.io=http://[::1]:5000", "[::1]:5000", "http://[::1]:5000/v2", "", true],
];

for (const [word, host, api, prefix, isPlainHttp] of READ) {
  Deno.test(`mirrors: ${word} is asked at ${api}/${prefix}…`, () => {
    const mistakes: string[] = [];
    const mirrors = parseMirrors(word, mistakes);
    assert.deepEqual(mistakes, []);
    assert.deepEqual(mirrorsOf("ghcr.io", mirrors), [{ host, api, prefix, isPlainHttp }]);
  });
}

Deno.test("mirrors: several hosts, and several mirrors of one in their order", () => {
  const text = " ghcr.io=https://a.test\n\tlocalhost:5000=https://b.test  ghcr.io=https://c.test ";
  const mirrors = parseMirrors(text, []);
  const hosts = (host: string) => mirrorsOf(host, mirrors).map(({ host }) => host);
  assert.deepEqual(hosts("ghcr.io"), ["a.test", "c.test"]);
  assert.deepEqual(hosts("localhost:5000"), ["b.test"]);
  assert.deepEqual(hosts("quay.io"), []);
});

Deno.test("mirrors: Docker Hub's names are one, and the case of a host does not count", () => {
  const mirrors = parseMirrors("index.docker.io=https://a.test GHCR.IO=https://b.test", []);
  assert.equal(mirrorsOf("docker.io", mirrors).length, 1);
  assert.equal(mirrorsOf("ghcr.io", mirrors).length, 1);
});

const MISTAKES: [name: string, word: string, says: RegExp][] = [
  ["no host", "https://m.test", /entry 1 is not HOST=URL/],
  ["an empty host", "=https://m.test", /entry 1 is not HOST=URL/],
  ["a host with a path", "ghcr.io/org=https://m.test", /entry 1 is not HOST=URL/],
  ["a host without a dot", "ghcr=https://m.test", /entry 1 is not HOST=URL/],
  ["a host with a port past the last", "ghcr.io:65536=https://m.test", /entry 1 is not HOST=URL/],
  ["a URL in place of the host", "https://ghcr.io=https://m.test", /entry 1 is not HOST=URL/],
  ["no URL", "ghcr.io=", /"ghcr\.io" must be an http or https URL/],
  ["a host in place of the URL", "ghcr.io=m.test", /"ghcr\.io" must be an http or https URL/],
  ["another scheme", "ghcr.io=ftp://m.test", /"ghcr\.io" must be an http or https URL/],
  ["a password", "ghcr.io=https://me:hunter2@m.test", /without user, query and fragment/],
  ["a query", "ghcr.io=https://m.test?token=hunter2", /without user, query and fragment/],
  ["a fragment", "ghcr.io=https://m.test#x", /without user, query and fragment/],
  ["an escape in the path", "ghcr.io=https://m.test/a%20b", /"ghcr\.io" must be/],
];

for (const [name, word, says] of MISTAKES) {
  Deno.test(`mirrors: ${name} is a mistake, and the good ones count all the same`, () => {
    const mistakes: string[] = [];
    const mirrors = parseMirrors(`${word} quay.io=https://q.test`, mistakes);
    assert.equal(mistakes.length, 1);
    assert.match(mistakes[0], says);
    assert.match(mistakes[0], /^KIT_MIRRORS: /);
    assert.doesNotMatch(mistakes[0], /hunter2/);
    assert.deepEqual([...mirrors.keys()], ["quay.io"]);
  });
}
