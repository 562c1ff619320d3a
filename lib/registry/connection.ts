import { HeadReader, ProtocolError } from "../http_head.ts";

/** 100 Continue and 103 Early Hints may come before an answer, but not without end. */
const MAX_INTERIM_HEADS = 8;
/** They have no body, whatever their headers say: https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
const BODILESS_STATUSES = [204, 205, 304];

/** A status line and its headers. */
export interface Head {
  status: number;
  headers: Headers;
  /** Bytes of the body; absent where only a more complete client can say, and then the connection is of no more use. */
  length?: number;
}

/**
 * Reads into `view` until it is full or nothing more comes, and tells of each part as it comes: a promise less for
 * every 16 KiB that TLS gives at a time. When it is done nobody writes to `view` any more.
 */
export type Fill = (view: Uint8Array, took: (count: number) => void) => Promise<void>;

/**
 * One HTTP/1.1 connection: a request without a body, then its answer, which is read straight into the reader's own
 * buffers. Nothing lies between the socket and those, and that is why this exists: it halves what a byte over TLS costs.
 */
export class Connection {
  /** When it was last used, on the clock of `performance.now`. */
  usedAt = 0;
  readonly #socket: Deno.Conn;
  readonly #heads: HeadReader;
  /** Bytes of the body that are still to come. */
  #left = 0;
  #isKept = false;
  #hasEnded = false;

  constructor(socket: Deno.Conn) {
    this.#socket = socket;
    this.#heads = new HeadReader(socket);
  }

  /** Whether the answer has been read to its end and another request may follow. */
  get isIdle(): boolean {
    return this.#isKept && !this.#hasEnded && this.#left === 0 && this.#heads.ahead === 0;
  }

  /** Whether there may be more of the answer. */
  get isReading(): boolean {
    return this.#left > 0 && !this.#hasEnded;
  }

  /**
   * Sends a GET request.
   *
   * @throws {ProtocolError} where a header has characters that only a more complete client can write
   */
  async send(url: URL, headers: Record<string, string>): Promise<void> {
    const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    // A line break in a value would begin a header of somebody else's.
    if (lines.some((line) => /[^\t\x20-\x7e]/.test(line))) throw new ProtocolError("bad header");
    const bytes = new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
    // Only a whole answer says that the connection can be used again.
    this.#isKept = false;
    for (let offset = 0; offset < bytes.byteLength;) {
      offset += await this.#socket.write(bytes.subarray(offset));
    }
  }

  /**
   * The head of the answer; `undefined` where the peer closed the connection before it sent any of it.
   *
   * @throws {ProtocolError} where what comes is no answer
   * @throws {TypeError} where the connection ends within it
   */
  async head(): Promise<Head | undefined> {
    for (let count = 0; count <= MAX_INTERIM_HEADS; count++) {
      const text = await this.#heads.next();
      if (text === undefined) return undefined;
      const [first, ...lines] = text.split("\r\n");
      const [, minor, code] = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/.exec(first) ?? [];
      if (code === undefined || code === "101") throw new ProtocolError("not an HTTP answer");
      const status = Number(code);
      if (status < 200) continue;
      const headers = parseHeaders(lines);
      const length = lengthOf(status, headers);
      if (length === undefined) return { status, headers };
      this.#left = length;
      this.#isKept = minor === "1" && !/\bclose\b/i.test(headers.get("Connection") ?? "");
      return { status, headers, length };
    }
    throw new ProtocolError("too many answers before the answer");
  }

  /** Reads of the body into `view`. */
  readonly fill: Fill = async (view, took) => {
    let rest = view.subarray(0, Math.min(view.byteLength, this.#left));
    while (rest.byteLength > 0) {
      const count = this.#heads.ahead > 0 ? this.#heads.take(rest) : await this.#socket.read(rest);
      if (count === null) {
        this.#hasEnded = true;
        return;
      }
      this.#left -= count;
      took(count);
      rest = rest.subarray(count);
    }
  };

  /** Drops what has come already of a body that nobody wants: often, with a redirect, that is all of it. */
  skip(): void {
    const count = Math.min(this.#left, this.#heads.ahead);
    this.#left -= this.#heads.take(new Uint8Array(count));
  }

  /** May be called more than once. Ends what is waited for with an error. */
  close(): void {
    this.#hasEnded = true;
    try {
      this.#socket.close();
    } catch {
      // It is closed already.
    }
  }
}

function parseHeaders(lines: string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] =
      /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) throw new ProtocolError("not an HTTP header");
    headers.append(name, value);
  }
  return headers;
}

function lengthOf(status: number, headers: Headers): number | undefined {
  const length = headers.get("Content-Length") ?? "";
  if (BODILESS_STATUSES.includes(status) || headers.has("Transfer-Encoding")) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}
