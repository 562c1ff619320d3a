import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { type Fault, FaultProxy, type Seen } from "../support/fault_proxy.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const MIB = 1024 * 1024;

function payload(name: string, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = 1;
  for (let index = 0; index < size; index += 8) {
    state = Math.imul(state, 48271) ^ index;
    bytes[index] = state;
  }
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

interface Layers {
  config: { digest: string };
  layers: { digest: string; size: number }[];
}

async function manifestOf(world: TestWorld, digest: string): Promise<Layers> {
  return JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
}

Deno.test("what the registry has is damaged: exit 6, and the destination is as it was", async (t) => {
  await using world = await TestWorld.create();
  const cases: Record<string, (model: string, manifest: string, config: string) => Promise<void>> =
    {
      "eight flipped bytes in a layer": async (model) => {
        using file = await Deno.open(model, { write: true });
        await file.seek(3 * MIB, Deno.SeekMode.Start);
        await file.write(new Uint8Array(8).fill(0xff));
      },
      "one changed byte past the end of the tar": async (model) => {
        const { size } = await Deno.stat(model);
        using file = await Deno.open(model, { write: true });
        await file.seek(size - 1, Deno.SeekMode.Start);
        await file.write(new Uint8Array([1]));
      },
      "a layer of zeros": async (model) => {
        const { size } = await Deno.stat(model);
        await Deno.writeFile(model, new Uint8Array(size));
      },
      "a truncated layer": async (model) => {
        await Deno.truncate(model, 2 * MIB + 17);
      },
      "a changed manifest": async (_, manifest) => {
        const text = await Deno.readTextFile(manifest);
        await Deno.writeTextFile(manifest, text.replace('"schemaVersion":2', '"schemaVersion": 2'));
      },
      "a changed Kitfile": async (_, __, config) => {
        const text = await Deno.readTextFile(config);
        await Deno.writeTextFile(config, text.replace("test", "tset"));
      },
    };
  for (const [index, [name, damage]] of Object.entries(cases).entries()) {
    await t.step(name, async () => {
      const pushed = await world.push(`team/damaged${index}:v1`, {
        "model.bin": payload(`payload of ${name}`, 5 * MIB + 3),
        "data/x.csv": name,
      });
      const { layers, config } = await manifestOf(world, pushed.digest);
      const largest = layers.reduce((a, b) => a.size > b.size ? a : b);
      const path = (digest: string) => blobPath(world.registry, digest);
      await damage(path(largest.digest), path(pushed.digest), path(config.digest));

      const destination = world.destination(`damaged-${index}`);
      await Deno.mkdir(destination);
      await Deno.writeTextFile(`${destination}/foreign.txt`, "left alone");
      const ended = await world.run([pushed.uri, destination]);
      assert.equal(ended.code, 6, ended.stderr);
      assert.match(
        ended.sentence,
        /Cannot trust the (blob|manifest)|shorter than the manifest says/,
      );
      assert.equal(ended.report.retryable, false);
      assert.deepEqual(Object.keys(await snapshot(destination)), ["foreign.txt"]);
    });
  }
});

Deno.test("a network that breaks: complete and byte-identical all the same", async (t) => {
  await using world = await TestWorld.create();
  const bytes = payload("payload of faults", 13 * MIB + 5);
  const { uri } = await world.push("team/faults:v1", {
    "model.bin": bytes,
    "data/x.csv": "faults",
    "R.md": "r",
  });
  const reference = world.destination("reference");
  assert.equal((await world.run([uri, reference])).code, 0);
  const expected = await snapshot(reference);
  const isBlob = ({ path, method }: Seen) => path.includes("/blobs/") && method === "GET";

  interface Case {
    name: string;
    rule: (seen: Seen) => Fault | undefined;
    retries?: boolean;
    env?: Record<string, string>;
  }
  const once = new Set<string>();
  const first = (key: string) => !once.has(key) && Boolean(once.add(key));
  const cases: Case[] = [
    { name: "nothing happens", rule: () => undefined, retries: false },
    {
      name: "every third answer is cut after 700,000 bytes",
      rule: (seen) => isBlob(seen) && seen.blobNumber % 3 === 0 ? { cutAfter: 700_000 } : undefined,
    },
    {
      name: "every answer is cut after 300,000 bytes: each attempt gets a little further",
      rule: (seen) => isBlob(seen) ? { cutAfter: 300_000 } : undefined,
    },
    {
      name: "503 three times",
      rule: (seen) =>
        isBlob(seen) && seen.blobNumber >= 2 && seen.blobNumber < 5
          ? { respond: new Response("busy", { status: 503 }) }
          : undefined,
    },
    {
      name: "429 with Retry-After",
      rule: (seen) =>
        isBlob(seen) && seen.blobNumber === 3
          ? { respond: new Response("slow down", { status: 429, headers: { "Retry-After": "1" } }) }
          : undefined,
    },
    {
      name: "one connection stalls",
      rule: (seen) => isBlob(seen) && seen.blobNumber === 3 ? { stallAfter: 100_000 } : undefined,
      env: { KIT_STALL_TIMEOUT: "700ms" },
    },
    {
      name: "a range answered with another one",
      rule: (seen) =>
        isBlob(seen) && seen.range !== null && first("other range")
          ? { headers: { "Content-Range": "bytes 1-2/*" } }
          : undefined,
    },
    {
      name: "a registry that ignores Range",
      rule: () => ({ withoutHeader: "Range" }),
      retries: false,
    },
    {
      name: "a registry that ignores Range, and is cut in the middle",
      rule: (seen) =>
        isBlob(seen) && seen.blobNumber > 3 && seen.blobNumber < 6
          ? { withoutHeader: "Range", cutAfter: 4 * MIB }
          : { withoutHeader: "Range" },
    },
    {
      name: "503 for the manifest",
      rule: ({ path }) =>
        path.includes("/manifests/") && first("manifest")
          ? { respond: new Response("busy", { status: 503 }) }
          : undefined,
    },
  ];
  for (const [index, { name, rule, env }] of cases.entries()) {
    await t.step(name, async () => {
      await using proxy = new FaultProxy(world.host, rule);
      const destination = world.destination(`fault-${index}`);
      const ended = await world.run([uri.replace(world.host, proxy.host), destination], {
        env: { KIT_RETRIES: "6", ...env },
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(await snapshot(destination), expected);
    });
  }
});

Deno.test("a registry that lies for good: its exit code, within the attempts, and nothing left", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/lies:v1", {
    "model.bin": payload("payload of lies", 5 * MIB),
  });
  const isRange = ({ range }: Seen) => range !== null;
  const cases: { name: string; code: number; rule: (seen: Seen) => Fault | undefined }[] = [
    {
      name: "a range with other bytes",
      code: 6,
      rule: (seen) =>
        isRange(seen)
          ? { transform: (body) => body.map((byte, at) => at === 5 ? byte ^ 1 : byte) }
          : undefined,
    },
    {
      name: "another total size than the manifest says",
      code: 6,
      rule: (seen) =>
        isRange(seen)
          ? { headers: { "Content-Range": seen.range!.replace("=", " ") + "/99999999" } }
          : undefined,
    },
    {
      name: "503 without end",
      code: 5,
      rule: (seen) =>
        isRange(seen) ? { respond: new Response("busy", { status: 503 }) } : undefined,
    },
    {
      name: "a layer that is missing",
      code: 4,
      rule: (seen) => isRange(seen) ? { respond: new Response("{}", { status: 404 }) } : undefined,
    },
    {
      name: "a layer that is forbidden",
      code: 3,
      rule: (seen) => isRange(seen) ? { respond: new Response("{}", { status: 403 }) } : undefined,
    },
    {
      name: "a redirect to the metadata address",
      code: 5,
      rule: (seen) =>
        isRange(seen)
          ? {
            respond: new Response(null, {
              status: 307,
              headers: { Location: "http://169.254.169.254/latest" },
            }),
          }
          : undefined,
    },
    {
      name: "a redirect without end",
      code: 5,
      rule: (seen) =>
        isRange(seen)
          ? {
            respond: new Response(null, {
              status: 307,
              headers: { Location: `${seen.path}?again` },
            }),
          }
          : undefined,
    },
    {
      name: "a manifest without end",
      code: 6,
      rule: ({ path }) =>
        path.includes("/manifests/")
          ? {
            transform: () => new Uint8Array(6 * MIB).fill(32),
            headers: { "Content-Length": `${6 * MIB}` },
          }
          : undefined,
    },
  ];
  for (const [index, { name, code, rule }] of cases.entries()) {
    await t.step(`${name}: exit ${code}`, async () => {
      await using proxy = new FaultProxy(world.host, rule);
      const destination = world.destination(`lie-${index}`);
      const ended = await world.run([uri.replace(world.host, proxy.host), destination], {
        env: { KIT_RETRIES: "2" },
      });
      assert.equal(ended.code, code, ended.stderr);
      assert.equal(ended.report.code, code);
      assert.deepEqual(await snapshot(destination), {});
    });
  }
});

