/** Bytes of a head; registries and kit send a fiftieth of it. */
const MAX_HEAD_BYTES = 32 * 1024;
const [CR, LF] = [13, 10];

/** What is no HTTP/1.1, or not of the kind that is read here. */
export class ProtocolError extends TypeError {}

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
   * @throws {ProtocolError} where it is too long, or a line of it ends in another way than HTTP's
   * @throws {TypeError} where the connection ends within it
   */
  async next(): Promise<string | undefined> {
    for (let searched = this.#from;;) {
      const end = this.#findEnd(searched);
      if (end !== undefined) {
        // One character a byte; what TextDecoder calls "latin1" is windows-1252, which has others.
        const head = String.fromCharCode(...this.#buffer.subarray(this.#from, end));
        this.#from = end + 4;
        return head;
      }
      this.#buffer.copyWithin(0, this.#from, this.#to);
      [this.#from, this.#to] = [0, this.ahead];
      if (this.#to === MAX_HEAD_BYTES) throw new ProtocolError("the head of a message is too long");
      searched = this.#to;
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
    for (
      let at = bytes.indexOf(LF, from);
      at !== -1 && at < this.#to;
      at = bytes.indexOf(LF, at + 1)
    ) {
      // Some end lines with LF alone; to wait for the CR would be to wait for ever.
      if (at === this.#from || bytes[at - 1] !== CR) {
        throw new ProtocolError("a line ends without CR");
      }
      if (at - 3 >= this.#from && bytes[at - 2] === LF) return at - 3;
    }
  }
}
