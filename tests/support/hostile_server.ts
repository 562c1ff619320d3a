import type { TestCertificate } from "./certificate.ts";
import { readHead, writeAll } from "./connection.ts";

/** What is sent to a request: a beginning, and then the same bytes without an end. */
export interface Hostility {
  head: string;
  forever: string;
}

/** A TLS server that answers some requests for ever, and the others as the registry behind it does. */
export class HostileServer implements AsyncDisposable {
  readonly host: string;
  /** Bytes that were taken by a client of what has no end. */
  taken = 0;
  readonly #rule: (path: string) => Hostility | undefined;
  readonly #registry: string;
  readonly #listener: Deno.TlsListener;
  readonly #open = new Set<Deno.TlsConn>();
  readonly #serving: Promise<void>;

  constructor(
    registry: string,
    certificate: TestCertificate,
    rule: (path: string) => Hostility | undefined,
  ) {
    this.#registry = registry;
    this.#rule = rule;
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...certificate });
    this.host = `127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    const all: Promise<void>[] = [];
    for (;;) {
      let connection: Deno.TlsConn;
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
      all.push(this.#answer(connection).catch(() => {}).finally(() => this.#close(connection)));
    }
    await Promise.all(all);
  }

  async #answer(connection: Deno.TlsConn): Promise<void> {
    const { head: request } = await readHead(connection);
    const [line, ...lines] = request.split("\r\n");
    const [method, path] = line.split(" ");
    const hostility = this.#rule(path);
    if (hostility === undefined) {
      const headers = lines.filter((header) => /^(accept|range):/i.test(header)).map((header) =>
        header.split(": ") as [string, string]
      );
      const answer = await fetch(`http://${this.#registry}${path}`, {
        method,
        headers,
      });
      const answered = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
      const head = [`HTTP/1.1 ${answer.status} X`, ...answered, "Connection: close", "", ""];
      await writeAll(connection, head.join("\r\n"));
      return await writeAll(connection, await answer.bytes());
    }
    await writeAll(connection, hostility.head);
    const bytes = new TextEncoder().encode(
      hostility.forever.repeat(1 + 8192 / hostility.forever.length),
    );
    for (;;) {
      await writeAll(connection, bytes);
      this.taken += bytes.byteLength;
    }
  }

  #close(connection: Deno.TlsConn): void {
    if (!this.#open.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // It is closed already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#close(connection);
    await this.#serving;
  }
}
