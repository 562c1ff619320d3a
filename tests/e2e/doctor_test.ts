// Mistakes that people make, each planted once: doctor finds it, names the setting, and ends with a run's exit code.
import assert from "node:assert/strict";
import { serveAws, stsError } from "../auth/aws_server.ts";
import { AS_USER, mounting, UID } from "../support/as_user.ts";
import { LOCK_NAME } from "../../lib/marker.ts";
import { makeCertificate, makeOwnAuthority, type TestCertificate } from "../support/certificate.ts";
import { ConnectProxy } from "../support/connect_proxy.ts";
import { diagnosed, type Line } from "../support/doctor.ts";
import { blobPath } from "../../tools/registry.ts";
import { type Fault, FaultProxy, type Seen } from "../support/fault_proxy.ts";
import { ForwardProxy } from "../support/forward_proxy.ts";
import { putBlob, putChanged, putManifest } from "../support/push.ts";
import { signByBundle } from "../support/sign.ts";
import { keyPair, pemOf } from "../support/signing.ts";
import { Tmpfs } from "../support/tmpfs.ts";
import { TestFolder } from "../support/folder.ts";
import { snapshot, TestWorld, type WorldOptions } from "../support/world.ts";

const FILES = { "model.bin": "payload of the doctor".repeat(1000), "data/x.csv": "1,2" };
const NOTHING = `sha256:${"0".repeat(64)}`;
const USER = { user: "alice", password: "correct-horse-4711" };
/** An address where nobody listens. */
const NOBODY = closedPort();

/** Root, to whom the modes of files count as for anybody. */
const WITHOUT_POWER = [
  "setpriv",
  "--bounding-set=-dac_override,-dac_read_search",
  "--inh-caps=-dac_override,-dac_read_search",
];

/** What is wrong, and what doctor has to say of it. */
interface Mistake {
  name: string;
  /** Default: the ModelKit that is there, and a folder that is empty. */
  args?: string[];
  env?: Record<string, string>;
  through?: string[];
  before?(): Promise<void>;
  check: string;
  /** Exit code; 0: it is a warning. */
  code: number;
  /** The line's message and hint. */
  says: RegExp;
}

/** A world with one ModelKit, and an empty folder as its destination. */
async function createWorld(options: WorldOptions = {}) {
  const world = await TestWorld.create(options);
  const pushed = await world.push("team/model:v1.0", FILES);
  const destination = world.destination("model");
  await Deno.mkdir(destination);
  return { world, destination, ...pushed };
}

async function find(
  t: Deno.TestContext,
  { world, uri, destination }: { world: TestWorld; uri: string; destination: string },
  mistakes: Mistake[],
) {
  for (const { name, args = [uri, destination], check, code, says, ...options } of mistakes) {
    await t.step(
      `${name}: ${code === 0 ? "a warning" : `exit ${code}`} of "${check}"`,
      async () => {
        await options.before?.();
        const before = await snapshot(destination);
        const { ended, lines, verdict } = await diagnosed(world, args, options);
        const all = ended.stdout;
        const status = code === 0 ? "warn" : "fail";
        const found = lines.find((line) => line.status === status && line.check === check);
        assert.equal(ended.code, code, all);
        assert.ok(found !== undefined, all);
        assert.match(`${found.message}. ${found.hint ?? ""}`, says);
        if (code === 0) assert.equal(verdict.fail, 0, all);
        else assert.equal(lines.find(({ status }) => status === "fail"), found, "it is the first");
        // What comes after it in the same section depends on it.
        const isSame = (line: Line) => line.uri === found.uri && line.host === found.host;
        const rest = lines.slice(lines.indexOf(found) + 1).filter((line) =>
          isSame(line) && line.destination === found.destination && line.check !== check
        );
        if (code !== 0 && (found.uri ?? found.host) !== undefined) {
          for (const line of rest) assert.equal(line.status, "skip", JSON.stringify(line));
        }
        if (check !== "termination") {
          assert.equal(ended.report.code, code, "Kubernetes is told, too");
        }
        assert.ok(!(all + ended.message).includes(USER.password), "a secret is readable");
        assert.deepEqual(await snapshot(destination), before, "nothing was written");
        assert.ok(ended.elapsed < 15_000);
      },
    );
  }
}

