import assert from "node:assert/strict";
import type { Credentials } from "../lib/auth/source.ts";
import { Kit, type KitOptions } from "../lib/kit.ts";
import { Secret } from "../lib/secret.ts";
import { failureOf } from "./support/failure.ts";
import { FakeKit } from "./support/fake_kit.ts";
import { TestFolder } from "./support/folder.ts";
import { recordLog } from "./support/recorded_log.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const REFERENCE = { host: "h.io", repository: "org/model", tag: "v1" };
const PASSWORD = "pass:wörd $HOME\n'x'";

/** A fake kit whose body is `body`, and our side of it. */
async function setUp(body: string, options: Partial<KitOptions> = {}) {
  const folder = await TestFolder.create();
  const fake = await FakeKit.create(folder, body);
  await folder.write({ "home/": "" });
  const { log, lines } = recordLog();
  const kit = new Kit({
    bin: fake.bin,
    home: folder.at("home"),
    environment: { PATH: Deno.env.get("PATH") ?? "" },
    network: [],
    includeRemote: false,
    stallTimeout: 60_000,
    log,
    signal: new AbortController().signal,
    ...options,
  });
  return {
    folder,
    fake,
    kit,
    lines,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

function credentials(username = "me"): Credentials {
  return { username, password: new Secret(PASSWORD), source: "KIT_USER" } as Credentials;
}

Deno.test("kit: the banner is shown on one line", async () => {
  await using world = await setUp("echo 'Version: 1.15.0'; echo; echo '  Commit: abc'");
  await world.kit.version();
  assert.deepEqual((await world.fake.calls()).map(({ args }) => args), [["version"]]);
  assert.match(world.lines.at(-1) ?? "", / kit: Version: 1\.15\.0, Commit: abc$/);
});

Deno.test("kit: flags are checked by its help, which unpacks nothing", async () => {
  await using world = await setUp("");
  await world.kit.checkFlags(["-o", "--filter=model"]);
  assert.deepEqual((await world.fake.calls()).map(({ args }) => args), [
    ["unpack", "-o", "--filter=model", "--help"],
  ]);
});

Deno.test("kit: a flag of KIT_UNPACK_FLAGS that it does not know is a mistake there, one of ours its age", async () => {
  await using world = await setUp("echo 'Error: unknown flag: --new' >&2; exit 1", {
    environment: { PATH: Deno.env.get("PATH") ?? "", KIT_UNPACK_FLAGS: "--new" },
  });
  assert.equal((await failureOf(() => world.kit.checkFlags(["--new"]))).outcome, "usage");
  await using old = await setUp("echo 'Error: unknown flag: --new' >&2; exit 1");
  assert.equal((await failureOf(() => old.kit.checkFlags(["--new"]))).outcome, "kit");
});

Deno.test("kit: the look for updates is switched off in its folder", async () => {
  await using world = await setUp("");
  await world.kit.quieten();
  assert.deepEqual(await world.folder.tree("home"), { "disable-update-notifications": "" });
});

Deno.test("kit: a login gives the password to standard input, and to nothing else", async () => {
  await using world = await setUp("echo 'Log in successful'", {
    network: ["--plain-http=true"],
    environment: {
      PATH: Deno.env.get("PATH") ?? "",
      KIT_USER: "me",
      KIT_PASSWORD: PASSWORD,
      KIT_DOCKER_CONFIG_JSON: PASSWORD,
    },
  });
  await world.kit.login("h.io", credentials());
  const [call, ...others] = await world.fake.calls();
  assert.deepEqual(others, []);
  assert.equal(call.stdin, PASSWORD);
  assert.deepEqual(call.args, [
    "login",
    "h.io",
    "--username=me",
    "--password-stdin",
    "--plain-http=true",
  ]);
  const shown = JSON.stringify([
    call.args,
    call.environment,
    world.lines,
    await world.folder.tree("home"),
  ]);
  for (const form of [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), "pass:w"]) {
    assert.ok(!shown.includes(form));
  }
});

const KEYS_OF_TOKENS = [
  ["h.io", "h.io"],
  ["h.io:5000", "h.io:5000"],
  ["docker.io", "https://index.docker.io/v1/"],
  ["registry-1.docker.io", "https://index.docker.io/v1/"],
  ["docker.io.example.com", "docker.io.example.com"],
];
for (const [host, key] of KEYS_OF_TOKENS) {
  Deno.test(`kit: a bearer token for ${host} is put where kit keeps credentials, as ${key}`, async () => {
    await using world = await setUp("");
    await world.kit.login(host, { ...credentials(""), isBearer: true });
    assert.deepEqual(await world.fake.calls(), []);
    const path = world.folder.at("home/credentials.json");
    const written = JSON.parse(await Deno.readTextFile(path));
    assert.deepEqual(written, { auths: { [key]: { registrytoken: PASSWORD } } });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.ok(!world.lines.join().includes("pass:w"));
  });
}

Deno.test("kit: a login without a user name has no such flag", async () => {
  await using world = await setUp("");
  await world.kit.login("h.io", credentials(""));
  assert.deepEqual((await world.fake.calls())[0].args, ["login", "h.io", "--password-stdin"]);
});

const ENVIRONMENT = {
  PATH: Deno.env.get("PATH") ?? "",
  HTTPS_PROXY: "http://proxy:1",
  no_proxy: "x",
  KITOPS_CLIENT_CERT: "/c",
  HOME: "/root",
  DOCKER_CONFIG: "/root/.docker",
  KITOPS_HOME: "/elsewhere",
  KIT_PASSWORD: "no",
  KIT_USER: "no",
  KIT_DOCKER_CONFIG_JSON: "no",
  AWS_SECRET_ACCESS_KEY: "for S3",
  S3_ENDPOINT: "for S3",
  GOOGLE_APPLICATION_CREDENTIALS: "no",
  AZURE_CLIENT_SECRET: "no",
  LD_PRELOAD: "",
};
for (const includeRemote of [false, true]) {
  const s3 = includeRemote ? { AWS_SECRET_ACCESS_KEY: "for S3", S3_ENDPOINT: "for S3" } : {};
  Deno.test(`kit: its environment ${includeRemote ? "with" : "without"} --include-remote is just this`, async () => {
    await using world = await setUp("", { environment: ENVIRONMENT, includeRemote });
    await world.kit.version();
    const home = world.folder.at("home");
    assert.deepEqual((await world.fake.calls())[0].environment, {
      PATH: ENVIRONMENT.PATH,
      HTTPS_PROXY: "http://proxy:1",
      no_proxy: "x",
      KITOPS_CLIENT_CERT: "/c",
      HOME: home,
      DOCKER_CONFIG: home,
      KITOPS_HOME: home,
      ...s3,
    });
  });
}

Deno.test("kit: inspect asks the registry, with the network flags, and reads the answer", async () => {
  await using world = await setUp(
    `echo '[WARN] odd' >&2; echo '{"digest":"${DIGEST}",'; echo '"manifest":{"layers":[]}}'`,
    { network: ["--tls-cert=/ca"] },
  );
  const { digest, layers } = await world.kit.inspect(REFERENCE);
  assert.deepEqual([digest, layers], [DIGEST, []]);
  const [{ args, stdin }] = await world.fake.calls();
  assert.deepEqual([args, stdin], [
    ["inspect", "--remote", "h.io/org/model:v1", "--tls-cert=/ca"],
    "",
  ]);
  assert.match(world.lines.at(-1) ?? "", / WARN +kit: odd$/);
});

Deno.test("kit: a description of 1 MB on one line of inspect is read in full", async () => {
  await using world = await setUp(
    `printf '{"digest":"${DIGEST}","x":"'; head -c 1000000 /dev/zero | tr '\\0' x; echo '","manifest":{"layers":[]}}'`,
  );
  assert.equal((await world.kit.inspect(REFERENCE)).digest, DIGEST);
});

Deno.test("kit: unpack gets the reference by its digest, the words and the folder", async () => {
  await using world = await setUp(
    "echo Unpacking; echo Unpacking to /dest/tree/x; echo; echo more >&2",
  );
  await world.kit.unpack({ ...REFERENCE, digest: DIGEST }, "/dest/tree", {
    words: ["-f", "a b", "--new"],
    progress: () => 0,
  });
  assert.deepEqual((await world.fake.calls())[0].args, [
    ...["unpack", `h.io/org/model@${DIGEST}`, "-f", "a b", "--new", "-d", "/dest/tree"],
  ]);
  const shown = world.lines.filter((line) => line.includes(" INFO "));
  assert.deepEqual(shown.map((line) => line.split(" INFO  ")[1]).sort(), [
    "kit: Unpacking",
    "kit: more",
  ]);
});

Deno.test("kit: what it says when it fails becomes a failure, without its usage", async () => {
  await using world = await setUp(
    "echo '[ERROR] Could not find modelkit h.io/org/model:v1' >&2; echo 'Usage: kit' >&2; exit 1",
  );
  const failure = await failureOf(() => world.kit.inspect(REFERENCE));
  assert.deepEqual([failure.outcome, failure.host], ["not found", "h.io"]);
  assert.match(failure.message, /^Cannot find "h\.io\/org\/model:v1": /);
  assert.doesNotMatch(failure.message, /Usage/);
});

Deno.test("kit: a refused password names the host and the source, and not the password", async () => {
  await using world = await setUp(
    "echo '[ERROR] response status code 401: unauthorized' >&2; exit 1",
  );
  const failure = await failureOf(() => world.kit.login("h.io", credentials()));
  assert.equal(failure.outcome, "auth");
  assert.match(failure.message, /^Cannot sign in to "h\.io" with KIT_USER: /);
});

Deno.test("kit: one that stalls is ended, with a timeout that names the setting", async () => {
  await using world = await setUp("exec sleep 600", { stallTimeout: 100 });
  const failure = await failureOf(() => world.kit.inspect(REFERENCE));
  assert.deepEqual([failure.outcome, failure.host], ["timeout", "h.io"]);
  assert.match(failure.message, /no progress for 0\.1 s/);
  assert.match(failure.hint ?? "", /KIT_STALL_TIMEOUT/);
});

Deno.test("kit: for one unpack the patience can be another", async () => {
  await using world = await setUp("exec sleep 600");
  const failure = await failureOf(() =>
    world.kit.unpack(REFERENCE, "/dest", { words: [], progress: () => 0, patience: 100 })
  );
  assert.equal(failure.outcome, "timeout");
});
