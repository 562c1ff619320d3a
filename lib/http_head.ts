/** Bytes of a head; registries and kit send a fiftieth of it. */
const MAX_HEAD_BYTES = 32 * 1024;
const [CR, LF] = [13, 10];

/** Reads the heads of HTTP/1.1 messages from a connection, and keeps what came with them. */
export class HeadReader {
  readonly #connection: Pick<Deno.Conn, "read">;
  readonly #buffer = new Uint8Array(MAX_HEAD_BYTES);
  #from = 0;
  #to = 0;

  constructor(connection: Pick<Deno.Conn, "read">) {
    this.#connection = connection;
  }

  /** Bytes that have been read and belong to what follows the head. */
  get ahead(): number {
    return this.#to - this.#from;
  }

  /**
   * The next head without its empty line, or `undefined` where the connection ended before it.
   *
   * @throws {TypeError} where the connection ends within it, or it is too long
   */
  async next(): Promise<string | undefined> {
    for (let searched = this.#from;;) {
      const end = this.#findEnd(searched);
      if (end !== undefined) {
        const head = new TextDecoder("latin1").decode(this.#buffer.subarray(this.#from, end));
        this.#from = end + 4;
        return head;
      }
      this.#buffer.copyWithin(0, this.#from, this.#to);
      [this.#from, this.#to] = [0, this.ahead];
      if (this.#to === MAX_HEAD_BYTES) throw new TypeError("the head of a message is too long");
      searched = Math.max(0, this.#to - 3);
      const count = await this.#connection.read(this.#buffer.subarray(this.#to));
      if (count === null) {
        if (this.#to > 0) throw new TypeError("the connection ended in the head of a message");
        return undefined;
      }
      this.#to += count;
    }
  }

  /** Moves bytes that were read ahead into `view`: how many. */
  take(view: Uint8Array): number {
    const end = Math.min(this.#to, this.#from + view.byteLength);
    const part = this.#buffer.subarray(this.#from, end);
    view.set(part);
    this.#from = end;
    return part.byteLength;
  }

  #findEnd(from: number): number | undefined {
    // A byte search, since decoding what follows the head would cost more than everything else here.
    const bytes = this.#buffer;
    for (let at = from; at + 3 < this.#to; at++) {
      at = bytes.indexOf(CR, at);
      if (at === -1 || at + 3 >= this.#to) return undefined;
      if (bytes[at + 1] === LF && bytes[at + 2] === CR && bytes[at + 3] === LF) return at;
    }
  }
}