/** A registry that misbehaves, in front of the world's. */
function faulty(world: TestWorld, rule: (seen: Seen) => Fault | undefined): FaultProxy {
  return new FaultProxy(world.host, rule);
}

Deno.test("doctor: mistakes that a registry without sign-in shows", async (t) => {
  const place = await createWorld();
  const { uri, destination } = place;
  await using world = place.world;
  await using folder = await TestFolder.create();
  const at = (reference: string) => [`kit://${world.host}/${reference}`, destination];
  const through = (proxy: FaultProxy) => [uri.replace(world.host, proxy.host), destination];
  for (const tag of ["v0.9", "v1.1", "latest"]) await world.push(`team/model:${tag}`, FILES);
  const image = await putBlob(world, "team/image", new TextEncoder().encode("{}"));
  await putManifest(world, "team/image:v1", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...image },
    layers: [],
  } as { mediaType: string });
  const script = async (name: string, text: string) => {
    await Deno.writeTextFile(folder.at(name), `#!/bin/sh\n${text}`, { mode: 0o755 });
    return folder.at(name);
  };
  const oldKit = await script(
    "old-kit",
    `case "$*" in *--proxy*) echo "Error: unknown flag: --proxy" >&2; exit 1;; *) echo "Version: 0.4.0";; esac\n`,
  );
  await using late = faulty(world, () => ({
    headers: { Date: new Date(Date.now() - 3 * 60 * 60 * 1000).toUTCString() },
  }));
  await using whole = faulty(world, () => ({ withoutHeader: "Range" }));
  const redirect = new Response(null, { status: 307, headers: { Location: `http://${NOBODY}/x` } });
  await using elsewhere = faulty(
    world,
    (seen) => seen.range === null ? undefined : { respond: redirect.clone() as Response },
  );
  const held = Promise.withResolvers<void>();
  await using silent = faulty(
    world,
    ({ path }) => path.includes("/manifests/") ? { hold: held.promise } : undefined,
  );
  await using volume = await Tmpfs.mount(folder.at("small"), "size=16k");
  await folder.write({ "foreign/model.bin": "mine", "not-mine/": "", "not-pem": "hello" });
  await folder.write({ "locked/": "", "killed/.kit-storage.tmp-old/x": "half" });
  await folder.write({ "closed/": "" });
  await Deno.chmod(folder.at("closed"), 0o333);
  await Deno.symlink(folder.at("nowhere"), folder.at("link"));
  const base = await world.push("team/child:base", { "R.md": "child" }, {
    kitfile: JSON.stringify({ manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] }),
  });
  const child = async (tag: string, path: string) =>
    await putChanged(world, `team/child:${tag}`, {
      digest: base.digest,
      change: (kitfile) => ({ ...kitfile, model: { path } }),
    });
  const orphan = await child("orphan", `${world.host}/team/none:v1`);
  const grown = await child("grown", uri.replace("kit://", ""));
  using lock = await Deno.open(folder.at("locked"));
  await using strict = new ForwardProxy({ hosts: {}, login: "proxy:pass-4716" });

  await find(t, place, [
    {
      name: "an unknown setting",
      env: { KIT_PASSWORT: "x" },
      check: "configuration",
      code: 0,
      says: /"KIT_PASSWORT" has no effect: did you mean KIT_PASSWORD\?/,
    },
    {
      name: "a setting out of its range",
      env: { KIT_RETRIES: "0" },
      check: "configuration",
      code: 2,
      says: /KIT_RETRIES is "0", and must be a whole number from 1 to 100/,
    },
    {
      name: "an s3:// pair that KServe gave us",
      args: [uri, destination, "s3://bucket/model", "/mnt/other"],
      check: "configuration",
      code: 2,
      says: /"s3:\/\/bucket\/model" to "\/mnt\/other": the scheme is "s3:\/\/"/,
    },
    {
      name: "a destination without a URI",
      args: [destination],
      check: "configuration",
      code: 2,
      says: /has no URI before it/,
    },
    {
      name: "a CA bundle that is none",
      env: { KIT_CA_BUNDLE: folder.at("not-pem") },
      check: "certificates",
      code: 2,
      says: /KIT_CA_BUNDLE/,
    },
    {
      name: "a signer's key that is not there",
      env: { KIT_COSIGN_KEY: folder.at("none.pub") },
      check: "signer",
      code: 2,
      says: /KIT_COSIGN_KEY/,
    },
    {
      name: "no /dev/shm to write to, with the private files in the destination",
      through: mounting("mount -t tmpfs -o ro tmpfs /dev/shm"),
      check: "private files",
      code: 0,
      says: /\/dev\/shm cannot be written/,
    },
    {
      name: "kit is missing",
      env: { KIT_BIN: folder.at("no-kit") },
      check: "kit",
      code: 8,
      says: /Set KIT_BIN to the path/,
    },
    {
      name: "kit is too old",
      env: { KIT_BIN: oldKit },
      check: "kit",
      code: 8,
      says: /does not know --proxy\. Take kit 1\.15\.0 or later, or look where KIT_BIN/,
    },
    {
      name: "a flag that kit does not have",
      env: { KIT_UNPACK_FLAGS: "--plain-http --bogus" },
      check: "kit",
      code: 2,
      says: /unknown flag: --bogus.*KIT_UNPACK_FLAGS/,
    },
    {
      name: "a termination log that cannot be written",
      env: { KIT_TERMINATION_LOG: "/proc/none" },
      check: "termination",
      code: 0,
      says: /Correct KIT_TERMINATION_LOG/,
    },
    {
      name: "a host that is misspelt",
      args: ["kit://registry.invalid/team/model:v1.0", destination],
      check: "dns",
      code: 5,
      says: /address of "registry\.invalid".*in the URI.*DNS of the cluster/,
    },
    {
      name: "a wrong port",
      args: [`kit://${NOBODY}/team/model:v1.0`, destination],
      check: "connection",
      code: 5,
      says: /"127\.0\.0\.1" at port \d+: Connection refused.*port in the URI/,
    },
    {
      name: "--plain-http is missing",
      env: { KIT_UNPACK_FLAGS: "" },
      check: "tls",
      code: 5,
      says: /does not speak TLS\. Set KIT_UNPACK_FLAGS to --plain-http/,
    },
    {
      name: "a proxy that is down",
      env: { HTTP_PROXY: `http://${NOBODY}` },
      check: "connection",
      code: 5,
      says: /Check host and port in HTTP_PROXY.*NO_PROXY/,
    },
    {
      name: "NO_PROXY with a port, which covers nothing",
      env: { HTTP_PROXY: `http://${world.host}`, NO_PROXY: world.host },
      check: "proxy",
      code: 0,
      says: /entry "127\.0\.0\.1:\d+" of NO_PROXY.*Write "127\.0\.0\.1" into NO_PROXY/,
    },
    {
      name: "a proxy that is no URL",
      env: { HTTP_PROXY: "ftp://proxy.example.com" },
      check: "proxy",
      code: 0,
      says: /HTTP_PROXY is not the URL of a proxy/,
    },
    {
      name: "a clock that is three hours ahead",
      args: through(late),
      check: "clock",
      code: 0,
      says: /180 minutes ahead of the registry's\. Set the clock of the node/,
    },
    {
      name: "a tag that is misspelt",
      args: at("team/model:v1.9"),
      check: "manifest",
      code: 4,
      says: /tag "v1\.9".*the nearest that are there are "v(0\.9|1\.0|1\.1)", "v.*and 1 more/,
    },
    {
      name: "a repository that is misspelt",
      args: at("team/modell:v1.0"),
      check: "manifest",
      code: 4,
      says: /repository "team\/modell".*Check the repository in the URI/,
    },
    {
      name: "a digest that is not there",
      args: at(`team/model@${NOTHING}`),
      check: "manifest",
      code: 4,
      says: /Cannot find sha256:0+ in .*Check the digest in the URI.*"v1\.0"/,
    },
    {
      name: "an image that is no ModelKit",
      args: at("team/image:v1"),
      check: "manifest",
      code: 8,
      says: /it is not a ModelKit/,
    },
    {
      name: "KIT_TIMEOUT is over",
      args: through(silent),
      env: { KIT_TIMEOUT: "2s" },
      check: "credentials",
      code: 9,
      says: /Raise KIT_TIMEOUT/,
    },
    {
      name: "a signature is required and missing",
      env: { KIT_COSIGN_KEY: pemOf(keyPair()) },
      check: "signature",
      code: 6,
      says: /it is not signed.*KIT_COSIGN_KEY/,
    },
    {
      name: "a filter that selects nothing",
      env: { KIT_UNPACK_FLAGS: "--plain-http -f model:other" },
      check: "layers",
      code: 0,
      says: /"model:other" select none of 2 layers.*--filter in KIT_UNPACK_FLAGS/,
    },
    {
      name: "a registry that answers no ranges",
      args: through(whole),
      check: "download",
      code: 0,
      says: /layers only as a whole.*KIT_MIRRORS/,
    },
    {
      name: "a storage behind the registry that cannot be reached",
      args: through(elsewhere),
      check: "download",
      code: 5,
      says: /at "127\.0\.0\.1:\d+": Connection refused/,
    },
    {
      name: "a mirror that is down",
      env: { KIT_MIRRORS: `${world.host}=http://${NOBODY}` },
      check: "connection",
      code: 0,
      says: /a run goes on without this mirror.*KIT_MIRRORS/,
    },
    {
      name: "a registry that is down, with a mirror that is not",
      args: [`kit://${NOBODY}/team/model:v1.0`, destination],
      env: { KIT_MIRRORS: `${NOBODY}=http://${world.host}` },
      check: "connection",
      code: 0,
      says: /a run has a mirror of it/,
    },
    {
      name: "a proxy that wants a password",
      env: { HTTP_PROXY: `http://${strict.host}` },
      check: "tls",
      code: 5,
      says: /the proxy wants a user and a password.*into the proxy's URL, as in HTTPS_PROXY=/,
    },
    {
      name: "another initializer at work in the destination",
      args: [uri, folder.at("locked")],
      before: () => lock.lock(true),
      check: "contents",
      code: 0,
      says: /Another initializer is at work in it/,
    },
    {
      name: "what a killed start left",
      args: [uri, folder.at("killed")],
      check: "contents",
      code: 0,
      says: /"\.kit-storage\.tmp-old" is left of a start that was killed/,
    },
    {
      name: "a disk that is too small",
      args: [uri, volume.path],
      check: "space",
      code: 7,
      says: /are missing\. Give the volume at least .* more/,
    },
    {
      name: "a disk that is too small for what a parent adds",
      args: [grown, volume.path],
      check: "space",
      code: 7,
      says: /are missing\. Give the volume at least .* more/,
    },
    {
      name: "a parent that is missing",
      args: [orphan, destination],
      check: "layers",
      code: 4,
      says: /^Cannot find ".*\/team\/none:v1"/,
    },
    {
      name: "a foreign file in the way",
      args: [uri, folder.at("foreign")],
      check: "contents",
      code: 7,
      says: /"model\.bin" is there already.*-o .*KIT_UNPACK_FLAGS/,
    },
    {
      name: "a destination that is a file",
      args: [uri, folder.at("not-pem")],
      check: "destination",
      code: 7,
      says: /Give a folder: a part of the path is a file/,
    },
    {
      name: "a destination that is a link to nowhere",
      args: [uri, folder.at("link")],
      check: "destination",
      code: 7,
      says: /it is a link that leads nowhere\. Give a folder/,
    },
    {
      name: "a folder that can be written and not read",
      args: [uri, folder.at("closed")],
      through: WITHOUT_POWER,
      check: "contents",
      code: 7,
      says: /^Cannot write to ".*\/closed": Permission denied/,
    },
    {
      name: "a folder that our user may not write to",
      args: [uri, folder.at("not-mine")],
      before: async () => {
        await Deno.chmod(folder.path, 0o755);
        for (const file of ["kit-calls", "message"]) {
          await Deno.writeTextFile(`${world.folder}/${file}`, "", { append: true });
          await Deno.chown(`${world.folder}/${file}`, UID, UID);
        }
      },
      env: { KIT_TERMINATION_LOG: `${world.folder}/message` },
      through: AS_USER,
      check: "destination",
      code: 7,
      says: new RegExp(`of UID 0, GID 0, mode 755; we are UID ${UID}.*fsGroup`),
    },
  ]);
  held.resolve();
});

