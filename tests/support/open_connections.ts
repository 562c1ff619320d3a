/** The connections of a test server that neither side has closed. */
export class OpenConnections<T extends Deno.Conn = Deno.Conn> {
  readonly #open = new Set<T>();

  get size(): number {
    return this.#open.size;
  }

  add(connection: T): void {
    this.#open.add(connection);
  }

  /** May be called more than once. */
  close(connection: T): void {
    if (!this.#open.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // It is closed already.
    }
  }

  closeAll(): void {
    for (const connection of this.#open) this.close(connection);
  }
}
