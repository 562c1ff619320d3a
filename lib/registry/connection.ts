import { HeadReader } from "../http_head.ts";

/** An answer that this client does not understand; a more complete one may. */
export class ProtocolError extends TypeError {}

/** A status line and its headers. */
export interface Head {
  status: number;
  headers: Headers;
}

/**
 * One HTTP/1.1 connection: a request without a body, then its answer, which is read straight into the reader's own
 * buffers. Nothing lies between the socket and those, and that is why this exists: it halves what a byte over TLS costs.
 */
export class Connection {
  readonly #socket: Deno.Conn;
  readonly #heads: HeadReader;
  /** Bytes of the body that are still to come. */
  #left = 0;
  #isKept = true;
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

  /** Sends a GET request. */
  async send(url: URL, headers: Record<string, string>): Promise<void> {
    const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    // A line break in a value would begin a header of somebody else's.
    if (lines.some((line) => /[^\t\x20-\x7e]/.test(line))) throw new ProtocolError("bad header");
    const bytes = new TextEncoder().encode(lines.join("\r\n") + "\r\n\r\n");
    for (let offset = 0; offset < bytes.byteLength;) {
      offset += await this.#socket.write(bytes.subarray(offset));
    }
  }

  /**
   * The head of the answer; `undefined` where the peer closed the connection before it sent any of it.
   *
   * @throws {ProtocolError} where what comes is no answer, or one without a length
   * @throws {TypeError} where the connection ends within it
   */
  async head(): Promise<Head | undefined> {
    for (;;) {
      const text = await this.#heads.next();
      if (text === undefined) return undefined;
      const [first, ...lines] = text.split("\r\n");
      const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? [];
      if (code === undefined) throw new ProtocolError("invalid HTTP version parsed");
      const status = Number(code);
      // What comes before the answer itself: 100 Continue, 103 Early Hints.
      if (status < 200) continue;
      const headers = parseHeaders(lines);
      const length = headers.get("Content-Length");
      if (headers.has("Transfer-Encoding") || !/^\d{1,15}$/.test(length ?? "")) {
        throw new ProtocolError("the answer does not say its length");
      }
      this.#left = Number(length);
      this.#isKept = minor === "1" && !/\bclose\b/i.test(headers.get("Connection") ?? "");
      return { status, headers };
    }
  }

  /** Reads into `view` until it is full, the body ends or the connection does, and tells of each part. */
  async fill(view: Uint8Array, took: (count: number) => void): Promise<void> {
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
  }

  /** May be called more than once. */
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
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) throw new ProtocolError("invalid HTTP header parsed");
    headers.append(name, value);
  }
  return headers;
}
