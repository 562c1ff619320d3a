// Who gets credentials, and who may be asked at all.
import assert from "node:assert/strict";
import fc from "fast-check";
import { findEntry, loginOf, parseDockerConfig } from "../../lib/auth/docker_config_file.ts";
import { parseEcrHost } from "../../lib/auth/ecr_host.ts";
import { canonicalHost, parseRegistryAddress } from "../../lib/auth/registry_host.ts";
import { Failure } from "../../lib/errors.ts";
import { mirrorsOf, parseMirrors } from "../../lib/mirrors.ts";
import { parseChallenges } from "../../lib/registry/challenge.ts";
import { refuseRedirect } from "../../lib/registry/redirect.ts";
import { changed, fuzz, jsonWith, textOf } from "./fuzz.ts";

// Without two hyphens in a row: "xn--" begins what must be Punycode.
const label = fc.stringMatching(/^[a-z0-9]{1,3}(-[a-z0-9]{1,3})?$/);
const host = fc.tuple(
  fc.array(label, { minLength: 2, maxLength: 4 }),
  fc.constantFrom("", ":5000", ":443"),
).map(([labels, port]) => `${labels.join(".")}.test${port}`);
const path = fc.array(label.filter((one) => !/^v\d$/.test(one)), { maxLength: 3 })
  .map((parts) => parts.join("/"));

fuzz(
  "a registry's address is the same however people write it",
  [
    host,
    path,
    fc.constantFrom("", "http://", "https://", "HTTPS://"),
    fc.constantFrom("", "/v1", "/v2"),
    fc.nat(50),
  ],
  (host, path, scheme, version, slashes) => {
    const address = ` ${scheme}${host.toUpperCase()}${version}/${path}${"/".repeat(slashes)}`;
    assert.deepEqual(parseRegistryAddress(address), { host, path });
  },
);

const word = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());
const user = word.filter((text) => text !== "" && !text.includes(":") && text[0] !== "\ufeff");
const password = word.filter((text) => text !== "" && !text.endsWith("\0"));

fuzz("an entry's user and password come out as they went in", [host, user, password, fc.nat(9)], (
  host,
  user,
  password,
  padding,
) => {
  const bytes = new TextEncoder().encode(`${user}:${password}${"\0".repeat(padding)}`);
  const text = JSON.stringify({ auths: { [host]: { auth: bytes.toBase64() } } });
  const entry = findEntry(parseDockerConfig(text, "test")!, { host, repository: "a" });
  const login = loginOf(entry!);
  assert.ok("password" in login, JSON.stringify(login));
  assert.deepEqual([login.username, login.password.reveal()], [user, password]);
});

const entries = fc.uniqueArray(fc.tuple(fc.constantFrom("a.b", "a.b:1", "c.b"), path), {
  selector: (key) => key.join("/"),
});
fuzz(
  "of the entries for a host the longest path on whole segments counts",
  [entries, path.filter((path) => path !== "")],
  (keys, repository) => {
    const auths = Object.fromEntries(
      keys.map(([host, path], index) => [
        path === "" ? host : `${host}/${path}`,
        { username: `user-${index}`, password: "x" },
      ]),
    );
    const scope = { host: "a.b", repository };
    const found = findEntry(parseDockerConfig(JSON.stringify({ auths }), "test")!, scope);
    const segments = repository.split("/");
    const prefixes = segments.map((_, index) => segments.slice(0, index + 1).join("/"));
    const fitting = keys.filter(([host, path]) =>
      host === "a.b" && ["", ...prefixes].includes(path)
    );
    const longest = fitting.sort(([, a], [, b]) => b.length - a.length)[0];
    assert.deepEqual(found && [found.host, found.path], longest);
  },
);

const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "."), maxLength: 10 });
fuzz(
  "a * in an entry's host stands for a part of one label",
  [letters, fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 10 })],
  (pattern, host) => {
    fc.pre(pattern !== "" && host !== "");
    const text = JSON.stringify({ auths: { [pattern]: { auth: "x" } } });
    const found = findEntry(parseDockerConfig(text, "test")!, { host, repository: "a" });
    const model = pattern.replaceAll(".", "\\.").replaceAll("*", "[^.]*");
    assert.equal(found !== undefined, new RegExp(`^${model}$`).test(host));
  },
);

