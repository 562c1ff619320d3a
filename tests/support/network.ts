/** One request as its site saw it. */
export interface Visit {
  method: string;
  /** With the site's own origin. */
  url: string;
  /** Path and query. */
  path: string;
  headers: Headers;
  body: string;
}

/** Answers the requests to one origin. */
export type Site = (visit: Visit) => Response | Promise<Response>;

/**
 * A network of its own: requests go over HTTP to a server of this process, which answers for every origin that has
 * a site here. There is no way to any other origin.
 */
export class TestNetwork implements AsyncDisposable {
  readonly visits: Visit[] = [];
  /** URLs that were asked for and have no site. */
  readonly strays: string[] = [];
  readonly #sites: Record<string, Site>;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #end = new AbortController();

  constructor(sites: Record<string, Site>) {
    this.#sites = sites;
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        onError: (error) => new Response(String(error), { status: 500 }),
      },
      (request) => this.#answer(request),
    );
  }

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const { origin, pathname, search } = new URL(url);
    if (!Object.hasOwn(this.#sites, origin)) {
      this.strays.push(url);
      throw new TypeError(`This test has no way to ${origin}`);
    }
    const headers = new Headers(init.headers);
    headers.set("X-Test-Origin", origin);
    const { port } = this.#server.addr;
    return await fetch(`http://127.0.0.1:${port}${pathname}${search}`, { ...init, headers });
  };

  /** The visits to one origin. */
  of(origin: string): Visit[] {
    return this.visits.filter(({ url }) => new URL(url).origin === origin);
  }

  /** A body that sends `bytes`, then nothing more until the test is over. */
  stalling(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      start: (controller) => {
        if (bytes.byteLength > 0) controller.enqueue(bytes);
        this.#end.signal.addEventListener("abort", () => controller.error(new Error("over")), {
          once: true,
        });
      },
    });
  }

  /** Waits until the test is over. */
  async never(): Promise<Response> {
    await new Promise((resolve) =>
      this.#end.signal.addEventListener("abort", resolve, { once: true })
    );
    return new Response(null, { status: 500 });
  }

  async #answer(request: Request): Promise<Response> {
    const origin = request.headers.get("X-Test-Origin") ?? "";
    const { pathname, search } = new URL(request.url);
    const visit = {
      method: request.method,
      url: `${origin}${pathname}${search}`,
      path: `${pathname}${search}`,
      headers: request.headers,
      body: await request.text(),
    };
    this.visits.push(visit);
    return await this.#sites[origin](visit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#server.shutdown();
  }
}

/** A body that sends `bytes` and then breaks. */
export function breaking(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      // What was sent before is to arrive first.
      setTimeout(() => controller.error(new Error("cut")), 10);
    },
  });
}

/** The first and the last byte that a `Range` header asks for. */
export function rangeOf({ headers }: Visit): [number, number] | undefined {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.get("Range") ?? "");
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

/** What a registry answers to a request for a blob, ranges included. */
export function answerBlob(
  visit: Visit,
  bytes: Uint8Array<ArrayBuffer>,
  body?: (part: Uint8Array<ArrayBuffer>) => BodyInit,
): Response {
  const range = rangeOf(visit);
  const [first, last] = range ?? [0, bytes.byteLength - 1];
  const part = bytes.slice(first, last + 1);
  return new Response(body?.(part) ?? part, {
    status: range === undefined ? 200 : 206,
    headers: range === undefined
      ? {}
      : { "Content-Range": `bytes ${first}-${last}/${bytes.byteLength}` },
  });
}
