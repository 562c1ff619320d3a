import type { TestCertificate } from "./certificate.ts";
import { writeAll } from "./connection.ts";
import { OpenConnections } from "./open_connections.ts";

/** A request as it came, but for the last byte of its head. */
export interface WireRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: Headers;
  /** How many requests for the same came before it, counted by path and without the query. */
  before: number;
}

/** One connection with one request on it. */
export interface Exchange {
  request: WireRequest;
  connection: Deno.Conn;
  /** Reads the last byte of the head too: a connection that is closed before that is reset. */
  finishReading(): Promise<void>;
}

/** A server below HTTP: it sends what it is told to the byte, and closes each connection after one request. */
export class WireServer implements AsyncDisposable {
  readonly host: string;
  readonly #answer: (exchange: Exchange) => Promise<void>;
  readonly #listener: Deno.Listener;
  readonly #open = new OpenConnections();
  readonly #counts = new Map<string, number>();
  readonly #serving: Promise<void>;

  constructor(
    answer: (exchange: Exchange) => Promise<void>,
    { certificate }: { certificate?: TestCertificate } = {},
  ) {
    const place = { hostname: "127.0.0.1", port: 0 };
    this.#answer = answer;
    this.#listener = certificate === undefined
      ? Deno.listen(place)
      : Deno.listenTls({ ...place, ...certificate });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    const all: Promise<void>[] = [];
    for (;;) {
      let connection: Deno.Conn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          break;
        }
        // A client that hung up during the handshake.
        continue;
      }
      this.#open.add(connection);
      // A client that hangs up is nothing to talk about.
      all.push(
        this.#handle(connection).catch(() => {}).finally(() => this.#open.close(connection)),
      );
    }
    await Promise.all(all);
  }

  async #handle(connection: Deno.Conn): Promise<void> {
    const head = await readHead(connection);
    const [line, ...lines] = head.trimEnd().split("\r\n");
    const [method, path] = line.split(" ");
    const key = path.replace(/\?.*/, "");
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    const headers = new Headers(lines.map((line) => line.split(": ") as [string, string]));
    await this.#answer({
      request: { method, path, headers, before },
      connection,
      finishReading: async () => {
        await connection.read(new Uint8Array(1));
      },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#open.closeAll();
    await this.#serving;
  }
}

/** An answer in the two parts that are sent. */
export interface WireAnswer {
  head: string;
  body: Uint8Array<ArrayBuffer>;
}

/** What the server at `host` answers to a request, by plain HTTP. */
export async function answerOf(
  { method, path, headers }: WireRequest,
  host: string,
): Promise<WireAnswer> {
  const kept = ["accept", "range", "authorization"].flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const answer = await fetch(`http://${host}${path}`, {
    method,
    headers: kept,
    redirect: "manual",
  });
  const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  const head = [`HTTP/1.1 ${answer.status} X`, ...lines, "Connection: close", "", ""].join("\r\n");
  return { head, body: await answer.bytes() as Uint8Array<ArrayBuffer> };
}

export async function send(connection: Deno.Conn, { head, body }: WireAnswer): Promise<void> {
  await writeAll(connection, head);
  await writeAll(connection, body);
}

/** Byte by byte, so that the last one stays where it is. */
async function readHead(connection: Deno.Conn): Promise<string> {
  const byte = new Uint8Array(1);
  let head = "";
  while (!head.endsWith("\r\n\r")) {
    if (await connection.read(byte) === null) throw new Error("the client hung up");
    head += String.fromCharCode(byte[0]);
  }
  return head;
}
