// The network between the program and the registry, and what it does to connections.
import assert from "node:assert/strict";
import { writeAll } from "../support/connection.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import {
  answerOf,
  type Exchange,
  send,
  type WireAnswer,
  type WireRequest,
  WireServer,
} from "../support/wire_server.ts";
import type { Case, CaseWorld, StartOptions } from "./cases.ts";

const MIB = 1024 * 1024;

/** What is done to one answer. */
type Trouble = (exchange: Exchange, answer: WireAnswer) => Promise<void>;

interface Place {
  name: string;
  is(request: WireRequest): boolean;
}
const MANIFEST: Place = { name: "a manifest", is: ({ path }) => path.includes("/manifests/") };
const RANGE: Place = { name: "a range", is: ({ headers }) => headers.has("range") };

/** Starts once, where some answers at a place meet trouble. */
async function through(
  world: CaseWorld,
  place: Place,
  { trouble, count = Infinity, ...options }: { trouble: Trouble; count?: number } & StartOptions,
): Promise<void> {
  const pushed = await world.push({ "model.bin": world.model(5 * MIB), "data/x.csv": world.name });
  let hits = 0;
  const server = world.use(
    new WireServer(async (exchange) => {
      const isTroubled = place.is(exchange.request) && hits < count;
      if (isTroubled) hits++;
      const answer = await answerOf(exchange.request, world.host);
      if (isTroubled) return await trouble(exchange, answer);
      await exchange.finishReading();
      await send(exchange.connection, answer);
    }),
  );
  await world.start({ pairs: [[world.via(pushed, server.host), world.destination]], ...options });
  assert.ok(hits > 0, "there was nothing to trouble");
}

/** Sends the head and so many bytes of the body. */
async function sendPart(
  { connection }: Exchange,
  answer: WireAnswer,
  bytes: number,
): Promise<void> {
  await send(connection, { ...answer, body: answer.body.subarray(0, bytes) });
}

/** Waits until the client hangs up. */
async function hold({ connection }: Exchange): Promise<void> {
  while (await connection.read(new Uint8Array(1024)) !== null);
}

const withHeader = ({ head, body }: WireAnswer, name: string, value: string): WireAnswer => ({
  head: head.replace(new RegExp(`^${name}: .*\r\n`, "im"), "")
    .replace("\r\n", `\r\n${name}: ${value}\r\n`),
  body,
});

/** Trouble that ends with the connection closed, after the whole request was read. */
const after = (trouble: Trouble): Trouble => async (exchange, answer) => {
  await exchange.finishReading();
  await trouble(exchange, answer);
};

/** A server that does the same to everybody, without asking the registry. */
function serverThat(trouble: Trouble): WireServer {
  const none = { head: "", body: new Uint8Array() };
  return new WireServer((exchange) => trouble(exchange, none));
}

/** Each in a few words, as it goes on "a manifest …". */
const TROUBLES: [name: string, trouble: Trouble][] = [
  ["is not answered: the connection is closed", after(async () => {})],
  ["is not answered: the connection is reset", async () => {}],
  [
    "has an answer that is cut in its head",
    after(({ connection }, { head }) => writeAll(connection, head.slice(0, 20))),
  ],
  [
    "has an answer that is cut after its head",
    after((exchange, answer) => sendPart(exchange, answer, 0)),
  ],
  [
    "has an answer that is cut in the middle",
    after((exchange, answer) => sendPart(exchange, answer, answer.body.length >> 1)),
  ],
  [
    "has an answer that is reset in the middle",
    (exchange, answer) => sendPart(exchange, answer, answer.body.length >> 1),
  ],
  [
    "has an answer that is half-closed in the middle",
    after(async (exchange, answer) => {
      await sendPart(exchange, answer, answer.body.length >> 1);
      await exchange.connection.closeWrite();
      await hold(exchange);
    }),
  ],
  [
    "has an answer that is not HTTP",
    after(({ connection }) => writeAll(connection, "SSH-2.0-OpenSSH_9.6\r\n")),
  ],
  [
    "has an answer in chunks, one of them without a length",
    after(async ({ connection }, answer) => {
      await writeAll(
        connection,
        withHeader(answer, "Transfer-Encoding", "chunked").head.replace(
          /^content-length: .*\r\n/im,
          "",
        ),
      );
      await writeAll(connection, '5\r\n{"sch\r\nzz\r\n');
    }),
  ],
];

