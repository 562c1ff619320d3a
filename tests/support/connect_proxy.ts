import { OpenConnections } from "./open_connections.ts";

/**
 * A proxy for HTTPS that leads chosen names to ports of this machine, so that the program can use the real names of a
 * cloud. There is no way to any other name.
 */
export class ConnectProxy implements AsyncDisposable {
  /** The names that were asked for, in order, with those that have no way. */
  readonly names: string[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new OpenConnections<Deno.TcpConn>();
  readonly #done: Promise<void>;

  /** @param targets where each name leads to, as `127.0.0.1:PORT` */
  constructor(targets: Record<string, string>) {
    this.#done = this.#accept(targets);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(targets: Record<string, string>): Promise<void> {
    const tunnels: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#open.add(connection);
      // An end that goes away is how a tunnel ends.
      tunnels.push(this.#tunnel(connection, targets).catch(() => {}));
    }
    await Promise.all(tunnels);
  }

  async #tunnel(client: Deno.TcpConn, targets: Record<string, string>): Promise<void> {
    const name = /^CONNECT ([^ ]+):443 /.exec(await readHead(client))?.[1] ?? "";
    this.names.push(name);
    if (!Object.hasOwn(targets, name)) {
      await client.write(new TextEncoder().encode("HTTP/1.1 403 Forbidden\r\n\r\n"));
      return this.#open.close(client);
    }
    const [hostname, port] = targets[name].split(":");
    const target = await Deno.connect({ hostname, port: Number(port) });
    this.#open.add(target);
    await client.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
    await Promise.allSettled([
      client.readable.pipeTo(target.writable),
      target.readable.pipeTo(client.writable),
    ]);
    this.#open.close(client);
    this.#open.close(target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#open.closeAll();
    await this.#done;
  }
}

/** The lines up to the empty one; a client says nothing more before it is answered. */
async function readHead(connection: Deno.TcpConn): Promise<string> {
  let head = "";
  const buffer = new Uint8Array(4096);
  while (!head.includes("\r\n\r\n")) {
    const length = await connection.read(buffer);
    if (length === null) break;
    head += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return head;
}
