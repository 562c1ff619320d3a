import assert from "node:assert/strict";
import { readConfig } from "../../lib/config.ts";
import { Failure } from "../../lib/errors.ts";
import { Kit } from "../../lib/kit.ts";
import { sleep } from "../../lib/retry.ts";
import { DirectTransfer } from "../../lib/transfer/direct.ts";
import { failureOf } from "../support/failure.ts";
import { FakeKit } from "../support/fake_kit.ts";
import { TestFolder } from "../support/folder.ts";
import { recordLog } from "../support/recorded_log.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const URI = "kit://h.io/org/model:v1";
const INSPECTION = `{"digest":"${DIGEST}","manifest":{"layers":[]}}`;
/** The folder that kit is to fill is its last argument. */
const FILL = `for tree in "$@"; do :; done; mkdir -p "$tree/data"; echo half >"$tree/data/file"`;

async function setUp(
  body: string,
  environment: Record<string, string> = {},
  { attempts = 1, signal = new AbortController().signal } = {},
) {
  const folder = await TestFolder.create();
  const fake = await FakeKit.create(folder, body);
  await folder.write({ "home/": "", "staging/": "" });
  const { log, lines } = recordLog();
  const config = readConfig([URI, "/dest"], environment);
  const kit = new Kit({
    bin: fake.bin,
    home: folder.at("home"),
    environment: { PATH: Deno.env.get("PATH") ?? "" },
    network: config.flags.network,
    includeRemote: false,
    stallTimeout: 60_000,
    log,
    signal,
  });
  const auth = {
    config,
    log,
    signal,
    fetch: () => Promise.reject(new Error("This test has no network")),
    readTextFile: () => Promise.reject(new Deno.errors.NotFound()),
  };
  const delay = () => sleep(0, signal);
  const transfer = new DirectTransfer({
    kit,
    config,
    auth,
    trust: ["--tls-cert=/ca.pem"],
    retry: { attempts, signal, log, delay },
  });
  const [{ reference }] = config.pairs;
  const unpack = () =>
    transfer.unpack({
      reference,
      modelkit: { digest: DIGEST, layers: [] },
      tree: folder.at("staging/tree"),
      progress: { log, uri: URI, total: 0 },
    });
  return {
    ...{ folder, fake, lines, unpack, resolve: () => transfer.resolve(reference) },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

Deno.test("direct: with a user it signs in first, with the network flags", async () => {
  await using world = await setUp(`[ "$1" != inspect ] || echo '${INSPECTION}'`, {
    KIT_USER: "me",
    KIT_PASSWORD: "secret-word",
    KIT_UNPACK_FLAGS: "--plain-http -f model",
  });
  assert.equal((await world.resolve()).digest, DIGEST);
  const calls = await world.fake.calls();
  assert.deepEqual(calls.map(({ args, stdin }) => [args, stdin]), [
    [["login", "h.io", "--username=me", "--password-stdin", "--plain-http=true"], "secret-word"],
    [["inspect", "--remote", "h.io/org/model:v1", "--plain-http=true"], ""],
  ]);
  assert.doesNotMatch(
    JSON.stringify([calls.map(({ environment }) => environment), world.lines]),
    /secret-word/,
  );
});

Deno.test("direct: without credentials it does not sign in", async () => {
  await using world = await setUp(`echo '${INSPECTION}'`);
  await world.resolve();
  assert.deepEqual((await world.fake.calls()).map(({ args }) => args[0]), ["inspect"]);
});

Deno.test("direct: a refusal without credentials says that there are none", async () => {
  await using world = await setUp("echo '[ERROR] basic credential not found' >&2; exit 1");
  const failure = await failureOf(world.resolve);
  assert.equal(failure.outcome, "auth");
  assert.match(failure.message, /"h\.io/);
  assert.match(failure.hint ?? "", /KIT_USER/);
});

Deno.test("direct: what was resolved is unpacked, by its digest, with all words and our certificates", async () => {
  await using world = await setUp(FILL, { KIT_UNPACK_FLAGS: "-v -f 'model:a b'" });
  await world.unpack();
  assert.deepEqual((await world.fake.calls()).map(({ args }) => args), [[
    ...["unpack", `h.io/org/model@${DIGEST}`, "-v", "-f", "model:a b", "--tls-cert=/ca.pem"],
    ...["-d", world.folder.at("staging/tree")],
  ]]);
  assert.deepEqual(await world.folder.tree("staging"), {
    "tree/": "",
    "tree/data/": "",
    "tree/data/file": "half\n",
  });
});

Deno.test("direct: after a failure nothing of the tree is left", async () => {
  await using world = await setUp(
    `${FILL}; echo '[ERROR] write: no space left on device' >&2; exit 1`,
  );
  const failure = await failureOf(world.unpack);
  assert.equal(failure.outcome, "destination");
  assert.deepEqual(await world.folder.tree("staging"), {});
});

Deno.test("direct: a further attempt begins with no tree", async () => {
  await using world = await setUp(
    `for tree in "$@"; do :; done
    [ ! -e "$tree" ] || exit 9
    ${FILL}
    [ "$call" = '${"${call%/*}"}/2' ] || { echo '[ERROR] unexpected EOF' >&2; exit 1; }`.replaceAll(
      "'",
      '"',
    ),
    {},
    { attempts: 3 },
  );
  await world.unpack();
  assert.equal((await world.fake.calls()).length, 3);
});

Deno.test("direct: after an abort nothing of the tree is left", async () => {
  const stop = new AbortController();
  const reason = new Failure("terminated", "Stopped");
  await using world = await setUp(`${FILL}; exec sleep 600`, {}, { signal: stop.signal });
  const watcher = Deno.watchFs(world.folder.at("staging"), { recursive: true });
  const unpacking = world.unpack();
  for await (const _ of watcher) break;
  stop.abort(reason);
  await assert.rejects(unpacking, reason);
  assert.deepEqual(await world.folder.tree("staging"), {});
});
