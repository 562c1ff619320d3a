import assert from "node:assert/strict";
import { readIdentity, readTrust, trustFlags } from "../lib/trust.ts";
import { parseUnpackFlags } from "../lib/unpack_flags.ts";
import { failureOf } from "./support/failure.ts";
import { TestFolder } from "./support/folder.ts";

const [ONE, TWO, THREE, FOUR] = ["T25l", "VHdv", "VGhyZWU=", "Rm91cg=="].map((base64) =>
  `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----`
);

/** Reads what this environment, KIT_CA_BUNDLE and --tls-cert say. */
async function read(
  environment: Record<string, string>,
  { caBundle, tlsCert = [] }: { caBundle?: string; tlsCert?: string[] } = {},
): Promise<string[]> {
  const flags = { ...parseUnpackFlags(""), tlsCert };
  return await readTrust({ environment, caBundle, flags });
}

Deno.test("trust: without settings there is none beside the system's", async () => {
  assert.deepEqual(await read({}), []);
});

Deno.test("trust: KIT_CA_BUNDLE can be the text itself, with several certificates and words around them", async () => {
  assert.deepEqual(await read({}, { caBundle: `# one\n${ONE}\n# two\n${TWO}\n` }), [ONE, TWO]);
});

Deno.test("trust: all sources count, each certificate once", async () => {
  await using folder = await TestFolder.create();
  await folder.write({
    "a.pem": ONE,
    "kserve/cabundle.crt": `${ONE}\n${TWO}`,
    "b.pem": THREE,
    "c.pem": FOUR,
  });
  const certificates = await read({
    CA_BUNDLE_CONFIGMAP_NAME: "bundle",
    CA_BUNDLE_VOLUME_MOUNT_POINT: folder.at("kserve"),
    SSL_CERT_FILE: folder.at("c.pem"),
  }, { caBundle: folder.at("a.pem"), tlsCert: [folder.at("b.pem")] });
  assert.deepEqual(certificates, [ONE, TWO, THREE, FOUR]);
});

Deno.test("trust: KServe's mount point alone means nothing", async () => {
  assert.deepEqual(await read({ CA_BUNDLE_VOLUME_MOUNT_POINT: "/nosuch" }), []);
});

Deno.test("trust: an SSL_CERT_FILE that is not there is ignored, as other programs do", async () => {
  assert.deepEqual(await read({ SSL_CERT_FILE: "/nosuch/ca.pem" }), []);
});

const BAD: [name: string, text: string | undefined, why: RegExp][] = [
  ["is not there", undefined, /^Cannot read the CA bundle ".*\/ca\.pem" of KIT_CA_BUNDLE: /],
  [
    "holds no certificate",
    "hello",
    /^Cannot use KIT_CA_BUNDLE: there is no certificate in ".*\/ca\.pem"/,
  ],
  [
    "holds only a key",
    "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----",
    /no certificate/,
  ],
  ["is larger than 8 MiB", `${ONE}\n${" ".repeat(8 * 1024 * 1024)}`, /larger than 8 MiB/],
];
for (const [name, text, why] of BAD) {
  Deno.test(`trust: a KIT_CA_BUNDLE that ${name} is a usage failure`, async () => {
    await using folder = await TestFolder.create();
    if (text !== undefined) await folder.write({ "ca.pem": text });
    const failure = await failureOf(() => read({}, { caBundle: folder.at("ca.pem") }));
    assert.equal(failure.outcome, "usage");
    assert.match(failure.message, why);
    assert.ok(failure.hint);
  });
}

Deno.test("trust: a KIT_CA_BUNDLE that is a broken text does not show it", async () => {
  const failure = await failureOf(() =>
    read({}, { caBundle: "-----BEGIN PRIVATE KEY-----\nc2VjcmV0" })
  );
  assert.match(failure.message, /^Cannot use KIT_CA_BUNDLE: there is no certificate$/);
});

Deno.test("trust: KServe's bundle that is not there is a usage failure that names the setting", async () => {
  const failure = await failureOf(() =>
    read({ CA_BUNDLE_CONFIGMAP_NAME: "bundle", CA_BUNDLE_VOLUME_MOUNT_POINT: "/nosuch" })
  );
  assert.equal(failure.outcome, "usage");
  assert.match(failure.message, /"\/nosuch\/cabundle\.crt" of CA_BUNDLE_CONFIGMAP_NAME/);
});

const IDENTITIES: [
  name: string,
  flags: string[],
  variables: string[],
  expected: string | undefined,
][] = [
  ["without settings there is none", [], [], undefined],
  ["the flags name it", ["cert", "key"], [], "flag cert, flag key"],
  [
    "kit's variables win over its flags",
    ["cert", "key"],
    ["CERT", "KEY"],
    "variable CERT, variable KEY",
  ],
  ["a variable and a flag go together", ["key"], ["CERT"], "variable CERT, flag key"],
  ["a certificate alone is none", ["cert"], [], undefined],
  ["a key alone is none", [], ["KEY"], undefined],
];
for (const [name, flags, variables, expected] of IDENTITIES) {
  Deno.test(`trust: of this client's certificate, ${name}`, async () => {
    await using folder = await TestFolder.create();
    const read = async (kind: string, name: string) => {
      await folder.write({ [`${kind} ${name}`]: `${kind} ${name}` });
      return folder.at(`${kind} ${name}`);
    };
    const [given, environment]: Record<string, string>[] = [{}, {}];
    for (const flag of flags) given[flag] = await read("flag", flag);
    for (const variable of variables) {
      environment[`KITOPS_CLIENT_${variable}`] = await read("variable", variable);
    }
    const identity = await identityOf(given, environment);
    assert.equal(identity && `${identity.cert}, ${identity.key}`, expected);
  });
}

Deno.test("trust: a client's certificate that is not there is a usage failure that names the flags", async () => {
  const failure = await failureOf(() => identityOf({ cert: "/nosuch", key: "/nosuch" }, {}));
  assert.equal(failure.outcome, "usage");
  assert.match(failure.hint ?? "", /--cert and --key/);
});

function identityOf(
  given: { cert?: string; key?: string },
  environment: Record<string, string>,
): ReturnType<typeof readIdentity> {
  return readIdentity({ flags: { ...parseUnpackFlags(""), ...given }, environment });
}

Deno.test("trust: kit gets all certificates in one file, and none where it needs none", async () => {
  await using folder = await TestFolder.create();
  const flagsOf = (text: string, certificates: string[]) =>
    trustFlags(folder.path, { config: { flags: parseUnpackFlags(text) }, certificates });
  assert.deepEqual(await flagsOf("", []), []);
  assert.deepEqual(await flagsOf("--plain-http", [ONE]), []);
  const [flag] = await flagsOf("", [ONE, TWO]);
  const path = flag.replace(/^--tls-cert=/, "");
  assert.equal(await Deno.readTextFile(path), `${ONE}\n${TWO}\n`);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
});
