import { Failure, messageOf } from "./errors.ts";

/** A fetch that holds sockets and certificates until it is disposed of. */
export type DisposableFetch = typeof fetch & Disposable;

/** How a fetch reaches the other side. */
export interface FetchOptions {
  /** Each one PEM text, with one or more certificates. */
  caCertificates: string[];
  /** The client's own certificate and its key, as PEM text. */
  identity?: { cert: string; key: string };
  /** URL of a proxy, in place of those of the environment. */
  proxy?: string;
  /** HTTP/2 would put all requests to a host on one connection. */
  http1Only?: boolean;
}

/**
 * A fetch that trusts `caCertificates` in addition to the roots that Deno trusts anyway, and goes through the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY,
 * which Deno reads by itself for every client.
 *
 * @throws {Failure} `usage`, when a certificate cannot be used
 */
export function createFetch(options: FetchOptions): DisposableFetch {
  let client: Deno.HttpClient;
  try {
    client = Deno.createHttpClient({
      caCerts: options.caCertificates,
      ...options.identity,
      ...(options.proxy === undefined ? {} : { proxy: { url: options.proxy } }),
      ...(options.http1Only ? { http1: true, http2: false } : {}),
    });
  } catch (error) {
    throw new Failure("usage", `Cannot use the certificates: ${messageOf(error)}`, {
      hint:
        "Correct the PEM text of KIT_CA_BUNDLE, KServe's CA bundle, SSL_CERT_FILE, or the files of " +
        "--tls-cert, --cert and --key in KIT_UNPACK_FLAGS",
      cause: error,
    });
  }
  const fetchWithClient = (input: URL | Request | string, init?: RequestInit) =>
    fetch(input, { ...init, client } as RequestInit);
  return Object.assign(fetchWithClient, { [Symbol.dispose]: () => client.close() });
}

const PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/** Whether some requests may go through a proxy; which ones is fetch's to know. */
export function hasProxy(
  { flags, environment }: {
    flags: { proxy?: string };
    environment: Readonly<Record<string, string>>;
  },
): boolean {
  return flags.proxy !== undefined ||
    PROXY_VARIABLES.some((name) =>
      environment[name] !== undefined || environment[name.toLowerCase()] !== undefined
    );
}

/** A signal that aborts when the time is over or when its parent aborts; dispose of it when done. */
export interface TimeLimit extends Disposable {
  signal: AbortSignal;
  /** Whether it was the time that ended it, and not the parent. */
  readonly isOver: boolean;
}

/**
 * Starts a time limit. Unlike `AbortSignal.timeout` it leaves no timer behind when the work ends first.
 *
 * @param milliseconds from now
 * @param parent a signal that ends it early
 */
export function timeLimit(milliseconds: number, parent?: AbortSignal): TimeLimit {
  const controller = new AbortController();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort(new DOMException(`No answer within ${milliseconds / 1000} s`, "TimeoutError"));
  }, milliseconds);
  const onParent = () => controller.abort(parent?.reason);
  parent?.addEventListener("abort", onParent, { once: true });
  if (parent?.aborted) onParent();
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", onParent);
    },
  };
}

/**
 * Reads a whole body, but never more than `maxBytes`: what a stranger sends must not fill our memory.
 *
 * @param onBytes is told of each part how many have come
 * @throws {RangeError} when the body is longer; it is cancelled then
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  onBytes?: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop early cancels the stream.
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new RangeError(`The answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
    onBytes?.(chunk.length);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** What a failed fetch says of itself: Deno 2.9 says only "fetch failed" and keeps the reason in its cause. */
export function networkMessageOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return messageOf(cause);
  return messageOf(error);
}
