import { asFailure, Failure, messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Manifest } from "../registry/manifest.ts";
import type { ReadableBlob } from "../registry/mirrored_blob.ts";
import type { Downloads } from "./downloads.ts";
import { type ProxyRequest, type Responder, serveConnection } from "./http_server.ts";

// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
const PATH_REGEXP = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/;

/** A blob that is being delivered. */
export interface BlobProgress {
  digest: string;
  size: number;
  /** Bytes that kit has taken. */
  bytes: number;
}

export interface GatewayOptions {
  downloads: Downloads;
  log: Log;
  /** The manifest under a tag or a digest, checked. */
  manifest(host: string, repository: string, reference: string): Promise<Manifest>;
  blob(host: string, repository: string, digest: string): Promise<ReadableBlob>;
}

/**
 * The proxy on the loopback interface that kit gets everything through. For any registry's host it answers what the
 * OCI distribution API answers to a reader; kit needs neither network nor credentials of its own.
 */
export class Gateway implements AsyncDisposable {
  /** The proxy's address with the token that it demands: only for kit. */
  readonly proxy: string;
  /** What kit reads now. */
  readonly underWay = new Set<BlobProgress>();
  readonly #options: GatewayOptions;
  readonly #listener: Deno.TcpListener;
  readonly #authorization: string;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;
  readonly #deliveries = new Set<Promise<void>>();
  readonly #delivered = new Set<string>();
  #failure: Failure | undefined;
  #blobFailure: unknown;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const token = crypto.randomUUID();
    this.#authorization = `Basic ${btoa(`kit:${token}`)}`;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.proxy = `http://kit:${token}@127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serving = this.#serve();
  }

  /** Why a request could not be answered, if one could not: what kit says about it is less. */
  get failure(): unknown {
    return this.#blobFailure ?? this.#failure;
  }

  /**
   * Waits until every blob that kit opened is read to its end and verified. Answers with their digests.
   *
   * @throws {Failure} of the first blob that is not what its digest says, or could not be read
   */
  async verified(): Promise<ReadonlySet<string>> {
    await Promise.all(this.#deliveries);
    if (this.#blobFailure !== undefined) throw this.#blobFailure;
    return this.#delivered;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
    await this.#serving;
    await Promise.all(this.#deliveries);
  }

  async #serve(): Promise<void> {
    const open: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        // A small layer is two writes, and the second would wait for the first one's acknowledgement.
        connection.setNoDelay(true);
        this.#connections.add(connection);
        open.push(
          serveConnection(
            connection,
            (request, respond) => this.#handle(request, respond, connection),
          )
            // Kit hangs up when it has what it wants.
            .catch(() => {})
            .finally(() => {
              this.#connections.delete(connection);
              close(connection);
            }),
        );
      }
    } catch {
      // The listener was closed.
    }
    await Promise.all(open);
  }

  async #handle(
    request: ProxyRequest,
    respond: Responder,
    connection: Deno.TcpConn,
  ): Promise<void> {
    const { method, url, host, headers } = request;
    if (headers.get("proxy-authorization") !== this.#authorization) {
      return await respond.head(407, { "Proxy-Authenticate": "Basic" }, 0);
    }
    if (method !== "GET" && method !== "HEAD") return await respond.head(405, {}, 0);
    if (url.pathname === "/v2/") return await respond.head(200, {}, 0);
    const [, repository, kind, reference] = PATH_REGEXP.exec(decodeURIComponent(url.pathname)) ??
      [];
    if (kind === undefined) return await respond.head(404, {}, 0);
    let manifest: Manifest;
    try {
      if (kind === "manifests") {
        manifest = await this.#options.manifest(host, repository, reference);
      } else {
        return await this.#answerBlob(await this.#options.blob(host, repository, reference), {
          method,
          respond,
          connection,
        });
      }
    } catch (error) {
      this.#failure ??= asFailure(error);
      this.#options.log.debug(`Cannot answer kit: ${messageOf(error)}`);
      // After our own attempts kit must not begin its: it repeats what is answered with 429 or 5xx.
      await respond.head(
        error instanceof Failure && error.outcome === "not found" ? 404 : 403,
        {},
        0,
      );
      return;
    }
    // Outside of that: when kit hangs up now, it is not we who failed.
    const { bytes, digest, mediaType } = manifest;
    const type = { "Content-Type": mediaType, "Docker-Content-Digest": digest };
    await respond.head(200, type, bytes.byteLength);
    if (method === "GET") await respond.write(bytes);
  }

  async #answerBlob(
    blob: ReadableBlob,
    { method, respond, connection }: {
      method: string;
      respond: Responder;
      connection: Deno.TcpConn;
    },
  ): Promise<void> {
    const type = {
      "Content-Type": "application/octet-stream",
      "Docker-Content-Digest": blob.digest,
    };
    if (method === "HEAD") return await respond.head(200, type, blob.size);
    await this.#deliver(blob, respond, type, connection);
  }

  async #deliver(
    blob: ReadableBlob,
    respond: Responder,
    headers: Record<string, string>,
    connection: Deno.TcpConn,
  ): Promise<void> {
    let hasBegun = false;
    const progress = { digest: blob.digest, size: blob.size, bytes: 0 };
    this.underWay.add(progress);
    const delivery = this.#options.downloads.deliver(blob, async (bytes) => {
      const isFirst = !hasBegun;
      // Before the head, which may fail too: what kit does not take says nothing of the blob.
      hasBegun = true;
      if (isFirst) await respond.head(200, headers, blob.size);
      await respond.write(bytes);
      progress.bytes += bytes.byteLength;
    }).then(() => void this.#delivered.add(blob.digest), (error: unknown) => {
      this.#blobFailure ??= asFailure(error);
      throw error;
    });
    const settled = delivery.catch(() => {});
    this.#deliveries.add(settled);
    try {
      await delivery;
      this.#options.log.debug(`Verified ${blob.digest}`, { bytes: blob.size });
      if (!hasBegun) await respond.head(200, headers, blob.size);
    } catch (error) {
      if (!hasBegun) throw error;
      // A head was sent that promised all of it: to hang up is the only way left to say no.
      close(connection);
    } finally {
      this.underWay.delete(progress);
      this.#deliveries.delete(settled);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