const ONCE = TROUBLES.flatMap(([name, trouble]) =>
  [MANIFEST, RANGE].map((place): Case => ({
    name: `${place.name} ${name}, once`,
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) => through(world, place, { trouble, count: 1 }),
  }))
);

const ALWAYS = TROUBLES.map(([name, trouble]): Case => ({
  name: `${MANIFEST.name} ${name}, each time`,
  promise: "lasting",
  exits: [5],
  left: "nothing",
  run: (world) => through(world, MANIFEST, { trouble, env: { KIT_RETRIES: "2" } }),
}));

/** A stall at a byte of the whole; -1 is before the head. */
const stall = (byte: number): Trouble =>
  after(async (exchange, answer) => {
    const first = Number(/\d+/.exec(exchange.request.headers.get("range") ?? "0"));
    if (byte >= 0) await sendPart(exchange, answer, Math.max(0, byte - first));
    await hold(exchange);
  });

const STALLS = [MANIFEST, RANGE].flatMap((place) =>
  ([["before its head", -1], ["after its head", 0], ["in the middle", 100]] as const).flatMap(
    ([where, bytes]): Case[] => [
      {
        name: `${place.name} stalls ${where}, once`,
        promise: "passing",
        exits: [0],
        left: "the ModelKit",
        run: (world) =>
          through(world, place, {
            trouble: stall(bytes),
            count: 1,
            env: { KIT_STALL_TIMEOUT: "300ms" },
          }),
      },
      {
        name: `${place.name} stalls ${where}, each time`,
        promise: "lasting",
        exits: [9],
        left: "nothing",
        within: 5,
        run: (world) =>
          through(world, place, {
            trouble: stall(bytes),
            env: { KIT_STALL_TIMEOUT: "300ms", KIT_RETRIES: "2" },
          }),
      },
    ],
  )
);

/** A body in parts, with a pause before each. */
const drip = (parts: number, pause: number): Trouble =>
  after(async ({ connection }, { head, body }) => {
    await writeAll(connection, head);
    const size = Math.ceil(body.length / parts);
    for (let start = 0; start < body.length; start += size) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await writeAll(connection, body.subarray(start, start + size));
    }
  });

const DRIPS = [MANIFEST, RANGE].flatMap((place): Case[] => [
  {
    name: `${place.name} drips, a little within each stall limit`,
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, place, {
        trouble: drip(10, 150),
        count: 1,
        env: { KIT_STALL_TIMEOUT: "1s", KIT_RETRIES: "1" },
      }),
  },
  {
    name: `${place.name} drips, slower than the stall limit`,
    promise: "lasting",
    exits: [9],
    left: "nothing",
    run: (world) =>
      through(world, place, {
        trouble: drip(10, 900),
        env: { KIT_STALL_TIMEOUT: "300ms", KIT_RETRIES: "1" },
      }),
  },
  {
    name: `${place.name} drips within each stall limit, so little that it would take for ever`,
    promise: "lasting",
    exits: [9],
    left: "nothing",
    run: (world) =>
      through(world, place, {
        trouble: drip(1000, 50),
        env: { KIT_STALL_TIMEOUT: "500ms", KIT_RETRIES: "2" },
      }),
  },
]);

const ANSWER_SHAPES: Case[] = [
  {
    name: "every range is cut after 300,000 bytes: each attempt gets a little further",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, RANGE, {
        trouble: after((exchange, answer) => sendPart(exchange, answer, 300_000)),
        env: { KIT_RETRIES: "2" },
      }),
  },
  {
    name: "a range says that it is shorter than it is, once",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, RANGE, {
        trouble: after(({ connection }, answer) =>
          send(connection, withHeader(answer, "Content-Length", `${answer.body.length - 7}`))
        ),
        count: 1,
      }),
  },
  {
    name: "a range says that it is longer than it is, once",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, RANGE, {
        trouble: after(({ connection }, answer) =>
          send(connection, withHeader(answer, "Content-Length", `${answer.body.length + 7}`))
        ),
        count: 1,
      }),
  },
  {
    name: "a range is longer than was asked for, once",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, RANGE, {
        trouble: after(({ connection }, answer) => {
          const body = new Uint8Array(answer.body.length + 7);
          body.set(answer.body);
          return send(
            connection,
            withHeader({ ...answer, body }, "Content-Length", `${body.length}`),
          );
        }),
        count: 1,
      }),
  },
  {
    name: "every answer comes in chunks, without a length",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, { name: "", is: () => true }, {
        trouble: after(async ({ connection }, answer) => {
          await writeAll(
            connection,
            withHeader(answer, "Transfer-Encoding", "chunked").head.replace(
              /^content-length: .*\r\n/im,
              "",
            ),
          );
          for (let start = 0; start < answer.body.length; start += 100_000) {
            const part = answer.body.subarray(start, start + 100_000);
            await writeAll(connection, `${part.length.toString(16)}\r\n`);
            await writeAll(connection, part);
            await writeAll(connection, "\r\n");
          }
          await writeAll(connection, "0\r\n\r\n");
        }),
      }),
  },
  {
    name: "every answer ends with its connection, without a length",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: (world) =>
      through(world, { name: "", is: () => true }, {
        trouble: after(({ connection }, { head, body }) =>
          send(connection, { head: head.replace(/^content-length: .*\r\n/im, ""), body })
        ),
      }),
  },
];

