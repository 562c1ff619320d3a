import { FaultProxy } from "./fault_proxy.ts";

/** Bytes of a layer that come at once, so that kit has something to write. */
const FREE_BYTES = 4 * 1024 * 1024;

/** A registry that sends the beginning of each layer, and the rest only when it is let go. */
export class HeldRegistry implements AsyncDisposable {
  readonly host: string;
  readonly #proxy: FaultProxy;
  readonly #released = Promise.withResolvers<void>();

  constructor(registry: string) {
    this.#proxy = new FaultProxy(registry, ({ range }) => {
      const start = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
      return start < FREE_BYTES ? undefined : { hold: this.#released.promise };
    });
    this.host = this.#proxy.host;
  }

  release(): void {
    this.#released.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.#proxy[Symbol.asyncDispose]();
  }
}
