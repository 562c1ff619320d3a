import { readBody } from "../http.ts";
import type { Fill } from "./body.ts";
import { Connection, type Head, ProtocolError } from "./connection.ts";

/** Another way is tried where a connection takes longer: fetch tries all addresses of a host, `connect` one. */
const CONNECT_WITHIN_MS = 5_000;
/** More of an error's body is not read: it is text for people. */
const MAX_ERROR_BYTES = 64 * 1024;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RangeFetchOptions {
  /** For every request that this one does not take, or cannot. */
  fetch: Fetch;
  /** Each one PEM text, trusted beside Deno's own roots. */
  caCertificates: string[];
  /** The client's own certificate and its key, as PEM text. */
  identity?: { cert: string; key: string };
}

/** A part of a blob, to be read into the reader's own buffers by `fill`; `body` reads it in the ordinary way. */
export class RangeResponse extends Response {
  readonly fill: Fill;

  constructor(body: ReadableStream, init: ResponseInit, fill: Fill) {
    super(body, init);
    this.fill = fill;
  }
}

/**
 * A fetch for ranges of blobs, over connections of its own that are used again. It knows neither proxies nor
 * answers without a length nor hosts with several addresses: those go to the ordinary fetch, as does all else.
 */
export class RangeFetch implements Disposable {
  readonly #options: RangeFetchOptions;
  readonly #idle = new Map<string, Connection[]>();
  /** Origins that only the ordinary fetch can talk to. */
  readonly #others = new Set<string>();

  constructor(options: RangeFetchOptions) {
    this.#options = options;
  }

  /** As `fetch` with `redirect: "manual"`; `init.headers` is a plain object. */
  readonly fetch: Fetch = async (address, init) => {
    const url = new URL(address);
    const headers = init.headers as Record<string, string> | undefined;
    if (headers?.Range === undefined || this.#others.has(url.origin)) {
      return await this.#options.fetch(address, init);
    }
    try {
      return await this.#ask(url, headers, init.signal ?? undefined);
    } catch (error) {
      if (!(error instanceof NotForUs)) throw error;
      this.#others.add(url.origin);
      return await this.#options.fetch(address, init);
    }
  };

  [Symbol.dispose](): void {
    for (const connection of [...this.#idle.values()].flat()) connection.close();
    this.#idle.clear();
  }

  async #ask(
    url: URL,
    headers: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Response> {
    for (;;) {
      signal?.throwIfAborted();
      const used = this.#idle.get(url.origin)?.pop();
      const connection = used ?? new Connection(await this.#connect(url));
      const abort = () => connection.close();
      signal?.addEventListener("abort", abort, { once: true });
      const release = () => {
        signal?.removeEventListener("abort", abort);
        this.#release(url.origin, connection);
      };
      try {
        signal?.throwIfAborted();
        await connection.send(url, headers);
        const head = await connection.head();
        if (head !== undefined) return await answerOf(head, connection, release);
        if (used === undefined) throw new TypeError("connection closed before message completed");
        release();
      } catch (error) {
        connection.close();
        release();
        signal?.throwIfAborted();
        if (error instanceof ProtocolError) throw new NotForUs();
        // The peer closed a connection that had been idle for too long: that is no news.
        if (used === undefined) throw error;
      }
    }
  }

  async #connect(url: URL): Promise<Deno.Conn> {
    const socket = this.#open(url);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) =>
      timer = setTimeout(() => reject(new NotForUs()), CONNECT_WITHIN_MS)
    );
    try {
      return await Promise.race([socket, late]);
    } catch {
      socket.then((conn) => conn.close(), () => {});
      throw new NotForUs();
    } finally {
      clearTimeout(timer);
    }
  }

  async #open(url: URL): Promise<Deno.Conn> {
    const isEncrypted = url.protocol === "https:";
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port) || (isEncrypted ? 443 : 80);
    const { caCertificates: caCerts, identity } = this.#options;
    const tls = { hostname, caCerts, alpnProtocols: ["http/1.1"] };
    // `startTls` knows no certificate of the client's, and `connectTls` no way to send small packets at once: its
    // handshake waits 40 ms for a delayed acknowledgement.
    if (isEncrypted && identity !== undefined) {
      return await shakeHands(await Deno.connectTls({ ...tls, ...identity, port }));
    }
    const socket = await Deno.connect({ hostname, port });
    socket.setNoDelay(true);
    return isEncrypted ? await shakeHands(await Deno.startTls(socket, tls)) : socket;
  }

  #release(origin: string, connection: Connection): void {
    if (!connection.isIdle) return connection.close();
    const idle = this.#idle.get(origin) ?? [];
    idle.push(connection);
    this.#idle.set(origin, idle);
  }
}

async function shakeHands(connection: Deno.TlsConn): Promise<Deno.TlsConn> {
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Not a failure of the other side: fetch may do it. */
class NotForUs extends Error {}

/** The answer on `connection`, which is released when it has been read to its end or is given up. */
async function answerOf(
  { status, headers }: Head,
  connection: Connection,
  release: () => void,
): Promise<Response> {
  let isReleased = false;
  const end = () => {
    if (isReleased) return;
    isReleased = true;
    release();
  };
  const giveUp = () => {
    if (!isReleased) connection.close();
    end();
  };
  const fill: Fill = async (view, took) => {
    if (isReleased) return;
    try {
      await connection.fill(view, took);
      if (!connection.isReading) end();
    } catch (error) {
      giveUp();
      throw error;
    }
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const view = new Uint8Array(64 * 1024);
      let count = 0;
      await fill(view, (more) => count += more);
      if (count > 0) controller.enqueue(view.subarray(0, count));
      if (count < view.byteLength) controller.close();
    },
    cancel: giveUp,
  }, { highWaterMark: 0 });
  const response = new RangeResponse(body, { status, headers }, fill);
  if (status < 300) return response;
  // An error's body is for people, and a redirect's for nobody: reading it now keeps the connection.
  const bytes = await readBody(response, MAX_ERROR_BYTES).catch(() => new Uint8Array());
  return new Response(bytes.byteLength === 0 ? null : bytes, { status, headers });
}
