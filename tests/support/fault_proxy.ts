import { orAborted } from "../../lib/abort.ts";
import { sleep } from "../../lib/retry.ts";

/** What happens to one answer of the registry; without any it is passed on as it is. */
export interface Fault {
  /** Answer this instead. */
  respond?: Response;
  /** Answer after so many milliseconds. */
  delay?: number;
  /** Answer when this is settled. */
  hold?: Promise<unknown>;
  /** Cut the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Send so many bytes of the body, then nothing more until the client gives up. */
  stallAfter?: number;
  /** Ask the registry without this header. */
  withoutHeader?: string;
  /** Change the body. */
  transform?(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

/** A request as the rules see it. */
export interface Seen {
  method: string;
  /** Path and query. */
  path: string;
  range: string | null;
  authorization: string | null;
  /** How many requests for blobs came before this one. */
  blobNumber: number;
}

/** A server between the program and the registry that misbehaves as it is told. */
export class FaultProxy implements AsyncDisposable {
  readonly host: string;
  readonly seen: Seen[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stalled = new AbortController();

  constructor(registry: string, rule: (seen: Seen) => Fault | undefined) {
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        onError: () => new Response(null, { status: 500 }),
      },
      (request) => this.#handle(registry, request, rule),
    );
    this.host = `127.0.0.1:${this.#server.addr.port}`;
  }

  async #handle(
    registry: string,
    request: Request,
    rule: (seen: Seen) => Fault | undefined,
  ): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const seen = {
      method: request.method,
      path: pathname + search,
      range: request.headers.get("Range"),
      authorization: request.headers.get("Authorization"),
      blobNumber: this.seen.filter(({ path }) => path.includes("/blobs/")).length,
    };
    this.seen.push(seen);
    const fault = rule(seen) ?? {};
    if (fault.delay !== undefined) await sleep(fault.delay, this.#stalled.signal);
    if (fault.hold !== undefined) await orAborted(fault.hold, this.#stalled.signal);
    if (fault.respond !== undefined) return fault.respond;
    const headers = new Headers(request.headers);
    headers.delete("Host");
    if (fault.withoutHeader !== undefined) headers.delete(fault.withoutHeader);
    const answer = await fetch(`http://${registry}${seen.path}`, {
      method: request.method,
      headers,
      redirect: "manual",
    });
    const bytes = await answer.bytes() as Uint8Array<ArrayBuffer>;
    const body = fault.transform?.(bytes) ?? bytes;
    const answered = new Headers(answer.headers);
    for (const [name, value] of Object.entries(fault.headers ?? {})) answered.set(name, value);
    const limit = fault.cutAfter ?? fault.stallAfter;
    if (limit === undefined || limit >= body.length || request.method === "HEAD") {
      return new Response(request.method === "HEAD" ? null : body, {
        status: answer.status,
        headers: answered,
      });
    }
    const stalled = this.#stalled.signal;
    const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        controller.enqueue(body.subarray(0, limit));
        if (fault.cutAfter !== undefined) setTimeout(() => controller.error(new Error("cut")), 5);
        else {stalled.addEventListener("abort", () => controller.error(new Error("end")), {
            once: true,
          });}
      },
    });
    return new Response(stream, { status: answer.status, headers: answered });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stalled.abort();
    await this.#server.shutdown();
  }
}
