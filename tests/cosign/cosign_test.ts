// What the real cosign signs counts. It takes minutes to build, so it has a task of its own: deno task test:cosign
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { acquireCosign } from "../../tools/acquire_cosign.ts";
import { keyPair } from "../support/signing.ts";
import { TestSigstore } from "../support/sigstore.ts";
import { TestWorld } from "../support/world.ts";

const FORMATS: [name: string, flag: string][] = [
  ["a bundle", "--new-bundle-format=true"],
  ["the older tag", "--new-bundle-format=false"],
];
const PASSWORD = "fake-password";
const IDENTITY = "https://ci.test/build";
const ISSUER = "https://issuer.test";

/** Runs cosign with nothing of this machine's own. */
async function cosign(world: TestWorld, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(await acquireCosign(), {
    args,
    cwd: world.folder,
    clearEnv: true,
    env: { HOME: world.folder, COSIGN_PASSWORD: PASSWORD },
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

const imageOf = (reference: string, digest: string) => reference.replace(/:[^:/]+$/, `@${digest}`);

/**
 * Private keys by the names of their files; cosign.key is made by cosign itself. Ed25519 is not among them: what
 * cosign 3.1.3 signs with such a key it does not verify itself, https://github.com/sigstore/cosign/pull/5074.
 */
const KEYS: Record<string, () => crypto.KeyObject> = {
  "p-384": () => keyPair("secp384r1").privateKey,
  "p-521": () => keyPair("secp521r1").privateKey,
  "rsa": () => crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
};

Deno.test("cosign: what it signs with a key counts, and with another one it does not", async (t) => {
  await using world = await TestWorld.create();
  await cosign(world, "generate-key-pair");
  for (const [name, key] of Object.entries(KEYS)) {
    const pem = key().export({ type: "pkcs8", format: "pem" }).toString();
    await Deno.writeTextFile(`${world.folder}/${name}.pem`, pem);
    const files = ["--key", `${name}.pem`, "--output-key-prefix", name];
    await cosign(world, "import-key-pair", ...files);
  }
  for (const key of ["cosign", ...Object.keys(KEYS)]) {
    for (const [index, [format, flag]] of FORMATS.entries()) {
      await t.step(`${format}, ${key}`, async () => {
        const { uri, digest, reference } = await world.push(`team/${key}-${index}:v1`, {
          "model.bin": `signed by ${key} in ${format}`,
        });
        await cosign(
          world,
          ...["sign", "--yes", "--key", `${key}.key`, flag],
          ...["--tlog-upload=false", "--use-signing-config=false", imageOf(reference, digest)],
        );
        const start = async (key: string) =>
          await world.run([uri, world.destination(`${key}-${index}`)], {
            env: { KIT_COSIGN_KEY: `${world.folder}/${key}.pub` },
          });
        const ended = await start(key);
        assert.equal(ended.code, 0, ended.stderr);
        assert.match(ended.stderr, /Signed by the key/);
        assert.equal((await start(key === "rsa" ? "cosign" : "rsa")).code, 6);
      });
    }
  }
});

Deno.test("cosign: what it signs without a key counts, by its identity alone", async (t) => {
  await using world = await TestWorld.create();
  const { promise, resolve } = Promise.withResolvers<TestSigstore>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => await (await promise).handle(request),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const sigstore = await TestSigstore.create({ url });
  resolve(sigstore);
  const root = `${world.folder}/trusted_root.json`;
  await Deno.writeTextFile(root, JSON.stringify(sigstore.trustedRoot()));
  try {
    for (const [index, [format, flag]] of FORMATS.entries()) {
      await t.step(format, async () => {
        const { uri, digest, reference } = await world.push(`team/keyless-${index}:v1`, {
          "model.bin": `signed in ${format}`,
        });
        await cosign(
          world,
          ...["sign", "--yes", "--use-signing-config=false", flag, "--trusted-root", root],
          ...["--fulcio-url", url, "--rekor-url", url, "--identity-token", token()],
          imageOf(reference, digest),
        );
        const start = async (identity: string) =>
          await world.run([uri, world.destination(`keyless-${index}`)], {
            env: {
              KIT_COSIGN_IDENTITY: identity,
              KIT_COSIGN_ISSUER: ISSUER,
              KIT_COSIGN_TRUSTED_ROOT: root,
            },
          });
        assert.equal((await start(`${IDENTITY}/other`)).code, 6);
        const ended = await start(IDENTITY);
        assert.equal(ended.code, 0, ended.stderr);
        assert.match(
          ended.stderr,
          /Signed by "https:\/\/ci\.test\/build" of "https:\/\/issuer\.te/,
        );
      });
    }
  } finally {
    await server.shutdown();
  }
});

Deno.test("cosign: an attestation is no signature", async () => {
  await using world = await TestWorld.create();
  await cosign(world, "generate-key-pair");
  const { uri, digest, reference } = await world.push("team/attested:v1", { "model.bin": "x" });
  await Deno.writeTextFile(`${world.folder}/scan.json`, "{}");
  await cosign(
    world,
    ...["attest", "--yes", "--key", "cosign.key", "--type", "custom", "--predicate", "scan.json"],
    ...["--tlog-upload=false", "--use-signing-config=false", imageOf(reference, digest)],
  );
  const ended = await world.run([uri, world.destination("attested")], {
    env: { KIT_COSIGN_KEY: `${world.folder}/cosign.pub` },
  });
  assert.equal(ended.code, 6, ended.stderr);
});

/** What a CI system gives out; nobody checks who signed it. */
function token(): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: "sigstore", sub: IDENTITY, iat: now, exp: now + 600 };
  const parts = [{ alg: "RS256", typ: "JWT" }, claims].map((part) =>
    new TextEncoder().encode(JSON.stringify(part)).toBase64({
      alphabet: "base64url",
      omitPadding: true,
    })
  );
  return [...parts, "c2ln"].join(".");
}