Deno.test("doctor: mistakes of signing in", async (t) => {
  const place = await createWorld({ htpasswd: [USER] });
  await using world = place.world;
  const { host } = world;
  const login = { KIT_USER: USER.user, KIT_PASSWORD: USER.password };
  const config = (value: unknown) => ({ KIT_DOCKER_CONFIG_JSON: JSON.stringify(value) });
  const elsewhere = { registry: "other.example.com", auth: btoa("bob:hidden-4712") };
  await find(t, place, [
    {
      name: "no credentials",
      check: "credentials",
      code: 3,
      says: /no source has any for .*Set KIT_USER and KIT_PASSWORD/,
    },
    {
      name: "a wrong password",
      env: { ...login, KIT_PASSWORD: "wrong-horse-4713" },
      check: "credentials",
      code: 3,
      says: /401.*Check KIT_USER and KIT_PASSWORD/,
    },
    {
      name: "a password for another host",
      env: { ...login, KIT_REGISTRY: elsewhere.registry },
      check: "credentials",
      code: 3,
      says: new RegExp(`Set KIT_REGISTRY to "${host}".*they are for "other.example.com"`),
    },
    {
      name: "half of a login",
      env: { KIT_USER: USER.user },
      check: "configuration",
      code: 2,
      says: /KIT_USER is set, but KIT_PASSWORD is empty or missing/,
    },
    {
      name: "a docker config for another host",
      env: config({ auths: { [elsewhere.registry]: { auth: elsewhere.auth } } }),
      check: "credentials",
      code: 3,
      says: /no source has any for/,
    },
    {
      name: "a docker config with a credential helper",
      env: config({ credHelpers: { [host]: "ecr-login" } }),
      check: "credentials",
      code: 3,
      says: /KIT_DOCKER_CONFIG_JSON.*ecr-login/,
    },
  ]);

  await t.step("a password that is right is accepted, and not shown", async () => {
    const { lines, ended } = await diagnosed(world, [place.uri], { env: login });
    assert.equal(ended.code, 0, ended.stdout);
    const { message } = lines.find(({ check }) => check === "credentials")!;
    assert.equal(message, `KIT_USER and KIT_PASSWORD, for "${host}": accepted`);
    assert.ok(!ended.stdout.includes(USER.password));
  });
});

