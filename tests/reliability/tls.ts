// Certificates, clocks, and who speaks TLS where.
import assert from "node:assert/strict";
import { type CertificateOptions, makeCertificate } from "../support/certificate.ts";
import { writeAll } from "../support/connection.ts";
import { answerOf, type Exchange, send, WireServer } from "../support/wire_server.ts";
import type { Case, CaseWorld, Pushed } from "./cases.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);

/** The registry behind TLS; `disturb` answers true where it has answered itself. */
async function behindTls(
  world: CaseWorld,
  options: CertificateOptions = {},
  disturb: (exchange: Exchange) => Promise<boolean> = () => Promise.resolve(false),
): Promise<{ pushed: Pushed; ca: string }> {
  const certificate = await makeCertificate([], options);
  const server = world.use(
    new WireServer(async (exchange) => {
      await exchange.finishReading();
      if (await disturb(exchange)) return;
      await send(exchange.connection, await answerOf(exchange.request, world.host));
    }, { certificate }),
  );
  const pushed = await world.push({ "model.bin": world.model(3 * MIB), "data/x.csv": world.name });
  return { pushed: world.via(pushed, server.host), ca: certificate.ca };
}

/** A certificate that is refused, and what the sentence says of it. */
function refused(name: string, options: CertificateOptions, says: RegExp): Case {
  return {
    name,
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const { pushed, ca } = await behindTls(world, options);
      const ended = await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: ca },
      });
      assert.match(ended.sentence, says);
      assert.doesNotMatch(ended.stderr, /trying again/, "time does not heal it");
    },
  };
}

export const TLS: Case[] = [
  {
    name: "a registry of a private authority, which KIT_CA_BUNDLE names",
    promise: "anywhere",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const { pushed, ca } = await behindTls(world);
      await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: ca },
      });
    },
  },
  refused(
    "a certificate that has expired",
    { from: inDays(-9), to: inDays(-2) },
    /expired.*clock/i,
  ),
  refused(
    "a certificate that is not valid yet, or a clock that is days behind",
    { from: inDays(2), to: inDays(9) },
    /not valid yet.*clock/i,
  ),
  refused(
    "a certificate for another name",
    { only: ["DNS:other.example.com"] },
    /not valid for name/i,
  ),
  {
    name: "a certificate of an authority that nobody trusts",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const { pushed } = await behindTls(world);
      const ended = await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "" },
      });
      assert.match(ended.sentence, /KIT_CA_BUNDLE/);
    },
  },
  {
    name: "a certificate that has expired, and is renewed before the next start",
    promise: "restart",
    exits: [5, 0],
    left: "the ModelKit",
    run: async (world) => {
      for (const options of [{ from: inDays(-9), to: inDays(-2) }, {}]) {
        const { pushed, ca } = await behindTls(world, options);
        await world.start({
          pairs: [[pushed, world.destination]],
          env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: ca },
        });
      }
    },
  },
  {
    name: "plain HTTP where TLS is expected",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await world.push();
      const ended = await world.start({ env: { KIT_UNPACK_FLAGS: "" } });
      assert.match(ended.sentence, /does not speak TLS\. Set KIT_UNPACK_FLAGS to --plain-http/);
    },
  },
  {
    name: "TLS where plain HTTP is expected",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const { pushed } = await behindTls(world);
      const ended = await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "--plain-http", KIT_RETRIES: "2" },
      });
      assert.match(ended.sentence, /leave out --plain-http/);
    },
  },
  {
    name: "a handshake that is never answered",
    promise: "lasting",
    exits: [9],
    left: "nothing",
    run: async (world) => {
      const silent = world.use(
        new WireServer(async ({ connection }) => {
          while (await connection.read(new Uint8Array(1024)) !== null);
        }),
      );
      await world.start({
        pairs: [[world.via(await world.push(), silent.host), world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_STALL_TIMEOUT: "300ms", KIT_RETRIES: "2" },
      });
    },
  },
  {
    name: "an encrypted range that is cut without a farewell, once",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      let isFirst = true;
      const { pushed, ca } = await behindTls(world, {}, async ({ request, connection }) => {
        if (!request.headers.has("range") || !isFirst) return false;
        isFirst = false;
        const { head, body } = await answerOf(request, world.host);
        await send(connection, { head, body: body.subarray(0, body.length >> 1) });
        return true;
      });
      await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: ca },
      });
      assert.equal(isFirst, false);
    },
  },
  {
    name: "a redirect from TLS to plain HTTP",
    promise: "hostile",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const { pushed, ca } = await behindTls(world, {}, async ({ request, connection }) => {
        if (!request.headers.has("range")) return false;
        const location = `http://${world.host}${request.path}`;
        await writeAll(
          connection,
          `HTTP/1.1 307 There\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`,
        );
        return true;
      });
      await world.start({
        pairs: [[pushed, world.destination]],
        env: { KIT_UNPACK_FLAGS: "", KIT_CA_BUNDLE: ca },
      });
    },
  },
];
