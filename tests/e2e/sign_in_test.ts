import assert from "node:assert/strict";
import { makeCertificate } from "../support/certificate.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const USER = { user: "alice", password: "correct-horse-4711" };
const WRONG = "wrong-battery-0815";

/** Every form in which a password could get out. */
function formsOf(password: string): string[] {
  return [password, btoa(password), btoa(`${USER.user}:${password}`), encodeURIComponent(password)];
}

/** Everything that is readable below a folder. */
async function allText(folder: string): Promise<string> {
  let text = "";
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) text += await allText(path);
    else if (entry.isFile) text += await Deno.readTextFile(path);
  }
  return text;
}

/** Private folders that still hold something for a registry; those of other runs on this machine have others. */
async function memoryLeftovers(host: string): Promise<string[]> {
  const left: string[] = [];
  for await (const { name } of Deno.readDir("/dev/shm")) {
    if (!name.startsWith("kit-storage-private-")) continue;
    const path = `/dev/shm/${name}/credentials.json`;
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text.includes(host)) left.push(name);
  }
  return left;
}

Deno.test("a registry with htpasswd", async (t) => {
  await using world = await TestWorld.create({ htpasswd: [USER] });
  const { uri } = await world.push("team/private:v1", { "model.bin": "payload of htpasswd" });
  const auths = (password: string) =>
    JSON.stringify({ auths: { [world.host]: { auth: btoa(`${USER.user}:${password}`) } } });
  const configFolder = `${world.folder}/docker`;
  await Deno.mkdir(configFolder);
  await Deno.writeTextFile(`${configFolder}/config.json`, auths(USER.password));

  const right: Record<string, Record<string, string>> = {
    "KIT_USER and KIT_PASSWORD": { KIT_USER: USER.user, KIT_PASSWORD: USER.password },
    "KIT_DOCKER_CONFIG_JSON": { KIT_DOCKER_CONFIG_JSON: auths(USER.password) },
    "DOCKER_CONFIG as a folder": { DOCKER_CONFIG: configFolder },
    "KSERVE_OCI_DOCKER_CONFIG as a file": {
      KSERVE_OCI_DOCKER_CONFIG: `${configFolder}/config.json`,
    },
  };
  for (const [name, env] of Object.entries(right)) {
    await t.step(`the right password from ${name}`, async () => {
      const destination = world.destination(name.replaceAll(" ", "-"));
      const ended = await world.run([uri, destination], { env });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of htpasswd");
    });
  }

  const wrong: Record<string, Record<string, string>> = {
    "KIT_USER and KIT_PASSWORD": { KIT_USER: USER.user, KIT_PASSWORD: WRONG },
    "KIT_DOCKER_CONFIG_JSON": { KIT_DOCKER_CONFIG_JSON: auths(WRONG) },
  };
  for (const [name, env] of Object.entries(wrong)) {
    await t.step(
      `the wrong password from ${name}: exit 3 names registry, source and what to do`,
      async () => {
        const destination = world.destination("wrong");
        const ended = await world.run([uri, destination], { env: { ...env, KIT_RETRIES: "6" } });
        assert.equal(ended.code, 3, ended.stderr);
        assert.ok(ended.sentence.includes(`"${world.host}"`), ended.sentence);
        assert.ok(ended.sentence.includes(name), ended.sentence);
        assert.match(ended.sentence, /401.*Check /);
        assert.equal(ended.report.retryable, false);
        assert.ok(ended.elapsed < 5000, "it is not tried again");
        assert.deepEqual(await snapshot(destination), {});
      },
    );
  }

  await t.step(
    "KIT_USER and KIT_PASSWORD go before a docker config, and only to their host",
    async () => {
      const both = { ...right["KIT_USER and KIT_PASSWORD"], KIT_DOCKER_CONFIG_JSON: auths(WRONG) };
      assert.equal((await world.run([uri, world.destination("both")], { env: both })).code, 0);
      const other = { ...right["KIT_USER and KIT_PASSWORD"], KIT_REGISTRY: "other.example.com" };
      const ended = await world.run([uri, world.destination("other")], { env: other });
      assert.equal(ended.code, 3);
      assert.match(ended.sentence, /no source has any/);
    },
  );

  await t.step("no credentials: exit 3 says that the registry wants some", async () => {
    const ended = await world.run([uri, world.destination("anonymous")]);
    assert.equal(ended.code, 3);
    assert.match(ended.sentence, /wants credentials.*Set KIT_USER and KIT_PASSWORD/);
  });

  await t.step("no password in any output, argument, environment of kit or file", async () => {
    const destination = world.destination("secrets");
    const env = {
      ...right["KIT_USER and KIT_PASSWORD"],
      KIT_LOG_LEVEL: "debug",
      KIT_UNPACK_FLAGS: "--plain-http -vv",
      KIT_TRANSFER: "direct",
    };
    const ended = await world.run([uri, destination], { env });
    assert.equal(ended.code, 0, ended.stderr);
    const failed = await world.run([uri, destination + "2"], {
      env: { ...env, KIT_PASSWORD: WRONG },
    });
    assert.equal(failed.code, 3);
    const calls = await world.kitCalls();
    assert.match(calls, /^argv: login .*--password-stdin --plain-http=true$/m);
    const outputs = [ended, failed].map((e) => e.stdout + e.stderr + JSON.stringify(e)).join("");
    const written = outputs + calls + await allText(destination) + await allText(destination + "2");
    for (const password of [USER.password, WRONG]) {
      for (const form of formsOf(password)) {
        assert.ok(!written.includes(form), `"${form}" is readable`);
      }
    }
    assert.deepEqual(await memoryLeftovers(world.host), []);
  });
});