Deno.test("redirects to an object storage: without credentials, remembered, and renewed when they expire", async () => {
  const user = { user: "alice", password: "correct-horse-4711" };
  await using world = await TestWorld.create({ htpasswd: [user] });
  const { uri } = await world.push("team/redirected:v1", {
    "model.bin": payload("payload of redirects", 17 * MIB),
  });
  const basic = `Basic ${btoa(`${user.user}:${user.password}`)}`;
  // The storage: knows the registry's password itself, and wants a fresh signature after every fourth request.
  let signature = 0;
  let uses = 0;
  const storage = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      assert.equal(request.headers.get("Authorization"), null, "credentials reached the storage");
      if (searchParams.get("signature") !== `${signature}` || ++uses > 4) {
        return new Response(
          null,
          { status: 403 },
        );
      }
      const range = request.headers.get("Range");
      const answer = await fetch(`http://${world.host}${pathname}`, {
        headers: { Authorization: basic, ...(range === null ? {} : { Range: range }) },
      });
      return new Response(answer.body, { status: answer.status, headers: answer.headers });
    },
  );
  let redirects = 0;
  const proxy = new FaultProxy(world.host, ({ path, authorization, range }) => {
    if (range === null || authorization === null) return undefined;
    redirects++;
    uses = 0;
    const Location = `http://127.0.0.1:${storage.addr.port}${path}?signature=${++signature}`;
    return { respond: new Response(null, { status: 307, headers: { Location } }) };
  });
  const destination = world.destination("redirected");
  const env = {
    KIT_USER: user.user,
    KIT_PASSWORD: user.password,
    KIT_RETRIES: "20",
    KIT_CONNECTIONS: "2",
  };
  const ended = await world.run([uri.replace(world.host, proxy.host), destination], { env });
  await proxy[Symbol.asyncDispose]();
  await storage.shutdown();
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(
    await Deno.readFile(`${destination}/model.bin`),
    payload("payload of redirects", 17 * MIB),
  );
  assert.ok(redirects > 1, "it was renewed");
  assert.ok(!ended.stderr.includes("signature="), "a signature is a secret");
});

Deno.test("a kit that is slow to read gets the bytes that were hashed", async () => {
  await using world = await TestWorld.create();
  const bytes = payload("payload of a slow kit", 30 * MIB);
  const { uri } = await world.push("team/slow:v1", { "model.bin": bytes });
  const destination = world.destination("slow");
  const isOver = new AbortController();
  const ended = await world.run([uri, destination], {
    onStart: async (process) => {
      // Stops and continues kit, so that its side of the connection is full most of the time.
      const toggle = async () => {
        while (!isOver.signal.aborted) {
          for (const signal of ["STOP", "CONT"]) {
            await new Deno.Command("pkill", {
              args: [`-${signal}`, "-f", `unpack .*${destination}`],
            }).output();
            await new Promise((resolve) => setTimeout(resolve, 15));
          }
        }
      };
      const toggling = toggle();
      await process.status;
      isOver.abort();
      await toggling;
    },
  });
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(await Deno.readFile(`${destination}/model.bin`), bytes);
});
