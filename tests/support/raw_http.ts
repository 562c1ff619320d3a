import { Buffer } from "node:buffer";

/** A connection that sends what it is told, to the byte, and reads what comes until the other side hangs up. */
export class RawConnection implements Disposable {
  readonly #connection: Deno.TcpConn;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async to(port: number): Promise<RawConnection> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new RawConnection(connection);
  }

  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let offset = 0; offset < bytes.byteLength;) {
      offset += await this.#connection.write(bytes.subarray(offset));
    }
  }

  /** All that comes until the end, as text of single bytes. */
  async rest(): Promise<string> {
    return await this.#read(() => false);
  }

  /** What comes until `end` is in it. */
  async until(end: string): Promise<string> {
    return await this.#read((text) => text.includes(end));
  }

  async #read(isEnough: (text: string) => boolean): Promise<string> {
    let text = "";
    const buffer = new Uint8Array(64 * 1024);
    while (!isEnough(text)) {
      const count = await this.#connection.read(buffer).catch(() => null);
      if (count === null) break;
      // A TextDecoder's "latin1" is windows-1252, which has other characters.
      text += Buffer.from(buffer.subarray(0, count)).toString("latin1");
    }
    return text;
  }

  [Symbol.dispose](): void {
    try {
      this.#connection.close();
    } catch {
      // It is closed already.
    }
  }
}

/** An answer in its parts; header names in lower case. */
export function parseAnswer(text: string) {
  const end = text.indexOf("\r\n\r\n");
  const [first, ...lines] = text.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(lines.map((line) => {
    const [name, value] = line.split(": ");
    return [name.toLowerCase(), value];
  }));
  return { status: Number(first.split(" ")[1]), headers, body: text.slice(end + 4) };
}
