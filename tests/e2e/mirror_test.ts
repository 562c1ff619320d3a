import assert from "node:assert/strict";
import { acquire } from "../../tools/acquire.ts";
import { type Registry, startRegistry } from "../../tools/registry.ts";
import { patterned } from "../support/fake_blob.ts";
import { type Fault, FaultProxy, type Seen } from "../support/fault_proxy.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const MIB = 1024 * 1024;

/** A second registry with everything that the world's has, below `cache/`. */
async function copyOf({ registry, folder }: TestWorld): Promise<Registry> {
  const root = `${folder}/mirror-${crypto.randomUUID()}`;
  const { success } = await new Deno.Command("cp", { args: ["-r", registry.root, root] }).output();
  assert.ok(success);
  const repositories = `${root}/docker/registry/v2/repositories`;
  await Deno.rename(repositories, `${repositories}-moved`);
  await Deno.mkdir(repositories);
  await Deno.rename(`${repositories}-moved`, `${repositories}/cache`);
  return await startRegistry({ binary: (await acquire()).registry, root });
}

const isBlob = ({ path, range }: Seen) => path.includes("/blobs/") && range !== null;
const refusing = (status: number) => (): Fault => ({ respond: new Response("{}", { status }) });

interface Case {
  name: string;
  rule(seen: Seen): Fault | undefined;
  /** Whether the registry itself is to be asked for layers, and what the log says. */
  fromRegistry: boolean;
  says?: RegExp;
}

const CASES: Case[] = [
  { name: "it has everything", rule: () => undefined, fromRegistry: false },
  {
    name: "it ignores Range",
    rule: () => ({ withoutHeader: "Range" }),
    fromRegistry: false,
  },
  {
    name: "it lacks the layers",
    rule: (seen) => isBlob(seen) ? refusing(404)() : undefined,
    fromRegistry: true,
    says: /does not have everything/,
  },
  {
    name: "it lacks the ModelKit",
    rule: refusing(404),
    fromRegistry: true,
    says: /does not have everything/,
  },
  {
    name: "its layers have other bytes",
    rule: (seen) =>
      isBlob(seen)
        ? { transform: (body) => body.map((byte, at) => at === 9000 ? byte ^ 1 : byte) }
        : undefined,
    fromRegistry: true,
    says: /not asked any more: what it sent has another digest[^]*unpacking again/,
  },
  {
    name: "its layers are zeros, which kit itself refuses",
    rule: (seen) => isBlob(seen) ? { transform: (body) => body.fill(255) } : undefined,
    fromRegistry: true,
    says: /not asked any more: what it sent has another digest[^]*unpacking again/,
  },
  {
    name: "it ignores Range and sends other bytes",
    rule: ({ path }) => ({
      withoutHeader: "Range",
      transform: (body) =>
        path.includes("/blobs/") && body.length > MIB ? body.fill(1, 5000, 6000) : body,
    }),
    fromRegistry: true,
    says: /not asked any more: what it sent has another digest[^]*unpacking again/,
  },
  {
    name: "its manifest is another one",
    rule: ({ path }) =>
      path.includes("/manifests/")
        ? { transform: (body) => body.with(body.length - 1, 32) }
        : undefined,
    fromRegistry: true,
    says: /not asked any more: Cannot trust the manifest/,
  },
  {
    name: "its layers have another size",
    rule: (seen) =>
      isBlob(seen) ? { headers: { "Content-Range": "bytes 0-1/99999999" } } : undefined,
    fromRegistry: true,
    says: /not asked any more: Cannot trust the blob/,
  },
  {
    name: "it cuts every connection",
    rule: (seen) => isBlob(seen) ? { cutAfter: 300_000 } : undefined,
    fromRegistry: true,
  },
  {
    name: "it wants a password",
    rule: refusing(401),
    fromRegistry: true,
    says: /not asked any more: .*401/,
  },
  {
    name: "it answers 503",
    rule: refusing(503),
    fromRegistry: true,
    says: /not asked any more: .*503/,
  },
  {
    name: "it stalls",
    rule: (seen) => isBlob(seen) ? { stallAfter: 100_000 } : undefined,
    fromRegistry: true,
    says: /not asked any more: .*no byte for 0\.7 s/,
  },
];

