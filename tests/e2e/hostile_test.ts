import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { makeCertificate } from "../support/certificate.ts";
import { patterned } from "../support/fake_blob.ts";
import { HostileServer, type Hostility } from "../support/hostile_server.ts";
import { putManifest } from "../support/push.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const MIB = 1024 * 1024;
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNK = `400\r\n${" ".repeat(0x400)}\r\n`;

interface Case {
  name: string;
  /** What the path of the request must contain. */
  at: string;
  codes: number[];
  answer: Hostility;
}

const CASES: Case[] = [
  {
    name: "a manifest in chunks",
    at: "/manifests/",
    codes: [6],
    answer: { head: CHUNKED, forever: CHUNK },
  },
  {
    name: "a manifest of a terabyte",
    at: "/manifests/",
    codes: [6],
    answer: { head: "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", forever: " " },
  },
  {
    name: "a Kitfile",
    at: "/blobs/sha256:",
    codes: [6],
    answer: { head: CHUNKED, forever: CHUNK },
  },
  {
    name: "a layer",
    at: "LAYER",
    codes: [5, 6],
    answer: {
      head: CHUNKED.replace(
        "200 OK",
        "206 Part\r\nContent-Range: bytes 0-LAST/SIZE",
      ),
      forever: CHUNK,
    },
  },
  ...["/manifests/", "/blobs/", "LAYER"].flatMap((at): Case[] => [
    {
      name: `a header (${at})`,
      at,
      codes: [5],
      answer: { head: "HTTP/1.1 200 OK\r\nX-Long: ", forever: "x" },
    },
    {
      name: `headers (${at})`,
      at,
      codes: [5],
      answer: { head: "HTTP/1.1 200 OK\r\n", forever: "X-Many: x\r\n" },
    },
    {
      name: `a status line (${at})`,
      at,
      codes: [5],
      answer: { head: "HTTP/1.1 200 ", forever: "x" },
    },
  ]),
  {
    name: "an error's text",
    at: "/manifests/",
    codes: [5],
    answer: { head: CHUNKED.replace("200 OK", "503 Busy"), forever: CHUNK },
  },
  {
    name: "a challenge's text, and the token",
    at: "",
    codes: [3],
    answer: {
      head: CHUNKED.replace("200 OK", "401 Who").replace(
        "\r\n\r\n",
        `\r\nWWW-Authenticate: Bearer realm="https://HOST/token"\r\n\r\n`,
      ),
      forever: CHUNK,
    },
  },
  {
    name: "a challenge",
    at: "",
    codes: [3, 5],
    answer: { head: "HTTP/1.1 401 Who\r\nWWW-Authenticate: Bearer ", forever: 'realm="x",' },
  },
  {
    name: "the end of a chunk",
    at: "/manifests/",
    codes: [5],
    answer: { head: CHUNKED + "4;", forever: "x" },
  },
  {
    name: "what comes after the last chunk",
    at: "/manifests/",
    codes: [5, 6],
    answer: { head: CHUNKED + "0\r\n", forever: "X-Many: x\r\n" },
  },
];

Deno.test("a server whose answers never end: a clear error, and only a little of it is read", async (t) => {
  const certificate = await makeCertificate();
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/hostile:v1", { "model.bin": patterned(2 * MIB) });
  const { layers: [layer] } = JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
  for (const [index, { name, at, codes, answer }] of CASES.entries()) {
    await t.step(`${name} without an end: exit ${codes.join(" or ")}`, async () => {
      await using server: HostileServer = new HostileServer(world.host, certificate, (path) => {
        if (path.startsWith("/token")) return { head: CHUNKED, forever: CHUNK };
        const head = answer.head.replace("HOST", server.host)
          .replace("LAST/SIZE", `${layer.size - 1}/${layer.size}`);
        return path.includes(at.replace("LAYER", layer.digest)) ? { ...answer, head } : undefined;
      });
      const destination = world.destination(`hostile-${index}`);
      const ended = await world.run([uri.replace(world.host, server.host), destination], {
        env: { KIT_CA_BUNDLE: certificate.ca, KIT_UNPACK_FLAGS: "", KIT_STALL_TIMEOUT: "10s" },
      });
      assert.ok(codes.includes(ended.code), ended.stderr);
      assert.equal(ended.stderr.split("\n").filter((line) => line.length > 2000).length, 0);
      assert.ok(server.taken < 32 * MIB, `${server.taken} bytes were taken`);
      assert.ok(ended.elapsed < 9000, "it does not need a time limit");
      assert.deepEqual(await snapshot(destination), {});
    });
  }

  await t.step("interim answers without an end: the stall limit ends it", async () => {
    const answer = { head: "", forever: "HTTP/1.1 100 Continue\r\n\r\n" };
    await using server = new HostileServer(
      world.host,
      certificate,
      (path) => path.includes("/manifests/") ? answer : undefined,
    );
    const destination = world.destination("hostile-interim");
    const ended = await world.run([uri.replace(world.host, server.host), destination], {
      env: { KIT_CA_BUNDLE: certificate.ca, KIT_UNPACK_FLAGS: "", KIT_STALL_TIMEOUT: "1s" },
    });
    assert.ok([5, 9].includes(ended.code), ended.stderr);
    assert.ok(ended.elapsed < 5000);
  });
});

const SIZES: [name: string, size: (real: number) => number, code: number][] = [
  ["one byte more", (real) => real + 1, 6],
  ["one byte less", (real) => real - 1, 6],
  ["nothing", () => 0, 6],
  ["more than any disk has", () => 2 ** 52, 7],
];

Deno.test("a manifest that lies about the size of a layer", async (t) => {
  await using world = await TestWorld.create();
  const { uri, digest } = await world.push("team/sizes:v1", { "model.bin": patterned(2 * MIB) });
  const manifest = JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
  for (const [index, [name, size, code]] of SIZES.entries()) {
    await t.step(`${name}: exit ${code}`, async () => {
      const layers = [{ ...manifest.layers[0], size: size(manifest.layers[0].size) }];
      await putManifest(world, `team/sizes:v${index + 2}`, { ...manifest, layers });
      const destination = world.destination(`size-${index}`);
      const ended = await world.run([uri.replace(/v1$/, `v${index + 2}`), destination]);
      assert.equal(ended.code, code, ended.stderr);
      assert.deepEqual(await snapshot(destination), {});
    });
  }
});