/** The certificate's parts as files of a folder. */
async function write(folder: TestFolder, name: string, parts: TestCertificate) {
  const paths = {} as TestCertificate;
  for (const part of ["cert", "key", "ca"] as const) {
    await folder.write({ [`${name}-${part}.pem`]: parts[part] });
    paths[part] = folder.at(`${name}-${part}.pem`);
  }
  return paths;
}

Deno.test("doctor: mistakes of TLS", async (t) => {
  await using folder = await TestFolder.create();
  const tls = await write(folder, "right", await makeCertificate());
  const place = await createWorld({ tls, ca: tls.ca });
  await using world = place.world;
  const day = 24 * 60 * 60 * 1000;
  const bad = {
    name: await makeCertificate([], { only: ["DNS:other.example.com"] }),
    expired: await makeCertificate([], {
      from: new Date(Date.now() - 3 * day),
      to: new Date(Date.now() - 2 * day),
    }),
  };
  const serve = ({ cert, key }: { cert: string; key: string }) =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
      () => new Response("{}"),
    );
  await using wrongName = serve(bad.name);
  await using expired = serve(bad.expired);
  const own = await makeOwnAuthority(folder.path);
  const at = (server: Deno.HttpServer<Deno.NetAddr>) => [
    place.uri.replace(world.host, `127.0.0.1:${server.addr.port}`),
    place.destination,
  ];
  await find(t, place, [
    {
      name: "the CA is missing",
      check: "tls",
      code: 5,
      says:
        /UnknownIssuer.*issued by "CN=Test authority".*CA certificate of the registry in KIT_CA_BUNDLE/,
    },
    {
      name: "a certificate for another name",
      args: at(wrongName),
      env: { KIT_CA_BUNDLE: bad.name.ca },
      check: "tls",
      code: 5,
      says: /for "other\.example\.com".*Give a certificate for this host/,
    },
    {
      name: "a certificate that has expired",
      args: at(expired),
      env: { KIT_CA_BUNDLE: bad.expired.ca },
      check: "tls",
      code: 5,
      says: /[Ee]xpired.*Renew the certificate, or correct the node's clock/,
    },
    {
      name: "--plain-http too much",
      env: { KIT_UNPACK_FLAGS: "--plain-http" },
      check: "tls",
      code: 5,
      says: /it speaks TLS\. Leave --plain-http out of KIT_UNPACK_FLAGS/,
    },
    {
      name: "--plain-http too much, where the server only hangs up",
      args: at(wrongName),
      env: { KIT_UNPACK_FLAGS: "--plain-http" },
      check: "tls",
      code: 5,
      says: /it speaks TLS\. Leave --plain-http out of KIT_UNPACK_FLAGS/,
    },
    {
      name: "a CA certificate that has expired",
      env: { KIT_CA_BUNDLE: `${await Deno.readTextFile(tls.ca)}${bad.expired.cert}` },
      check: "certificates",
      code: 0,
      says: /has expired: "CN=localhost" \(.*Replace it in KIT_CA_BUNDLE/,
    },
    {
      name: "SSL_CERT_FILE that is not there",
      env: { KIT_CA_BUNDLE: tls.ca, SSL_CERT_FILE: "/none.pem" },
      check: "certificates",
      code: 0,
      says: /SSL_CERT_FILE names "\/none\.pem"/,
    },
    {
      name: "a certificate that ends soon",
      env: { KIT_CA_BUNDLE: tls.ca },
      check: "tls",
      code: 0,
      says: /The certificate ends in 0 days\. Renew it/,
    },
    {
      name: "--tls-verify=false, with which layers are not verified",
      env: { KIT_UNPACK_FLAGS: "--tls-verify=false" },
      check: "manifest",
      code: 0,
      says: /layers are not verified/,
    },
  ]);

  await t.step("a certificate that is its own authority: kit itself would fetch", async () => {
    await using other = await TestWorld.create({ tls: own, ca: own.cert });
    const { uri } = await other.push("team/own:v1", FILES);
    const { lines, ended } = await diagnosed(other, [uri], { env: { KIT_CA_BUNDLE: own.cert } });
    assert.equal(ended.code, 0, ended.stdout);
    const of = (name: string) => lines.find(({ check }) => check === name)!;
    assert.match(of("tls").message, /only kit itself accepts this/);
    assert.equal(of("tls").status, "warn");
    assert.equal(of("download").status, "skip");
    assert.match(of("manifest").message, /asked for by kit/);
  });
});

