import { HeadReader } from "../http_head.ts";

/** A body up to so many bytes is copied behind its head: a packet less, and kit is woken once. */
const MAX_COPIED_BYTES = 128 * 1024;
const REASONS: Record<number, string> = {
  200: "OK",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  407: "Proxy Authentication Required",
};

/** A request to a proxy, without a body. */
export interface ProxyRequest {
  method: string;
  /** Absolute. */
  url: URL;
  /** As the client names it: a URL would drop a port that is the scheme's own. */
  host: string;
  /** Names in lower case. */
  headers: Map<string, string>;
}

/** How an answer is given: a head first, then as many bytes as it promised. */
export interface Responder {
  head(status: number, headers: Record<string, string>, length: number): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * Serves one HTTP/1.1 connection of a local client that sends requests without bodies in absolute form. The bytes
 * given to `write` have left when it is done; that is what the server of Deno does not promise, and why this exists.
 */
export async function serveConnection(
  connection: Deno.TcpConn,
  handle: (request: ProxyRequest, respond: Responder) => Promise<void>,
): Promise<void> {
  const reader = new HeadReader(connection);
  /** A head that waits for the first bytes of its body. */
  let pending: Uint8Array | undefined;
  const respond: Responder = {
    head: async (status, headers, length) => {
      await flush();
      const lines = Object.entries({ ...headers, "Content-Length": length }).map(([name, value]) =>
        `${name}: ${value}`
      );
      pending = encode(
        `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\n${lines.join("\r\n")}\r\n\r\n`,
      );
    },
    write: async (bytes) => {
      if (pending === undefined || bytes.byteLength > MAX_COPIED_BYTES) {
        await flush();
        return await writeAll(connection, bytes);
      }
      const message = new Uint8Array(pending.byteLength + bytes.byteLength);
      message.set(pending);
      message.set(bytes, pending.byteLength);
      pending = undefined;
      await writeAll(connection, message);
    },
  };
  const flush = async () => {
    const head = pending;
    pending = undefined;
    if (head !== undefined) await writeAll(connection, head);
  };
  for (let head = await reader.next(); head !== undefined; head = await reader.next()) {
    const request = parseHead(head);
    if (request === undefined) {
      await respond.head(400, { Connection: "close" }, 0);
      return await flush();
    }
    await handle(request, respond);
    await flush();
    if (request.headers.get("connection")?.toLowerCase() === "close") return;
  }
}

function parseHead(head: string): ProxyRequest | undefined {
  const [first, ...lines] = head.split("\r\n");
  const [method, target, version] = first.split(" ");
  const headers = new Map(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  const url = URL.parse(target ?? "");
  const hasBody = headers.has("transfer-encoding") ||
    (headers.get("content-length") ?? "0") !== "0";
  if (url === null || !version?.startsWith("HTTP/1.") || hasBody) return undefined;
  const host = /^https?:\/\/([^/?#]+)/i.exec(target)?.[1].toLowerCase();
  return host === undefined ? undefined : { method, url, host, headers };
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.byteLength;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
