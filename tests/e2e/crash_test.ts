import assert from "node:assert/strict";
import { snapshot, TestWorld } from "../support/world.ts";

/** Large enough that a kill can meet it in the middle of unpacking. */
const MODEL_BYTES = 48 * 1024 * 1024;
const KILLS = 12;

function payload(name: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(MODEL_BYTES);
  for (let index = 0; index < bytes.length; index += 4096) bytes[index] = index >> 12;
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

/** Kit children of a killed program go on for a moment, as they would not in a container. */
async function waitForKits(folder: string): Promise<void> {
  for (;;) {
    const { success } = await new Deno.Command("pgrep", {
      args: ["-f", `${folder}/.*unpack|unpack .*${folder}`],
      stdout: "null",
    })
      .output();
    if (!success) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function temporaryIn(destination: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(destination)) names.push(name);
  return names.filter((name) => name.startsWith(".kit-storage.tmp-"));
}

Deno.test("SIGKILL at any moment, then another start: complete, identical, nothing left over", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/killed:v1", {
    "model.bin": payload("payload of SIGKILL"),
    "data/a.csv": "1",
    "data/b/c.csv": "2",
  });
  const reference = world.destination("undisturbed");
  const undisturbed = await world.run([uri, reference]);
  assert.equal(undisturbed.code, 0, undisturbed.stderr);
  const expected = await snapshot(reference);

  const states = { killed: 0, withStaging: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    const destination = world.destination(`killed-${kill}`);
    const delay = Math.round(undisturbed.elapsed * (kill + 0.5) / KILLS);
    await t.step(`killed after ${delay} ms`, async () => {
      const ended = await world.run([uri, destination], {
        onStart: async (process) => {
          await new Promise((resolve) => setTimeout(resolve, delay));
          try {
            process.kill("SIGKILL");
          } catch {
            // It was faster.
          }
        },
      });
      if (ended.code === 137) states.killed++;
      await waitForKits(destination);
      const isThere = await Deno.stat(destination).then(() => true, () => false);
      if (isThere && (await temporaryIn(destination)).length > 0) states.withStaging++;

      const again = await world.run([uri, destination]);
      assert.equal(again.code, 0, again.stderr);
      assert.deepEqual(await snapshot(destination), expected);
      assert.deepEqual(await temporaryIn(destination), []);
    });
  }
  assert.ok(states.killed > KILLS / 2, "most of them met it alive");
  assert.ok(states.withStaging > 0, "at least one met it while unpacking");
});

Deno.test("SIGTERM and SIGINT: cleaned up, and gone within 2 s", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/stopped:v1", {
    "model.bin": payload("payload of SIGTERM"),
  });
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    await t.step(`${signal}: exit ${code}`, async () => {
      const destination = world.destination(signal);
      let sent = 0;
      const ended = await world.run([uri, destination], {
        onStart: async (process) => {
          while (
            !(await Deno.stat(destination).then(() => temporaryIn(destination), () => [])).length
          ) {
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
          sent = performance.now();
          process.kill(signal);
          await process.status;
          sent = performance.now() - sent;
        },
      });
      assert.equal(ended.code, code, ended.stderr);
      assert.ok(sent < 2000, `it took ${sent} ms`);
      assert.equal(ended.sentence, `Stopped by ${signal}. The next start begins again`);
      assert.deepEqual(await snapshot(destination), {});
      assert.equal((await world.run([uri, destination])).code, 0, "the next start repairs it");
    });
  }
});

Deno.test("two starts at once on one folder: the second waits, then finds it complete", async () => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/together:v1", {
    "model.bin": payload("payload of two at once"),
  });
  const destination = world.destination("together");
  const ended = await Promise.all([1, 2, 3].map(() => world.run([uri, destination])));
  assert.deepEqual(ended.map(({ code }) => code), [0, 0, 0]);
  assert.equal(
    ended.filter(({ report }) => report.bytes !== 0).length,
    1,
    "only one of them downloaded",
  );
  assert.deepEqual(await temporaryIn(destination), []);
});

Deno.test("a registry that stalls: exit 9 after KIT_STALL_TIMEOUT, and nothing is left", async () => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/stalled:v1", { "model.bin": "payload of a stall" });
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of silent) connections.push(connection);
  })();
  const stalled = uri.replace(world.host, `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`);
  const destination = world.destination("stalled");
  const ended = await world.run([stalled, destination], {
    env: { KIT_STALL_TIMEOUT: "700ms", KIT_RETRIES: "2" },
  });
  assert.equal(ended.code, 9, ended.stderr);
  assert.match(ended.sentence, /no byte for 0\.7 s.*KIT_STALL_TIMEOUT/);
  assert.match(ended.stderr, /trying again/);
  assert.ok(connections.length >= 2, "it was tried twice");
  assert.deepEqual(await snapshot(destination), {});
  silent.close();
  for (const connection of connections) connection.close();
  await accepting;
});