Deno.test("a mirror: whatever it does, the tree is the registry's to the last byte", async (t) => {
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/mirrored:v1", {
    "model.bin": patterned(7 * MIB + 5),
    "data/x.csv": "payload of mirrors",
    "R.md": "r",
  });
  await using mirror = await copyOf(world);
  const plain = world.destination("plain");
  assert.equal((await world.run([uri, plain])).code, 0);
  const expected = await snapshot(plain);

  for (const [index, { name, rule, fromRegistry, says }] of CASES.entries()) {
    await t.step(name, async () => {
      await using faulty = new FaultProxy(mirror.host, rule);
      await using origin = new FaultProxy(world.host, () => undefined);
      const destination = world.destination(`mirror-${index}`);
      const ended = await world.run([uri.replace(world.host, origin.host), destination], {
        env: {
          KIT_MIRRORS: `${origin.host}=http://${faulty.host}/cache`,
          KIT_RETRIES: "3",
          KIT_STALL_TIMEOUT: "700ms",
        },
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.deepEqual(await snapshot(destination), expected);
      assert.equal(ended.report.digest, digest);
      assert.equal(origin.seen.some(isBlob), fromRegistry, ended.stderr);
      assert.ok(faulty.seen.length > 0);
      if (says !== undefined) assert.match(ended.stderr, says);
      assert.ok(faulty.seen.every(({ path }) => path.startsWith("/v2/cache/team/mirrored/")));
    });
  }

  await t.step("its port is closed", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const destination = world.destination("mirror-down");
    const ended = await world.run([uri, destination], {
      env: { KIT_MIRRORS: `${world.host}=http://127.0.0.1:${port}` },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await snapshot(destination), expected);
    assert.equal(ended.stderr.match(/is not asked any more/g)?.length, 1);
  });

  await t.step("the registry is down, and the mirror has everything: tags too", async () => {
    await using origin = new FaultProxy(world.host, refusing(503));
    const destination = world.destination("origin-down");
    const ended = await world.run([uri.replace(world.host, origin.host), destination], {
      env: { KIT_MIRRORS: `${origin.host}=http://${mirror.host}/cache` },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await snapshot(destination), expected);
    assert.deepEqual(origin.seen, []);
  });

  await t.step("both are damaged: exit 6, and nothing is left", async () => {
    const damage = (seen: Seen): Fault | undefined =>
      isBlob(seen) ? { transform: (body) => body.map((byte) => byte ^ 1) } : undefined;
    await using faulty = new FaultProxy(mirror.host, damage);
    await using origin = new FaultProxy(world.host, damage);
    const destination = world.destination("both-damaged");
    const ended = await world.run([uri.replace(world.host, origin.host), destination], {
      env: { KIT_MIRRORS: `${origin.host}=http://${faulty.host}/cache` },
    });
    assert.equal(ended.code, 6, ended.stderr);
    assert.deepEqual(await snapshot(destination), {});
  });

  await t.step("direct transfer does not use it, and says so", async () => {
    const destination = world.destination("mirror-direct");
    const ended = await world.run([uri, destination], {
      env: { KIT_MIRRORS: `${world.host}=http://${mirror.host}/cache`, KIT_TRANSFER: "direct" },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /KIT_TRANSFER is direct: layers are not verified/);
    assert.match(ended.stderr, /KIT_MIRRORS has no effect on direct transfer/);
  });

  await t.step("mistakes in KIT_MIRRORS: exit 2, all of them at once", async () => {
    const ended = await world.run([uri, world.destination("mistakes")], {
      env: { KIT_MIRRORS: "ghcr.io quay.io=ftp://m.test" },
    });
    assert.equal(ended.code, 2, ended.stderr);
    assert.match(
      ended.sentence,
      /2 mistakes.*entry 1 is not HOST=URL.*mirror of "quay\.io" must be/,
    );
  });
});