fuzz("many * in an entry's host cost little", [fc.nat(60), fc.nat(200)], (stars, length) => {
  const text = JSON.stringify({ auths: { [`${"*a".repeat(stars)}*.b`]: { auth: "x" } } });
  const started = performance.now();
  findEntry(parseDockerConfig(text, "test")!, { host: `${"a".repeat(length)}.c`, repository: "a" });
  assert.ok(performance.now() - started < 1000);
});

fuzz(
  "any JSON is a docker config or none, and what it gives is a login or what is wrong with it",
  [jsonWith("auths", "credHelpers", "credsStore", "auth", "identitytoken", "registrytoken")],
  (value) => {
    for (const config of [value, { auths: value }, { auths: { "a.b": value } }]) {
      for (const entry of parseDockerConfig(JSON.stringify(config), "test") ?? []) {
        const login = loginOf(entry);
        if ("problem" in login) assert.ok(login.problem !== "" && login.hint !== "");
        else assert.ok(!login.password.isEmpty && typeof login.username === "string");
      }
    }
  },
);

fuzz(
  "any text is a docker config or none",
  [textOf("{", "}", '"auths"', ":", '"', "[", "\\")],
  (text) => {
    const entries = parseDockerConfig(text, "test");
    if (entries !== undefined) assert.doesNotThrow(() => JSON.parse(text));
  },
);

const region = fc.constantFrom("eu-west-1", "us-gov-east-1", "ap-southeast-12", "eusc-de-east-1");
const domain = fc.constantFrom("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "on.aws");
const ecr = fc.tuple(
  fc.stringMatching(/^\d{12}$/),
  fc.constantFrom(".dkr.ecr.", ".dkr-ecr.", ".dkr.ecr-fips."),
  region,
  domain,
);
fuzz(
  "a host with one change is one of ECR's only where it is still below a domain of AWS",
  [changed(
    ecr.map(([account, middle, region, domain]) => `${account}${middle}${region}.${domain}`),
  )],
  (host) => {
    const found = parseEcrHost(host);
    if (found === undefined) return;
    const { account, region } = found;
    const lower = host.toLowerCase();
    assert.match(lower, /\.(amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|on\.aws)(:443)?$/);
    assert.ok(lower.startsWith(`${account}.dkr`) && lower.includes(`.${region}.`), host);
    assert.match(`${account} ${region}`, /^\d{12} [a-z-]+-\d{1,2}$/);
  },
);

const segments = fc.array(
  fc.stringMatching(/^[A-Za-z0-9_~-]{1,6}$/).filter((one) => one !== "v2"),
  {
    maxLength: 3,
  },
);
fuzz(
  "mirrors are asked in their order, each at its own path",
  [
    fc.array(fc.tuple(host, fc.constantFrom("http", "https"), host, segments), { maxLength: 4 }),
    fc.constantFrom(" ", "\n", "  "),
  ],
  (list, blank) => {
    const text = list.map(([host, scheme, mirror, parts]) =>
      `${host}=${scheme}://${[mirror, ...parts].join("/")}`
    ).join(blank);
    const mistakes: string[] = [];
    const mirrors = parseMirrors(text, mistakes);
    assert.deepEqual(mistakes, []);
    for (const [host] of list) {
      const expected = list.filter(([other]) => canonicalHost(other) === canonicalHost(host))
        .map(([, scheme, mirror, parts]) => {
          const { host, origin } = new URL(`${scheme}://${mirror}`);
          const prefix = parts.map((part) => `${part}/`).join("");
          return { host, api: `${origin}/v2`, prefix, isPlainHttp: scheme === "http" };
        });
      assert.deepEqual(mirrorsOf(host, mirrors), expected);
    }
  },
);

fuzz(
  "any text is mirrors without user, query and fragment; a mistake shows nothing of a URL",
  [textOf(
    "a.b=",
    "https://",
    "h",
    "/v2",
    "@",
    "?",
    "#",
    " ",
    ":",
    "../",
    "%2e",
    "hunter_2",
    "=",
  )],
  (text) => {
    const mistakes: string[] = [];
    for (const mirrors of parseMirrors(text, mistakes).values()) {
      for (const { api, prefix } of mirrors) {
        assert.match(`${api}/${prefix}`, /^https?:\/\/[^/?#@]+(\/[\w.~-]+)+\/$/);
        assert.equal(new URL(`${api}/${prefix}x`).href, `${api}/${prefix}x`);
      }
    }
    assert.doesNotMatch(mistakes.join(), /hunter_2/);
  },
);

const parameter = fc.tuple(
  fc.stringMatching(/^[a-z]{1,8}$/),
  fc.string({ unit: fc.constantFrom(...'ab ,="\\:/;Basic') }),
  fc.constantFrom("=", " = ", "= "),
);
fuzz(
  "challenges are read as a registry wrote them, whatever blanks and quotes are in them",
  [fc.array(fc.tuple(fc.constantFrom("Bearer", "basic", "X-Own"), fc.array(parameter)), {
    maxLength: 3,
  })],
  (list) => {
    const header = list.map(([scheme, parameters]) =>
      `${scheme} ${
        parameters.map(([name, text, sign]) =>
          `${name}${sign}"${text.replaceAll(/["\\]/g, "\\$&")}"`
        ).join(" , ")
      }`
    ).join(", ");
    const expected = list.map(([scheme, parameters]) => ({
      scheme: scheme.toLowerCase(),
      parameters: Object.fromEntries(parameters.map(([name, text]) => [name, text])),
    }));
    assert.deepEqual(parseChallenges(header), expected);
  },
);

fuzz(
  "any header is read in no time",
  [textOf("Bearer", " ", "=", '"', "\\", ",", "realm", 'a="', "\t", "!")],
  (text) => {
    const started = performance.now();
    const challenges = parseChallenges(text.repeat(20));
    assert.ok(performance.now() - started < 1000);
    for (const { scheme } of challenges) assert.match(scheme, /^[!#$%&'*+.^_`|~0-9a-z-]+$/);
  },
);

