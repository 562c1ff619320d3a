/** Reads up to the empty line that ends the head of a request, and what came with it. */
export async function readHead(
  connection: Deno.Conn,
): Promise<{ head: string; rest: Uint8Array<ArrayBuffer> }> {
  const buffer = new Uint8Array(64 * 1024);
  for (let length = 0;;) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) throw new Error("the client hung up");
    length += count;
    const end = new TextDecoder().decode(buffer.subarray(0, length)).indexOf("\r\n\r\n");
    if (end === -1) continue;
    const head = new TextDecoder().decode(buffer.subarray(0, end));
    return { head, rest: buffer.slice(end + 4, length) };
  }
}

export async function writeAll(connection: Deno.Conn, data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  for (let offset = 0; offset < bytes.byteLength;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}
