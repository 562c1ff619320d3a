// The image, and what becomes of it in a pod: any user, a read-only root, no capabilities, little memory and CPU.
import assert from "node:assert/strict";
import deno from "../../deno.json" with { type: "json" };
import { OUTCOMES } from "../../lib/errors.ts";
import { revision } from "../../tools/image/build.ts";
import { engine, runEngine } from "../../tools/image/engine.ts";
import { Cluster, type Ended, image } from "./pod.ts";

const MAX_ADDED_BYTES = 100 * 2 ** 20;
/** So much takes a container of 0.1 CPU some seconds. */
const SOME_BYTES = 64 * 2 ** 20;
const STOP_MS = 2000;

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const inspect = async (name: string) => JSON.parse(await engine(["image", "inspect", name]))[0];

Deno.test("the image starts our program as a user with a number", async () => {
  const { Config } = await inspect((await image()).image);
  assert.match(Config.User, /^[1-9]\d*$/);
  assert.deepEqual(Config.Entrypoint, ["/usr/local/bin/storage-initializer"]);
  assert.ok(!Config.Cmd, "there are arguments");
});

Deno.test("the image says what it is, from which commit, and on which base", async () => {
  const { image: name, base } = await image();
  const { Config: { Labels } } = await inspect(name);
  const label = (key: string) => Labels[`org.opencontainers.image.${key}`];
  assert.equal(label("version"), deno.version);
  assert.equal(label("licenses"), deno.license);
  assert.equal(label("revision"), await revision());
  assert.equal(label("base.name"), base);
  assert.match(label("source"), /^https:\/\/github\.com\/[\w-]+\/[\w-]+$/);
  assert.ok(label("title") && label("description"));
});

Deno.test("the image adds at most 100 MiB to its base", async () => {
  const { image: name, base } = await image();
  const { Size: size } = await inspect(name);
  const { Size: baseSize } = await inspect(base);
  console.log(
    `the image has ${mebibytes(size)}: ${mebibytes(baseSize)} of the base, ` +
      `${mebibytes(size - baseSize)} are added`,
  );
  assert.ok(size - baseSize <= MAX_ADDED_BYTES, `it adds ${size - baseSize} bytes`);
});

Deno.test("the image needs no shell", async () => {
  await using cluster = await Cluster.create();
  const { uri } = await cluster.push("image/no-shell:v1", { "model.bin": "payload of no shell" });
  const pod = await cluster.pod();
  // It hides busybox and bash, and everything that is a link to them.
  const empty = await Deno.makeTempDir({ dir: cluster.world.folder });
  const flags = [`--volume=${empty}:/bin:ro`];
  const shell = await runEngine([
    ...["run", "--rm", "--read-only", ...flags, "--entrypoint=/bin/sh", (await image()).image],
    ...["-c", "true"],
  ]);
  assert.notEqual(shell.code, 0, "there still is a shell");
  const ended = await (await pod.init(uri, { flags })).run();
  assert.equal(ended.code, 0, ended.stderr);
});

Deno.test("an init container fills the volume, a server reads it, and a restart finds it complete", async () => {
  await using cluster = await Cluster.create();
  const { uri, digest } = await cluster.push("image/fill:v1", {
    "model.bin": "payload of the image's pod",
    "docs/README.md": "# fill",
  });
  const pod = await cluster.pod();
  const container = await pod.init(uri);

  const first = await container.run();
  assertEnded(first, "ok");
  assert.equal(first.report.digest, digest);
  assert.equal(await pod.read("cat", "/mnt/models/model.bin"), "payload of the image's pod");
  assert.equal(await pod.read("cat", "/mnt/models/docs/README.md"), "# fill");
  assert.deepEqual(await namesIn(pod.volume), [
    ".kit-storage.json",
    "Kitfile",
    "docs",
    "model.bin",
  ]);

  const second = await container.run();
  assertEnded(second, "ok");
  assert.equal(second.report.bytes, 0, "it was unpacked again");
  const other = await (await pod.init(uri, { cpus: 1 })).run();
  assertEnded(other, "ok");
  assert.equal(other.report.bytes, 0, "it was unpacked again");
  console.log(
    `a start over a complete volume takes ${other.finished - other.started} ms with 1 CPU, ` +
      `${second.finished - second.started} ms with 0.1, and ` +
      `${mebibytes(other.memory.unreclaimable)} of memory`,
  );
});

Deno.test("a container that was killed in the middle completes when it is started again", async () => {
  await using cluster = await Cluster.create();
  const model = bytesOf(SOME_BYTES);
  const { uri } = await cluster.push("image/killed:v1", { "model.bin": model });
  const pod = await cluster.pod();
  const container = await pod.init(uri);

  await container.startUntil(/Unpacking /);
  await engine(["kill", container.name]);
  assert.equal((await container.ended()).code, 137);
  assert.ok(!(await namesIn(pod.volume)).includes("model.bin"), "it was killed too late");

  assertEnded(await container.run(), "ok");
  assert.deepEqual(await namesIn(pod.volume), [".kit-storage.json", "Kitfile", "model.bin"]);
  assert.equal(await sumOf(pod.read("sha256sum", "/mnt/models/model.bin")), await sha256(model));
});

Deno.test("two containers on one volume at once: one fills it, the other waits for it", async () => {
  await using cluster = await Cluster.create();
  const { uri } = await cluster.push("image/two:v1", { "model.bin": bytesOf(SOME_BYTES) });
  const pod = await cluster.pod();
  const containers = [await pod.init(uri), await pod.init(uri)];
  const both = await Promise.all(containers.map((container) => container.run()));
  for (const ended of both) assertEnded(ended, "ok");
  const [waited, filled] = both.sort((a, b) => Number(a.report.bytes) - Number(b.report.bytes));
  assert.ok(Number(filled.report.bytes) > SOME_BYTES);
  assert.equal(waited.report.bytes, 0);
  assert.match(waited.stderr, /Waiting for another initializer/);
});

