import { ProtocolError } from "../http_head.ts";
import { timeLimit } from "../http.ts";
import { Connection, type Fill, type Head } from "./connection.ts";

/** Another way is tried where a connection takes longer: fetch tries all addresses of a host, `connect` maybe one. */
const CONNECT_WITHIN_MS = 5_000;
/** What lies between may have forgotten a connection that was idle for longer, and then nobody answers on it. */
const IDLE_MS = 30_000;

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RangeFetchOptions {
  /** For every request that this one does not take, or cannot. */
  fetch: Fetch;
  /** Each one PEM text, trusted beside Deno's own roots. */
  caCertificates: string[];
  /** The client's own certificate and its key, as PEM text. */
  identity?: { cert: string; key: string };
  /** Milliseconds that connecting may take. */
  connectWithin?: number;
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
  readonly #open = new Set<Connection>();
  readonly #idle = new Map<string, Connection[]>();
  /** Origins that only the ordinary fetch can talk to. */
  readonly #others = new Set<string>();

  constructor(options: RangeFetchOptions) {
    this.#options = options;
  }

  /** As `fetch` with `redirect: "manual"`; `init.headers` is a plain object. */
  readonly fetch: Fetch = async (address, init) => {
    const url = new URL(address);
    const { method = "GET", signal } = init;
    const headers = init.headers as Record<string, string> | undefined;
    if (method !== "GET" || headers?.Range === undefined || this.#others.has(url.origin)) {
      return await this.#options.fetch(address, init);
    }
    try {
      return await this.#ask(url, headers, signal ?? undefined);
    } catch (error) {
      if (!(error instanceof NotForUs)) throw error;
      if (error.isForGood) this.#others.add(url.origin);
      return await this.#options.fetch(address, init);
    }
  };

  /** Ends everything that is still open. */
  [Symbol.dispose](): void {
    for (const connection of this.#open) connection.close();
    this.#open.clear();
    this.#idle.clear();
  }

  async #ask(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    for (;;) {
      signal?.throwIfAborted();
      const used = this.#takeIdle(url.origin);
      const connection = used ?? new Connection(await this.#connect(url, signal));
      this.#open.add(connection);
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
        // The peer had enough of a connection that was idle: that is no news. Some say so by 408:
        // https://www.rfc-editor.org/rfc/rfc9110#status.408
        const isOver = head === undefined || (used !== undefined && head.status === 408);
        if (!isOver && head.length !== undefined) return answerOf(head, connection, release);
        // An error is often sent without a length where blobs are sent with one.
        if (!isOver) throw new NotForUs(head.status < 300);
        throw new TypeError("connection closed before message completed");
      } catch (error) {
        connection.close();
        release();
        signal?.throwIfAborted();
        if (error instanceof ProtocolError) throw new NotForUs(true);
        if (error instanceof NotForUs || used === undefined) throw error;
      }
    }
  }

  /** The last one that was used, unless that is too long ago. */
  #takeIdle(origin: string): Connection | undefined {
    const idle = this.#idle.get(origin) ?? [];
    const connection = idle.pop();
    if (connection === undefined || performance.now() - connection.usedAt < IDLE_MS) {
      return connection;
    }
    for (const old of [connection, ...idle.splice(0)]) {
      old.close();
      this.#open.delete(old);
    }
  }

  #release(origin: string, connection: Connection): void {
    if (!connection.isIdle) {
      connection.close();
      this.#open.delete(connection);
      return;
    }
    connection.usedAt = performance.now();
    const idle = this.#idle.get(origin) ?? [];
    idle.push(connection);
    this.#idle.set(origin, idle);
  }

  async #connect(url: URL, signal?: AbortSignal): Promise<Deno.Conn> {
    using limit = timeLimit(this.#options.connectWithin ?? CONNECT_WITHIN_MS, signal);
    const over = Promise.withResolvers<never>();
    limit.signal.addEventListener("abort", () => over.reject(limit.signal.reason), { once: true });
    const socket = this.#dial(url, limit.signal);
    try {
      return await Promise.race([socket, over.promise]);
    } catch {
      socket.then((late) => late.close(), () => {});
      signal?.throwIfAborted();
      // Fetch says what is wrong in its own words, or finds a way.
      throw new NotForUs(true);
    }
  }

  async #dial(url: URL, limit: AbortSignal): Promise<Deno.Conn> {
    const isEncrypted = url.protocol === "https:";
    const hostname = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port) || (isEncrypted ? 443 : 80);
    const { caCertificates: caCerts, identity } = this.#options;
    const tls = { hostname, caCerts, alpnProtocols: ["http/1.1"] };
    // `startTls` knows no certificate of the client's, and `connectTls` no way to send small packets at once: its
    // handshake waits 40 ms for a delayed acknowledgement.
    if (isEncrypted && identity !== undefined) {
      return await shakeHands(await Deno.connectTls({ ...tls, ...identity, port }), limit);
    }
    const socket = await Deno.connect({ hostname, port });
    socket.setNoDelay(true);
    return isEncrypted ? await shakeHands(await Deno.startTls(socket, tls), limit) : socket;
  }
}

/** Ends at the limit too. Deno keeps the socket of a handshake that was begun until the peer ends it. */
async function shakeHands(connection: Deno.TlsConn, limit: AbortSignal): Promise<Deno.TlsConn> {
  const close = () => connection.close();
  limit.addEventListener("abort", close, { once: true });
  try {
    limit.throwIfAborted();
    await connection.handshake();
    return connection;
  } catch (error) {
    if (!limit.aborted) close();
    throw error;
  } finally {
    limit.removeEventListener("abort", close);
  }
}

/** Not a failure of the other side: fetch may do it. */
class NotForUs extends Error {
  /** Whether that will be so with the next request to the same origin, too. */
  readonly isForGood: boolean;

  constructor(isForGood: boolean) {
    super();
    this.isForGood = isForGood;
  }
}

/** The answer on `connection`, which is released when it has been read to its end or is given up. */
function answerOf(
  { status, headers }: Head,
  connection: Connection,
  release: () => void,
): RangeResponse {
  let isReleased = false;
  const end = () => {
    if (isReleased) return;
    isReleased = true;
    release();
  };
  const fill: Fill = async (view, took) => {
    if (isReleased) return;
    try {
      await connection.fill(view, took);
    } catch (error) {
      connection.close();
      end();
      throw error;
    }
    if (!connection.isReading) end();
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const view = new Uint8Array(64 * 1024);
      let count = 0;
      await fill(view, (more) => count += more);
      if (count > 0) controller.enqueue(view.subarray(0, count));
      if (count < view.byteLength) controller.close();
    },
    cancel() {
      if (isReleased) return;
      connection.skip();
      end();
    },
  }, { highWaterMark: 0 });
  return new RangeResponse(body, { status, headers }, fill);
}
