import assert from "node:assert/strict";
import { makeCertificate, type TestCertificate } from "../support/certificate.ts";
import { patterned } from "../support/fake_blob.ts";
import { ForwardProxy } from "../support/forward_proxy.ts";
import { snapshot, TestWorld, type WorldOptions } from "../support/world.ts";

const USER = { user: "alice", password: "correct-horse-4711" };
const LOGIN = { KIT_USER: USER.user, KIT_PASSWORD: USER.password };
const MODEL = patterned(5 * 1024 * 1024 + 3);

/** The certificate's parts as files of a folder. */
async function filesOf(certificate: TestCertificate): Promise<TestCertificate & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "certificate-" });
  const paths = Object.fromEntries(
    Object.keys(certificate).map((name) => [name, `${folder}/${name}`]),
  );
  for (const [name, text] of Object.entries(certificate)) {
    await Deno.writeTextFile(paths[name], text);
  }
  return {
    ...paths as unknown as TestCertificate,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function assertComplete(world: TestWorld, uri: string, env: Record<string, string>) {
  const destination = world.destination(crypto.randomUUID());
  const ended = await world.run([uri, destination], { env });
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(await Deno.readFile(`${destination}/model.bin`), MODEL);
  return ended;
}

Deno.test("a registry that offers HTTP/2: asked by HTTP/1.1, so that each range has its own connection", async () => {
  await using files = await filesOf(await makeCertificate());
  await using world = await TestWorld.create({ tls: files, ca: files.ca });
  const { uri } = await world.push("team/h2:v1", { "model.bin": MODEL });
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(files.ca)] });
  await (await fetch(`https://${world.host}/v2/`, { client })).body?.cancel();
  client.close();
  assert.match(world.registry.log(), /"GET \/v2\/ HTTP\/2\.0"/, "the registry does offer it");
  const before = world.registry.log().length;
  await assertComplete(world, uri, { KIT_CA_BUNDLE: files.ca });
  const asked = [
    ...world.registry.log().slice(before).matchAll(/"GET \/v2\/team\S+ (HTTP\/\S+)"/g),
  ];
  assert.ok(asked.length > 3);
  assert.deepEqual([...new Set(asked.map(([, version]) => version))], ["HTTP/1.1"]);
});

Deno.test("a registry that wants a certificate of its clients", async (t) => {
  await using server = await filesOf(await makeCertificate());
  await using client = await filesOf(await makeCertificate());
  const options: WorldOptions = {
    tls: { cert: server.cert, key: server.key, clientCa: client.ca },
    ca: server.ca,
  };
  await using world = await TestWorld.create(options);
  const flags = [`--tls-cert=${server.ca}`, `--cert=${client.cert}`, `--key=${client.key}`];
  const { uri } = await world.push("team/mutual:v1", { "model.bin": MODEL }, {
    networkFlags: flags,
  });

  await t.step("--cert and --key in KIT_UNPACK_FLAGS", async () => {
    await assertComplete(world, uri, { KIT_UNPACK_FLAGS: flags.join(" ") });
  });
  await t.step("KITOPS_CLIENT_CERT and KITOPS_CLIENT_KEY", async () => {
    await assertComplete(world, uri, {
      KIT_CA_BUNDLE: server.ca,
      KITOPS_CLIENT_CERT: client.cert,
      KITOPS_CLIENT_KEY: client.key,
    });
  });
  await t.step("without one: exit 5 that names the certificate", async () => {
    const destination = world.destination("without");
    const ended = await world.run([uri, destination], { env: { KIT_CA_BUNDLE: server.ca } });
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(ended.sentence, /certificate/i);
    assert.deepEqual(await snapshot(destination), {});
  });
  await t.step("with one of another authority: exit 5", async () => {
    const ended = await world.run([uri, world.destination("other")], {
      env: {
        KIT_UNPACK_FLAGS: `--tls-cert=${server.ca} --cert=${server.cert} --key=${server.key}`,
      },
    });
    assert.equal(ended.code, 5, ended.stderr);
  });
});

const NAME = "registry.kit.test";

Deno.test("a registry by TLS that only a proxy can reach", async (t) => {
  await using files = await filesOf(await makeCertificate([NAME]));
  await using world = await TestWorld.create({ tls: files, ca: files.ca, htpasswd: [USER] });
  await using proxy = new ForwardProxy({ hosts: { [NAME]: world.host }, login: "proxy:pass-4716" });
  const pushed = await world.push("team/proxied:v1", { "model.bin": MODEL });
  const uri = pushed.uri.replace(world.host, NAME);
  const url = `http://proxy:pass-4716@${proxy.host}`;
  const common = { ...LOGIN, KIT_CA_BUNDLE: files.ca };

  const ways: [name: string, env: Record<string, string>][] = [
    ["HTTPS_PROXY", { HTTPS_PROXY: url }],
    ["https_proxy", { https_proxy: url }],
    ["--proxy", { KIT_UNPACK_FLAGS: `--proxy=${url}` }],
  ];
  for (const [name, env] of ways) {
    await t.step(
      `${name}: each range in a tunnel of its own, and the proxy sees no password of the registry`,
      async () => {
        proxy.visits.length = 0;
        const ended = await assertComplete(world, uri, { ...common, ...env });
        assert.ok(proxy.visits.length >= 2);
        for (const { line } of proxy.visits) assert.equal(line, `CONNECT ${NAME}:443 HTTP/1.1`);
        assert.ok(!ended.stderr.includes("pass-4716"), "the proxy's password is a secret");
      },
    );
  }
  await t.step(
    "a wrong password for the proxy: exit 5, and the password is not shown",
    async () => {
      const wrong = `http://proxy:wrong-4717@${proxy.host}`;
      const ended = await world.run([uri, world.destination("wrong")], {
        env: { ...common, HTTPS_PROXY: wrong },
      });
      assert.equal(ended.code, 5, ended.stderr);
      assert.ok(!(ended.stderr + ended.sentence).includes("wrong-4717"));
    },
  );
});

Deno.test("a registry by plain HTTP and a proxy", async (t) => {
  await using world = await TestWorld.create();
  await using proxy = new ForwardProxy({ hosts: { [NAME]: world.host } });
  const pushed = await world.push("team/plain:v1", { "model.bin": MODEL });
  const uri = pushed.uri.replace(world.host, NAME);

  await t.step("HTTP_PROXY: everything goes through it", async () => {
    await assertComplete(world, uri, { HTTP_PROXY: `http://${proxy.host}` });
    assert.ok(proxy.visits.length > 3);
    for (const { line } of proxy.visits) {
      assert.match(line, /^GET http:\/\/registry\.kit\.test\/v2\/team\/plain\/.* HTTP\/1\.1$/);
    }
  });
  await t.step("NO_PROXY: nothing does", async () => {
    proxy.visits.length = 0;
    await assertComplete(world, pushed.uri, {
      HTTP_PROXY: `http://${proxy.host}`,
      NO_PROXY: "127.0.0.1",
    });
    assert.deepEqual(proxy.visits, []);
  });
  await t.step("a proxy that is not there: exit 5", async () => {
    const ended = await world.run([uri, world.destination("down")], {
      env: { HTTP_PROXY: "http://127.0.0.1:9" },
    });
    assert.equal(ended.code, 5, ended.stderr);
  });
});