const REACHING: Case[] = [
  {
    name: "the registry is away for a start, and comes back for the next one",
    promise: "restart",
    exits: [5, 0],
    left: "the ModelKit",
    run: async (world) => {
      let isAway = true;
      const proxy = world.use(
        new FaultProxy(
          world.host,
          () => isAway ? { respond: new Response("away", { status: 502 }) } : undefined,
        ),
      );
      const pairs: StartOptions["pairs"] = [
        [world.via(await world.push(), proxy.host), world.destination],
      ];
      await world.start({ pairs, env: { KIT_RETRIES: "1" } });
      isAway = false;
      await world.start({ pairs });
    },
  },
  {
    name: "the registry is away while a tag is complete already",
    promise: "untouched",
    exits: [0, 0],
    left: "what was there",
    run: async (world) => {
      await world.push();
      await world.start();
      await world.remember();
      await world.start({ env: { KIT_RETRIES: "1", HTTP_PROXY: "http://127.0.0.1:9" } });
    },
  },
  {
    name: "the registry is away while an older digest is there",
    promise: "untouched",
    exits: [0, 5],
    left: "what was there",
    run: async (world) => {
      const old = await world.push();
      await world.start();
      await world.remember();
      const newer = await world.push({ "model.bin": `newer payload of ${world.name}` }, {
        tag: "v2",
      });
      assert.notEqual(old.digest, newer.digest);
      await world.start({ env: { KIT_RETRIES: "1", HTTP_PROXY: "http://127.0.0.1:9" } });
    },
  },
  {
    name: "nobody listens where the registry should be",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push();
      await world.start({
        pairs: [[world.via(pushed, `127.0.0.1:${closedPort()}`), world.destination]],
        env: { KIT_RETRIES: "2" },
      });
    },
  },
  {
    name: "the registry's name has no address",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const pushed = await world.push();
      const ended = await world.start({
        pairs: [[world.via(pushed, "registry.invalid"), world.destination]],
        env: { KIT_RETRIES: "2" },
      });
      assert.match(ended.sentence, /DNS/);
    },
  },
  {
    name: "a registry that accepts and says nothing",
    promise: "lasting",
    exits: [9],
    left: "nothing",
    run: async (world) => {
      const server = world.use(serverThat(hold));
      await world.start({
        pairs: [[world.via(await world.push(), server.host), world.destination]],
        env: { KIT_RETRIES: "2", KIT_STALL_TIMEOUT: "300ms" },
      });
    },
  },
  {
    name: "the way through a proxy that is a page of HTML for everything",
    promise: "lasting",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      await world.push();
      const page = "<html>Please sign in to the network</html>";
      const server = world.use(
        serverThat(after(({ connection }) =>
          send(connection, {
            head:
              `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: ${page.length}\r\n\r\n`,
            body: new TextEncoder().encode(page),
          })
        )),
      );
      await world.start({ env: { HTTP_PROXY: `http://${server.host}` } });
    },
  },
  {
    name: "the way through a proxy that wants a password",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await world.push();
      const server = world.use(
        serverThat(after(({ connection }) =>
          writeAll(
            connection,
            "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
          )
        )),
      );
      await world.start({ env: { HTTP_PROXY: `http://${server.host}`, KIT_RETRIES: "2" } });
    },
  },
];

/** A port that was free a moment ago. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

export const NETWORK: Case[] = [
  ...ONCE,
  ...ALWAYS,
  ...STALLS,
  ...DRIPS,
  ...ANSWER_SHAPES,
  ...REACHING,
];
