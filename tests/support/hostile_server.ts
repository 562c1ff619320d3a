import type { TestCertificate } from "./certificate.ts";
import { writeAll } from "./connection.ts";
import { answerOf, send, WireServer } from "./wire_server.ts";

/** What is sent to a request: a beginning, and then the same bytes without an end. */
export interface Hostility {
  head: string;
  forever: string;
}

/** A TLS server that answers some requests for ever, and the others as the registry behind it does. */
export class HostileServer implements AsyncDisposable {
  /** Bytes that were taken by a client of what has no end. */
  taken = 0;
  readonly #server: WireServer;

  constructor(
    registry: string,
    certificate: TestCertificate,
    rule: (path: string) => Hostility | undefined,
  ) {
    this.#server = new WireServer(async ({ request, connection, finishReading }) => {
      await finishReading();
      const hostility = rule(request.path);
      if (hostility === undefined) return await send(connection, await answerOf(request, registry));
      await writeAll(connection, hostility.head);
      const bytes = new TextEncoder().encode(
        hostility.forever.repeat(1 + 8192 / hostility.forever.length),
      );
      for (;;) {
        await writeAll(connection, bytes);
        this.taken += bytes.byteLength;
      }
    }, { certificate });
  }

  get host(): string {
    return this.#server.host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
