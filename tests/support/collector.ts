import { type Collected, parseTraceRequest } from "./otlp.ts";

export interface CollectorOptions {
  /** Certificate and key, in PEM. */
  tls?: { cert: string; key: string };
  /** Called when a trace has come; answers when this does. */
  onTrace?(): Promise<void> | void;
}

/** An OpenTelemetry collector that keeps what it gets, and refuses what OTLP/HTTP does not have. */
export class Collector implements AsyncDisposable {
  readonly traces: Collected[] = [];
  readonly headers: Headers[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;

  constructor({ tls, onTrace }: CollectorOptions = {}) {
    this.#scheme = tls === undefined ? "http" : "https";
    const listen = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve({ ...listen, ...tls }, async (request) => {
      const { method, url, headers } = request;
      if (method !== "POST" || new URL(url).pathname !== "/v1/traces") {
        return new Response(null, { status: 404 });
      }
      try {
        this.headers.push(new Headers(headers));
        this.traces.push(parseTraceRequest(await request.json()));
      } catch (error) {
        return new Response(String(error), { status: 400 });
      }
      await onTrace?.();
      return Response.json({});
    });
  }

  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  get endpoint(): string {
    return `${this.#scheme}://127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