const REGISTRY = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";

Deno.test("doctor: mistakes of AWS", async (t) => {
  await using folder = await TestFolder.create();
  const tls = await write(folder, "ecr", await makeCertificate([REGISTRY]));
  const place = await createWorld({ tls, ca: tls.ca, htpasswd: [USER] });
  await using world = place.world;
  await using proxy = new ConnectProxy({ [REGISTRY]: world.host });
  await using aws = serveAws({
    sts: ({ body }) =>
      body.includes(encodeURIComponent("a."))
        ? undefined
        : stsError(400, "ExpiredTokenException", "Token expired"),
  });
  const token = (exp: number) => `a.${btoa(JSON.stringify({ exp, aud: "sts.amazonaws.com" }))}.b`;
  await folder.write({ good: token(4_102_444_800), old: token(1_600_000_000).replace("a.", "b.") });
  const env = {
    HTTPS_PROXY: proxy.url,
    NO_PROXY: "127.0.0.1",
    KIT_CA_BUNDLE: tls.ca,
    AWS_ROLE_ARN: "arn:aws:iam::111111111111:role/reader",
    AWS_WEB_IDENTITY_TOKEN_FILE: folder.at("good"),
    ...aws.environment,
  };
  const args = [place.uri.replace(world.host, REGISTRY), place.destination];
  await find(t, place, [
    {
      name: "a wrong region",
      args,
      env: { ...env, AWS_ECR_REGION: "us-east-1" },
      check: "credentials",
      code: 3,
      says: /Unset AWS_ECR_REGION: it is "us-east-1", and the registry is in "eu-west-3"/,
    },
    {
      name: "a token of the pod that has expired",
      args,
      env: { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: folder.at("old") },
      check: "credentials",
      code: 3,
      says:
        /the token in AWS_WEB_IDENTITY_TOKEN_FILE \(".*\/old"\) has expired at 2020-09-13T12:26:40/,
    },
    {
      name: "a token file that is not there",
      args,
      env: { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: folder.at("none") },
      check: "credentials",
      code: 3,
      says: /AWS_WEB_IDENTITY_TOKEN_FILE ".*\/none" cannot be read/,
    },
    {
      name: "a proxy with no way to the registry",
      args: [args[0].replace("eu-west-3", "eu-west-1"), place.destination],
      env,
      check: "tls",
      code: 5,
      says: /through the proxy of HTTPS_PROXY.*into NO_PROXY/,
    },
  ]);
});

