/** A server that keeps every request, to the last header, and answers as it is told. */
export class Recorder implements AsyncDisposable {
  /** Each request as text: method and URL, headers, body. */
  readonly visits: string[] = [];
  readonly host: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: (request: Request, body: string) => Response | Promise<Response>) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        const body = await request.text();
        const headers = [...request.headers].map(([name, value]) => `${name}: ${value}`);
        this.visits.push([`${request.method} ${request.url}`, ...headers, "", body].join("\n"));
        return await answer(request, body);
      },
    );
    this.host = `127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** What the server at `host` answers to the same request, without following it further. */
export async function passOn(
  request: Request,
  host: string,
  headers: HeadersInit = request.headers,
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const kept = new Headers(headers);
  kept.delete("Host");
  const url = `http://${host}${pathname}${search}`;
  const answer = await fetch(url, { method: request.method, headers: kept, redirect: "manual" });
  return new Response(request.method === "HEAD" ? null : answer.body, answer);
}
