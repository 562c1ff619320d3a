import { OpenConnections } from "./open_connections.ts";

/** What a raw server does with a request: bytes to send, one packet each, and whether it hangs up then. */
export interface RawAnswer {
  packets: string[];
  hangUp?: boolean;
}

export interface RawServerOptions {
  hostname?: string;
  identity?: { cert: string; key: string };
}

/** An HTTP server that sends what it is told, to the byte, and counts connections. One character is one byte. */
export class RawServer implements AsyncDisposable {
  /** The heads of requests, in their order. */
  readonly requests: string[] = [];
  connections = 0;
  readonly port: number;
  readonly #listener: Deno.Listener;
  readonly #serving: Promise<void>;
  readonly #open = new OpenConnections();
  #onClosed: () => void = () => {};

  /** @param answer is told how many requests came before this one */
  constructor(
    answer: (request: string, number: number) => RawAnswer | string,
    { hostname = "127.0.0.1", identity }: RawServerOptions = {},
  ) {
    this.#listener = identity === undefined
      ? Deno.listen({ hostname, port: 0 })
      : Deno.listenTls({ hostname, port: 0, ...identity });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#serving = this.#serve(answer);
  }

  /** Connections that neither side has closed. */
  get open(): number {
    return this.#open.size;
  }

  /** Waits until no more than `count` connections are open. */
  async closed(count = 0): Promise<void> {
    while (this.#open.size > count) {
      await new Promise<void>((resolve) => this.#onClosed = resolve);
    }
  }

  async #serve(answer: (request: string, number: number) => RawAnswer | string): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        this.connections++;
        this.#open.add(connection);
        all.push(
          this.#talk(connection, answer).catch(() => {}).finally(() => {
            this.#open.close(connection);
            this.#onClosed();
          }),
        );
      }
    } catch {
      // The listener was closed.
    }
    await Promise.all(all);
  }

  async #talk(
    connection: Deno.Conn,
    answer: (request: string, number: number) => RawAnswer | string,
  ): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (let text = "";;) {
      const count = await connection.read(buffer);
      if (count === null) return;
      text += new TextDecoder().decode(buffer.subarray(0, count));
      for (let end = text.indexOf("\r\n\r\n"); end !== -1; end = text.indexOf("\r\n\r\n")) {
        this.requests.push(text.slice(0, end));
        text = text.slice(end + 4);
        const said = answer(this.requests.at(-1)!, this.requests.length - 1);
        const { packets, hangUp = false } = typeof said === "string" ? { packets: [said] } : said;
        for (const packet of packets) {
          await connection.write(Uint8Array.from(packet, (character) => character.charCodeAt(0)));
          // In packets of their own, as far as a test can say.
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        if (hangUp) return;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#open.closeAll();
    await this.#serving;
  }
}