Deno.test("doctor: where all is well it says so, ends with 0, and leaves nothing behind", async (t) => {
  const place = await createWorld({ htpasswd: [USER] });
  await using world = place.world;
  const { uri, digest, destination } = place;
  const pair = keyPair();
  await signByBundle(world, { repository: "team/model", digest, pair });
  const env = {
    KIT_USER: USER.user,
    KIT_PASSWORD: USER.password,
    KIT_COSIGN_KEY: pemOf(pair),
  };

  await t.step("all checks are ok", async () => {
    const other = world.destination("not-there/yet");
    const { lines, ended } = await diagnosed(world, [uri, destination, uri, other], { env });
    assert.equal(ended.code, 0, ended.stdout);
    const others = lines.filter(({ status }) => status !== "ok");
    assert.deepEqual(others, []);
    const of = (name: string) => lines.find(({ check }) => check === name)!.message;
    assert.ok(of("manifest").includes(digest));
    assert.match(of("signature"), /^Signed by the key with SHA-256/);
    assert.match(of("download"), /of a layer, the first after \d+ ms/);
    assert.match(of("destination"), /^writable by UID/);
    assert.equal(of("contents"), "empty");
    assert.deepEqual(await snapshot(destination), {});
    await assert.rejects(Deno.stat(world.destination("not-there")));
    assert.equal(ended.sentence, "Nothing stands in the way of a run");
  });

  await t.step("kit got no password, and its private folder is gone", async () => {
    const calls = await world.kitCalls();
    assert.ok(calls.includes("argv: unpack"));
    assert.ok(!calls.includes(USER.password));
    for (const [, path] of calls.matchAll(/^KITOPS_HOME=(.*)$/gm)) {
      await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    }
  });

  await t.step("as text: a section for each host, URI and folder, and a last line", async () => {
    const ended = await world.run(["doctor", uri, destination], { env });
    assert.equal(ended.code, 0, ended.stdout);
    assert.equal(ended.stderr, "");
    const sections = ended.stdout.split("\n").filter((line) => /^\S/.test(line));
    assert.deepEqual(sections.slice(0, 4), ["This container", world.host, uri, destination]);
    assert.match(sections[4], /^\d+ ok, 0 warn, 0 fail, 0 skip in \d+\.\d s$/);
    assert.equal(sections[5], "Nothing stands in the way of a run");
    assert.ok(!ended.stdout.includes("\x1b"), "no colours for a file");
  });

  await t.step("a folder that a run has filled is complete already", async () => {
    assert.equal((await world.run([uri, destination], { env })).code, 0);
    const before = await snapshot(destination);
    const { lines, ended } = await diagnosed(world, [uri, destination], { env });
    assert.equal(ended.code, 0, ended.stdout);
    const { message } = lines.find(({ check }) => check === "contents")!;
    assert.equal(message, `complete already, with ${digest}`);
    assert.deepEqual(await snapshot(destination), before);
  });

  await t.step("in a folder that is complete already KIT_EXPECT counts, as in a run", async () => {
    const expecting = { env: { ...env, KIT_EXPECT: "model.onnx" } };
    assert.equal((await world.run([uri, destination], expecting)).code, 4);
    const { lines, ended } = await diagnosed(world, [uri, destination], expecting);
    assert.equal(ended.code, 4, ended.stdout);
    const failed = lines.filter(({ status }) => status === "fail");
    assert.deepEqual(failed.map(({ check }) => check), ["contents"]);
  });

  await t.step("where the registry is down a run goes on with what is complete", async () => {
    const offline = { env: { ...env, HTTP_PROXY: `http://${NOBODY}` } };
    assert.equal((await world.run([uri, destination], offline)).code, 0);
    const { lines, ended } = await diagnosed(world, [uri, destination], offline);
    assert.equal(ended.code, 0, ended.stdout);
    const warned = lines.filter(({ status }) => status === "warn");
    assert.deepEqual(warned.map(({ check }) => check), ["connection"]);
    assert.match(warned[0].message, /: a run goes on with what is complete already$/);
    const other = await diagnosed(world, [uri, world.destination("empty")], offline);
    assert.equal(other.ended.code, 5, other.ended.stdout);
  });

  await t.step("a password that is refused counts for a tag, and not for a digest", async () => {
    const pinned = [uri.replace(":v1.0", `@${digest}`), world.destination("pinned")];
    assert.equal((await world.run(pinned, { env })).code, 0);
    const refused = { env: { ...env, KIT_PASSWORD: "wrong-horse-4713" } };
    for (const [args, code] of [[[uri, destination], 3], [pinned, 0]] as const) {
      assert.equal((await world.run([...args], refused)).code, code);
      const { ended } = await diagnosed(world, [...args], refused);
      assert.equal(ended.code, code, ended.stdout);
    }
  });

  await t.step("a layer that the registry has lost does not matter where it is there", async () => {
    const manifest = JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
    const path = blobPath(world.registry, manifest.layers[0].digest);
    await Deno.rename(path, `${path}.lost`);
    for (const [place, code] of [[destination, 0], [world.destination("lost"), 4]] as const) {
      assert.equal((await world.run([uri, place], { env })).code, code);
      const { lines, ended } = await diagnosed(world, [uri, place], { env });
      assert.equal(ended.code, code, ended.stdout);
      const { status } = lines.find(({ check }) => check === "download")!;
      assert.equal(status, code === 0 ? "warn" : "fail");
    }
    await Deno.rename(`${path}.lost`, path);
  });

  await t.step("what it keeps in the destination itself is not left of anybody", async () => {
    const place = world.destination("own");
    await Deno.mkdir(place);
    const { lines } = await diagnosed(world, [uri, place], {
      env,
      through: mounting("mount -t tmpfs -o ro tmpfs /dev/shm"),
    });
    const contents = lines.filter(({ check }) => check === "contents");
    assert.deepEqual(contents.map(({ message }) => message), ["empty"]);
    assert.deepEqual(await snapshot(place), {});
  });

  await t.step(
    "where folders cannot be locked, as with NFS, the lock of a file counts",
    async () => {
      const place = world.destination("nfs");
      const preload = new URL("../support/no_folder_locks.ts", import.meta.url).pathname;
      assert.equal((await world.run([uri, place], { env, preload })).code, 0);
      const said = async () => {
        const { lines, ended } = await diagnosed(world, [uri, place], { env, preload });
        assert.equal(ended.code, 0, ended.stdout);
        return lines.find(({ check }) => check === "contents")!.message;
      };
      assert.equal(await said(), `complete already, with ${digest}`);
      using lock = await Deno.open(`${place}/${LOCK_NAME}`, { write: true });
      await lock.lock(true);
      assert.match(await said(), /^Another initializer is at work in it/);
    },
  );

  await t.step(
    "without a URI: the container, and the registry that KIT_REGISTRY names",
    async () => {
      const { lines, ended } = await diagnosed(world, [], {
        env: { ...env, KIT_REGISTRY: world.host },
      });
      assert.equal(ended.code, 0, ended.stdout);
      assert.ok(lines.some(({ check, host }) => check === "clock" && host === world.host));
      assert.ok(!lines.some(({ uri }) => uri !== undefined));
    },
  );
});

Deno.test("doctor: SIGTERM ends it with 143, and nothing is left behind", async () => {
  const place = await createWorld();
  await using world = place.world;
  const asked = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  await using silent = faulty(world, ({ path }) => {
    if (!path.includes("/manifests/")) return undefined;
    asked.resolve();
    return { hold: held.promise };
  });
  const uri = place.uri.replace(world.host, silent.host);
  const ended = await world.run(["doctor", uri, place.destination], {
    onStart: async (process) => {
      await asked.promise;
      process.kill("SIGTERM");
    },
  });
  held.resolve();
  assert.equal(ended.code, 143, ended.stderr);
  assert.match(ended.stdout, /^ +ok +connection /m);
  assert.match(ended.sentence, /^Stopped by SIGTERM/);
  assert.deepEqual(await snapshot(place.destination), {});
  const calls = await world.kitCalls();
  for (const [, path] of calls.matchAll(/^KITOPS_HOME=(.*)$/gm)) {
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }
});

function closedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}
