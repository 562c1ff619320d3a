import assert from "node:assert/strict";
import { run } from "../../lib/run.ts";
import { snapshot, TestWorld, writeFiles } from "../support/world.ts";

Deno.test("what can go wrong: exit code, sentence, and a destination as it was", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/failures:v1", {
    "model.bin": "payload of failures",
    "data/x.csv": "1",
  });
  const missing = (reference: string) => `kit://${world.host}/${reference}`;

  interface Case {
    name: string;
    args: (destination: string) => string[];
    env?: Record<string, string>;
    before?: Record<string, string>;
    code: number;
    sentence: RegExp;
  }
  const cases: Case[] = [
    { name: "no arguments", args: () => [], code: 2, sentence: /arguments are missing/ },
    {
      name: "a URI without a destination",
      args: () => [uri],
      code: 2,
      sentence: /has no destination/,
    },
    {
      name: "an s3:// pair beside ours is named, and nothing is done",
      args: (destination) => [uri, destination, "s3://bucket/model", "/mnt/other"],
      code: 2,
      sentence: /pair 2, "s3:\/\/bucket\/model" to "\/mnt\/other"/,
    },
    {
      name: "all mistakes at once",
      args: (destination) => ["--bogus", "kit://nohost", destination],
      env: {
        KIT_RETRIES: "0",
        KIT_UNPACK_FLAGS: "--plain-http -d /elsewhere",
        KIT_TIMEOUT: "soon",
        KIT_USER: "alice",
      },
      code: 2,
      sentence: /6 mistakes/,
    },
    {
      name: "a flag that kit does not know",
      args: (d) => [uri, d],
      env: { KIT_UNPACK_FLAGS: "--plain-http --bogus" },
      code: 2,
      sentence: /unknown flag: --bogus/,
    },
    {
      name: "a filter that kit does not know",
      args: (d) => [uri, d],
      env: { KIT_UNPACK_FLAGS: "--plain-http -f models" },
      code: 2,
      sentence: /Invalid filter 'models'/,
    },
    {
      name: "a missing tag",
      args: (d) => [missing("team/failures:v9"), d],
      code: 4,
      sentence: /team\/failures:v9": the registry has no such/,
    },
    {
      name: "a missing repository",
      args: (d) => [missing("team/nothing:v1"), d],
      code: 4,
      sentence: /team\/nothing:v1": the registry has no such/,
    },
    {
      name: "a missing digest",
      args: (d) => [missing(`team/failures@sha256:${"0".repeat(64)}`), d],
      code: 4,
      sentence: /the registry has no such/,
    },
    {
      name: "nobody listens",
      args: (d) => [`kit://127.0.0.1:${closedPort()}/team/failures:v1`, d],
      code: 5,
      sentence: /connection refused/i,
    },
    {
      name: "a host that has no address",
      args: (d) => ["kit://registry.invalid/team/failures:v1", d],
      code: 5,
      sentence: /registry\.invalid/,
    },
    {
      name: "plain HTTP without the flag",
      args: (d) => [uri, d],
      env: { KIT_UNPACK_FLAGS: "" },
      code: 5,
      sentence: /--plain-http/,
    },
    {
      name: "a file of somebody else's in the way",
      args: (d) => [uri, d],
      before: { "model.bin": "not ours" },
      code: 7,
      sentence: /"model\.bin" is there already.*-o/,
    },
    {
      name: "a file of somebody else's in a folder that is in the ModelKit too",
      args: (d) => [uri, d],
      before: { "data/x.csv": "not ours" },
      code: 7,
      sentence: /"data\/x\.csv" is there already/,
    },
    {
      name: "a file where the ModelKit has a folder",
      args: (d) => [uri, d],
      before: { "data": "not ours" },
      code: 7,
      sentence: /"data" is there already/,
    },
    {
      name: "a destination that is a file",
      args: () => [uri, world.kit],
      code: 7,
      sentence: /Give a folder/,
    },
    {
      name: "a destination that cannot be made",
      args: () => [uri, "/proc/nowhere"],
      code: 7,
      sentence: /\/proc\/nowhere/,
    },
    {
      name: "no kit",
      args: (d) => [uri, d],
      env: { KIT_BIN: "/nowhere/kit" },
      code: 8,
      sentence: /KIT_BIN/,
    },
    {
      name: "a kit that fails",
      args: (d) => [uri, d],
      env: { KIT_BIN: "/bin/false" },
      code: 8,
      sentence: /kit ended with code 1/,
    },
    {
      name: "the time is over",
      args: (d) => [uri, d],
      env: { KIT_TIMEOUT: "1ms" },
      code: 9,
      sentence: /KIT_TIMEOUT/,
    },
  ];
  for (const [index, { name, args, env, before = {}, code, sentence }] of cases.entries()) {
    await t.step(`${name}: exit ${code}`, async () => {
      const destination = world.destination(`${index}`);
      if (Object.keys(before).length > 0) await writeFiles(destination, before);
      const there = await snapshot(destination).catch(() => ({}));
      const ended = await world.run(args(destination), { env });
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.sentence, sentence);
      assert.equal(ended.report.code, code);
      const lines = ended.stderr.trimEnd().split("\n");
      assert.ok(
        lines.at(-1)!.includes(ended.sentence.slice(0, 100)),
        "the last line of the log says the same",
      );
      assert.doesNotMatch(ended.stderr, /^\s+at /m, "no stack");
      assert.deepEqual(await snapshot(destination).catch(() => ({})), there);
    });
  }

  await t.step("-o replaces a foreign file, -i keeps it", async () => {
    for (
      const [flag, expected] of [["-o", "payload of failures"], ["-i", "not ours"], [
        "-oi",
        "not ours",
      ]]
    ) {
      const destination = world.destination(`conflict${flag}`);
      await writeFiles(destination, { "model.bin": "not ours", "lost+found/x": "left alone" });
      for (let start = 1; start <= 2; start++) {
        const ended = await world.run([uri, destination], {
          env: { KIT_UNPACK_FLAGS: `--plain-http ${flag}` },
        });
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(ended.report.bytes === 0, start === 2);
        assert.equal(await Deno.readTextFile(`${destination}/model.bin`), expected);
        assert.equal(await Deno.readTextFile(`${destination}/lost+found/x`), "left alone");
      }
    }
  });

  await t.step(
    "too little space is said before the first layer, with the exact number",
    async () => {
      const destination = world.destination("full");
      const before = world.registry.log().length;
      const lines: string[] = [];
      const code = await run({
        args: [uri, destination],
        environment: {
          PATH: Deno.env.get("PATH")!,
          KIT_BIN: world.kit,
          KIT_UNPACK_FLAGS: "--plain-http",
        },
        writeError: (line) => lines.push(line),
        writeOutput: () => {},
        now: () => new Date(),
        freeBytes: () => Promise.resolve(1000),
        signal: new AbortController().signal,
        version: "0.0.0",
      });
      assert.equal(code, 7);
      const [, needed, free, gap] = lines.at(-1)!.match(
        /(\d+) bytes are needed and (\d+) are free, (\d+) are missing/,
      )!;
      assert.equal(Number(needed) - Number(free), Number(gap));
      assert.equal(Number(free), 1000);
      assert.ok(Number(needed) >= "payload of failures".length + 1);
      const asked = world.registry.log().slice(before).match(/GET \/v2\/team\/failures\/blobs/g) ??
        [];
      assert.ok(asked.length <= 1, "at most the Kitfile was asked for");
      assert.deepEqual(await snapshot(destination), {});
    },
  );

  await t.step("an unknown setting is a warning that names the nearest one", async () => {
    const ended = await world.run([uri, world.destination("typo")], {
      env: { KIT_PASWORD: "x", KIT_FOO_PORT_80_TCP: "y" },
    });
    assert.equal(ended.code, 0);
    assert.match(ended.stderr, /WARN .*"KIT_PASWORD".*did you mean KIT_PASSWORD\?/);
    assert.doesNotMatch(ended.stderr, /KIT_FOO/);
  });

  await t.step("--help and --version go to standard output", async () => {
    const help = await world.run(["--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /KIT_UNPACK_FLAGS/);
    const version = await world.run(["--version"]);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  });
});

/** A port that was free a moment ago. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