Deno.test("a container that is stopped leaves within 2 s, says so, and leaves nothing behind", async () => {
  await using cluster = await Cluster.create();
  const { uri } = await cluster.push("image/stopped:v1", { "model.bin": bytesOf(SOME_BYTES) });
  const pod = await cluster.pod();
  const container = await pod.init(uri);
  await container.startUntil(/Unpacking /);
  const stopped = Date.now();
  await engine(["stop", "--time=20", container.name]);
  const ended = await container.ended();
  assertEnded(ended, "terminated");
  const took = ended.finished - stopped;
  console.log(`it left ${took} ms after SIGTERM`);
  assert.ok(took <= STOP_MS, `it left ${took} ms after SIGTERM`);
  assert.deepEqual(await namesIn(pod.volume), []);
});

Deno.test("a private authority is trusted by KServe's CA bundle, and only by it", async () => {
  await using cluster = await Cluster.create();
  const { tlsUri } = await cluster.push("image/ca:v1", { "model.bin": "payload of the CA" });
  const pod = await cluster.pod();
  // KServe has no flags for kit.
  const env = { KIT_UNPACK_FLAGS: "", KIT_RETRIES: "1" };
  const without = await (await pod.init(tlsUri, { env })).run();
  assertEnded(without, "unavailable");
  assert.match(without.sentence, /KIT_CA_BUNDLE/);

  // https://github.com/kserve/kserve/blob/master/pkg/webhook/admission/pod/storage_initializer_injector.go
  const mountPoint = "/etc/ssl/custom-certs";
  const container = await pod.init(tlsUri, {
    env: {
      ...env,
      CA_BUNDLE_CONFIGMAP_NAME: "global-ca-bundle",
      CA_BUNDLE_VOLUME_MOUNT_POINT: mountPoint,
    },
    flags: [`--volume=${cluster.caBundle}:${mountPoint}:ro`],
  });
  assertEnded(await container.run(), "ok");
  assert.equal(await pod.read("cat", "/mnt/models/model.bin"), "payload of the CA");
});

Deno.test("a missing tag and wrong arguments: what Kubernetes is told, and an empty volume", async (t) => {
  await using cluster = await Cluster.create();
  await cluster.push("image/missing:v1", { "model.bin": "payload of the missing tag" });
  const pod = await cluster.pod();
  await t.step("a missing tag", async () => {
    const ended = await (await pod.init("kit://registry:5000/image/missing:v2")).run();
    assertEnded(ended, "not found");
    assert.match(ended.sentence, /image\/missing:v2/);
  });
  await t.step("a URI of S3", async () => {
    const ended = await (await pod.init("s3://bucket/model")).run();
    assertEnded(ended, "usage");
    assert.match(ended.sentence, /only "kit:\/\/" is served here/);
  });
  assert.deepEqual(await namesIn(pod.volume), []);
});

Deno.test("doctor in a pod says that all is well, or what is not, and leaves the volume empty", async () => {
  await using cluster = await Cluster.create();
  const { uri } = await cluster.push("image/doctor:v1", { "model.bin": "payload of doctor" });
  const pod = await cluster.pod();
  const healthy = await (await pod.init(uri, { args: ["doctor", uri] })).run();
  assertEnded(healthy, "ok");
  assert.match(healthy.stdout, /^ *ok +termination /m);
  assert.match(healthy.stdout, /^ *ok +memory +limit 134 MB/m);
  assert.match(healthy.stdout, /^ *ok +destination +writable by UID \d{4,}/m);
  assert.doesNotMatch(healthy.stdout, /^ *(warn|fail) /m);

  const ill = await (await pod.init(uri, { args: ["doctor", uri.replace(":v1", ":v2")] })).run();
  assertEnded(ill, "not found");
  assert.match(ill.stdout, /^ *fail +manifest /m);
  assert.match(ill.stdout, /\bv1\b/, "the tag that is there is not named");
  assert.deepEqual(await namesIn(pod.volume), []);
});

Deno.test("a ModelKit of 1 GiB is verified in 128 MiB of memory", async () => {
  await using cluster = await Cluster.create();
  const model = bytesOf(2 ** 30);
  const { uri } = await cluster.push("image/large:v1", { "model.bin": model });
  const pod = await cluster.pod();
  const ended = await (await pod.init(uri)).run();
  assertEnded(ended, "ok");
  assert.equal(await sumOf(pod.read("sha256sum", "/mnt/models/model.bin")), await sha256(model));
  const { peak, unreclaimable } = ended.memory;
  assert.ok(peak > 0, "its memory was not seen");
  console.log(
    `1 GiB took ${((ended.finished - ended.started) / 1000).toFixed(1)} s with 0.1 CPU and ` +
      `${mebibytes(unreclaimable)} of memory, ${mebibytes(peak)} with the page cache`,
  );
});

function assertEnded(ended: Ended, outcome: keyof typeof OUTCOMES): void {
  assert.equal(ended.code, OUTCOMES[outcome].code, ended.stderr);
  assert.equal(ended.report.code, ended.code);
  assert.equal(ended.report.name, outcome);
}

/** Bytes of which no 64 KiB are like others. */
function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  for (let offset = 0; offset < length; offset += block.length) {
    new DataView(block.buffer).setUint32(0, offset);
    bytes.set(block, offset);
  }
  return bytes;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** The digest in what sha256sum says. */
async function sumOf(said: Promise<string>): Promise<string> {
  return (await said).split(" ")[0];
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}
