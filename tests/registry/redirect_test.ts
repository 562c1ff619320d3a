import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { refuseRedirect } from "../../lib/registry/redirect.ts";

const FROM = "https://registry.test/v2/org/model/blobs/sha256:00";

const FOLLOWED: { name: string; from?: string; location: string; expected?: string }[] = [
  { name: "another host, with its query", location: "https://storage.test/x?signature=a%2Bb" },
  { name: "a path", location: "/other", expected: "https://registry.test/other" },
  {
    name: "a relative path",
    location: "../uploads",
    expected: "https://registry.test/v2/org/model/uploads",
  },
  { name: "a host without scheme", location: "//cdn.test/x", expected: "https://cdn.test/x" },
  {
    name: "a URL with user, password and fragment, which are left out",
    location: "https://user:secret@storage.test/x#part",
    expected: "https://storage.test/x",
  },
  { name: "plain HTTP to TLS", from: "http://registry.test/", location: "https://storage.test/" },
  {
    name: "plain HTTP to plain HTTP",
    from: "http://registry.test/",
    location: "http://storage.test/",
  },
  {
    name: "loopback to loopback",
    from: "http://127.0.0.1:5000/",
    location: "http://localhost:9000/",
  },
  { name: "a private address, as a MinIO has it", location: "https://10.0.0.7:9000/bucket" },
  { name: "a name that only begins like localhost", location: "https://localhost.storage.test/" },
  { name: "an address that only looks link-local", location: "https://169.255.169.254/" },
];

for (const { name, from = FROM, location, expected = location } of FOLLOWED) {
  Deno.test(`redirect followed: ${name}`, () => {
    assert.equal(refuseRedirect(from, location, "registry.test"), expected);
  });
}

const REFUSED: { name: string; from?: string; location: string; why: RegExp }[] = [
  { name: "TLS to plain HTTP", location: "http://storage.test/", why: /from TLS to plain HTTP/ },
  { name: "a file", location: "file:///etc/passwd", why: /scheme is "file:"/ },
  { name: "a data URL", location: "data:text/plain,x", why: /scheme is "data:"/ },
  { name: "FTP", location: "ftp://storage.test/", why: /scheme is "ftp:"/ },
  { name: "what is no URL", location: "https://[::1", why: /: it is not a URL$/ },
  ...[
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.254.",
    "169。254。169。254",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::254]",
    "[fd00:ec2:0:0::254]",
    "[FD00:0EC2::254]",
    "[fd00:ec2::23]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "[fe80::1]",
    "[febf::1]",
  ].map((host) => ({
    name: `link-local as ${host}`,
    location: `https://${host}/latest/meta-data`,
    why: /link-local/,
  })),
  {
    name: "link-local, also from loopback",
    from: "http://127.0.0.1:5000/",
    location: "http://169.254.169.254/",
    why: /link-local/,
  },
  ...[
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "0x7f.1",
    "017700000001",
    "2130706433",
    "0.0.0.0",
    "0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "registry.localhost",
    "registry.localhost.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f12:1]",
    "[::ffff:0.0.0.0]",
  ].map((host) => ({
    name: `this machine as ${host}`,
    location: `https://${host}:8443/x`,
    why: /this machine itself/,
  })),
];

for (const { name, from = FROM, location, why } of REFUSED) {
  Deno.test(`redirect refused: ${name}`, () => {
    assert.throws(() => refuseRedirect(from, location, "registry.test"), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.outcome, "unavailable");
      assert.equal(error.transient, false);
      assert.equal(error.host, "registry.test");
      assert.match(error.message, why);
      assert.match(error.message, /^Cannot follow a redirect of "registry.test": /);
      return true;
    });
  });
}

Deno.test("redirect refused: the message says nothing of the target, which may carry a signature", () => {
  assert.throws(
    () => refuseRedirect(FROM, "http://storage.test/?signature=abc", "registry.test"),
    (error) => error instanceof Failure && !/signature|storage/.test(error.message),
  );
});