/** Addresses of this machine and of a cloud's metadata, each in several spellings. */
const byte = fc.nat(255);
const inner = fc.oneof(
  fc.tuple(fc.constant(127), byte, byte, byte),
  fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
).chain((bytes) => {
  const number = bytes.reduce((sum, one) => sum * 256 + one);
  const pair = (index: number) => (bytes[index] * 256 + bytes[index + 1]).toString(16);
  return fc.constantFrom(
    bytes.join("."),
    `${number}`,
    `0x${number.toString(16)}`,
    `0${number.toString(8)}`,
    `${bytes[0]}.${number % 2 ** 24}`,
    bytes.map((one) => `0${one.toString(8)}`).join("."),
    bytes.map((one) => `0x${one.toString(16)}`).join("."),
    `${bytes.join(".")}.`,
    `[::ffff:${bytes.join(".")}]`,
    `[::ffff:${pair(0)}:${pair(2)}]`,
    `[0:0:0:0:0:ffff:${pair(0)}:${pair(2)}]`,
  );
});

fuzz(
  "no redirect leads to this machine or to a cloud's metadata, however the address is spelled",
  [inner, fc.constantFrom("https://", "//", "https:\\\\", "HTTPS://u:p@"), fc.nat(65535)],
  (address, scheme, port) => {
    const location = `${scheme}${address}:${port}/latest/meta-data`;
    assert.throws(
      () => refuseRedirect("https://registry.test/v2/", location, "registry.test"),
      Failure,
    );
  },
);

fuzz(
  "a redirect that is followed is TLS as before, and carries no user, password and fragment",
  [textOf(
    "https://",
    "http://",
    "//",
    "/",
    "h.test",
    "@",
    ":",
    "#",
    "?",
    "u:p",
    "..",
    "file:",
    "\n",
    "%",
  )],
  (location) => {
    let target: string;
    try {
      target = refuseRedirect("https://registry.test/v2/a", location, "registry.test");
    } catch (error) {
      assert.ok(error instanceof Failure && error.outcome === "unavailable" && !error.transient);
      assert.doesNotMatch(error.message, /\n/);
      return;
    }
    const { protocol, username, password, hash, href } = new URL(target);
    assert.deepEqual([protocol, username, password, hash, href], ["https:", "", "", "", target]);
  },
);