Deno.test("a registry with TLS and a private CA", async (t) => {
  const { cert, key, ca } = await makeCertificate();
  const folder = await Deno.makeTempDir({ prefix: "tls-" });
  const paths = {
    cert: `${folder}/cert.pem`,
    key: `${folder}/key.pem`,
    ca: `${folder}/cabundle.crt`,
  };
  await Deno.writeTextFile(paths.cert, cert);
  await Deno.writeTextFile(paths.key, key);
  await Deno.writeTextFile(paths.ca, ca);
  await using world = await TestWorld.create({ tls: paths, ca: paths.ca, htpasswd: [USER] });
  const { uri } = await world.push("team/tls:v1", { "model.bin": "payload of TLS" });
  const login = { KIT_USER: USER.user, KIT_PASSWORD: USER.password };

  const trusting: Record<string, Record<string, string>> = {
    "KIT_CA_BUNDLE as text": { KIT_CA_BUNDLE: ca },
    "KIT_CA_BUNDLE as a file": { KIT_CA_BUNDLE: paths.ca },
    "SSL_CERT_FILE": { SSL_CERT_FILE: paths.ca },
    "KServe's CA bundle": { CA_BUNDLE_CONFIGMAP_NAME: "ca", CA_BUNDLE_VOLUME_MOUNT_POINT: folder },
    "--tls-cert": { KIT_UNPACK_FLAGS: `--tls-cert '${paths.ca}'` },
    "--tls-verify=false": { KIT_UNPACK_FLAGS: "--tls-verify=false" },
  };
  for (const [name, env] of Object.entries(trusting)) {
    await t.step(`trusted by ${name}, for the login too`, async () => {
      const destination = world.destination(name.replaceAll(/\W+/g, "-"));
      const ended = await world.run([uri, destination], { env: { ...login, ...env } });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of TLS");
      assert.equal(
        / WARN .*--tls-verify=false works with direct transfer only: layers/.test(ended.stderr),
        name === "--tls-verify=false",
      );
    });
  }

  await t.step("not trusted: exit 5 at once, naming KIT_CA_BUNDLE", async () => {
    const ended = await world.run([uri, world.destination("untrusted")], {
      env: { ...login, KIT_RETRIES: "6" },
    });
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(ended.sentence, /certificate.*UnknownIssuer.*KIT_CA_BUNDLE/);
    assert.doesNotMatch(ended.stderr, /trying again/);
  });

  await t.step("a CA bundle that is none: exit 2 before anything is touched", async () => {
    for (
      const [value, expected] of [["/nowhere/ca.pem", /KIT_CA_BUNDLE/], [
        paths.key,
        /no certificate/,
      ]] as const
    ) {
      const ended = await world.run([uri, world.destination("bad-ca")], {
        env: { ...login, KIT_CA_BUNDLE: value },
      });
      assert.equal(ended.code, 2, ended.stderr);
      assert.match(ended.sentence, expected);
    }
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a registry that takes a bearer token as it is", async (t) => {
  const token = "bearer-token-1234567";
  await using world = await TestWorld.create();
  const { reference } = await world.push("team/token:v1", { "model.bin": "payload of a token" });
  const asked: string[] = [];
  const front = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname, search, host } = new URL(request.url);
    if (request.headers.get("Authorization") === `Bearer ${token}`) {
      const { method, headers } = request;
      return await fetch(`http://${world.host}${pathname}${search}`, { method, headers });
    }
    asked.push(pathname);
    const challenge = `Bearer realm="http://${host}/token",service="front"`;
    return new Response(null, { status: 401, headers: { "WWW-Authenticate": challenge } });
  });
  const { port } = front.addr;
  const uri = `kit://${reference.replace(world.host, `127.0.0.1:${port}`)}`;
  const config = (registrytoken: string) =>
    JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { registrytoken } } });

  for (const transfer of ["verified", "direct"]) {
    const env = { KIT_TRANSFER: transfer, KIT_LOG_LEVEL: "debug" };
    await t.step(`${transfer}: the right one`, async () => {
      const destination = world.destination(transfer);
      const ended = await world.run([uri, destination], {
        env: { ...env, KIT_DOCKER_CONFIG_JSON: config(token) },
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of a token");
      assert.ok(!asked.includes("/token"), "no token server is asked");
      const written = ended.stderr + await world.kitCalls() + await allText(destination);
      assert.ok(!written.includes(token), "it is readable");
    });
    await t.step(`${transfer}: a wrong one is exit 3 and names the docker config`, async () => {
      const destination = world.destination(`wrong-${transfer}`);
      const ended = await world.run([uri, destination], {
        env: { ...env, KIT_DOCKER_CONFIG_JSON: config("bearer-token-wrong") },
      });
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(ended.sentence, /KIT_DOCKER_CONFIG_JSON/);
      assert.ok(!ended.stderr.includes("bearer-token-wrong"), "it is readable");
    });
  }
  await front.shutdown();
});
