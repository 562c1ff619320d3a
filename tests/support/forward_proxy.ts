import { readHead, writeAll } from "./connection.ts";
import { OpenConnections } from "./open_connections.ts";

/** What a client asked the proxy for. */
export interface ProxyVisit {
  /** The first line: `CONNECT host:port HTTP/1.1`, or a request in absolute form. */
  line: string;
  authorization: string | undefined;
}

export interface ForwardProxyOptions {
  /** Where hosts really are, as `host:port` each: names that no DNS knows are reached through this proxy alone. */
  hosts: Record<string, string>;
  /** `user:password` that it demands. */
  login?: string;
}

/** A forward proxy for plain HTTP and, by CONNECT, for TLS. One request a connection. */
export class ForwardProxy implements AsyncDisposable {
  readonly visits: ProxyVisit[] = [];
  readonly host: string;
  readonly #options: ForwardProxyOptions;
  readonly #listener: Deno.TcpListener;
  readonly #open = new OpenConnections<Deno.TcpConn>();
  readonly #serving: Promise<void>;

  constructor(options: ForwardProxyOptions) {
    this.#options = options;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      for await (const client of this.#listener) {
        this.#open.add(client);
        all.push(this.#handle(client).catch(() => {}).finally(() => this.#open.close(client)));
      }
    } catch {
      // The listener was closed.
    }
    await Promise.all(all);
  }

  async #handle(client: Deno.TcpConn): Promise<void> {
    const { head, rest } = await readHead(client);
    const [line, ...headers] = head.split("\r\n");
    const authorization = headers.find((header) => /^proxy-authorization:/i.test(header))
      ?.replace(/^.*?:\s*/, "");
    this.visits.push({ line, authorization });
    const { login, hosts } = this.#options;
    const answer = (text: string) => writeAll(client, `HTTP/1.1 ${text}\r\n\r\n`);
    if (login !== undefined && authorization !== `Basic ${btoa(login)}`) {
      return await answer("407 Proxy Authentication Required\r\nContent-Length: 0");
    }
    const [method, target] = line.split(" ");
    const isTunnel = method === "CONNECT";
    const name = isTunnel ? target : new URL(target).host;
    const address = hosts[name] ?? hosts[name.replace(/:443$/, "")];
    if (address === undefined) return await answer("502 Bad Gateway\r\nContent-Length: 0");
    const [hostname, port] = address.split(":");
    const server = await Deno.connect({ hostname, port: Number(port) });
    this.#open.add(server);
    try {
      if (isTunnel) await answer("200 Connection Established");
      else {
        const { pathname, search } = new URL(target);
        const kept = headers.filter((header) => !/^(proxy-|connection:)/i.test(header));
        const lines = [`${method} ${pathname}${search} HTTP/1.1`, ...kept, "Connection: close"];
        await writeAll(server, lines.join("\r\n") + "\r\n\r\n");
      }
      await writeAll(server, rest);
      await Promise.race([copy(client, server), copy(server, client)]);
    } finally {
      this.#open.close(server);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.#open.closeAll();
    await this.#serving;
  }
}

async function copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    await writeAll(to, buffer.subarray(0, count));
  }
}
