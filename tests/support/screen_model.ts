/** What a terminal shows after what was written to it: as much of one as the program uses. */
export class ScreenModel {
  written = "";
  #rows: string[][] = [[]];
  #row = 0;
  #column = 0;
  #wraps = true;
  readonly #columns: number;

  constructor(columns = 20) {
    this.#columns = columns;
  }

  /** Up to the last line that is not empty. */
  get lines(): string[] {
    const lines = this.#rows.map((row) => Array.from(row, (one) => one ?? " ").join("").trimEnd());
    return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
  }

  write(text: string): void {
    this.written += text;
    // deno-lint-ignore no-control-regex
    for (const [token] of text.matchAll(/\x1b\[\??\d*[A-Za-z]|[^]/gu)) this.#take(token);
  }

  #take(token: string): void {
    const count = Number(token.match(/\d+/)?.[0] ?? 1);
    if (token === "\r") this.#column = 0;
    else if (token === "\n") {
      this.#column = 0;
      this.#rows[++this.#row] ??= [];
    } else if (token === "\x1b[?7l") this.#wraps = false;
    else if (token === "\x1b[?7h") this.#wraps = true;
    else if (token === "\x1b[K") this.#rows[this.#row].length = this.#column;
    else if (token === "\x1b[J") {
      this.#rows[this.#row].length = this.#column;
      this.#rows.length = this.#row + 1;
    } else if (token.endsWith("A") && token.length > 1) this.#row = Math.max(0, this.#row - count);
    else if (token.startsWith("\x1b")) throw new Error(`unknown: ${JSON.stringify(token)}`);
    else this.#put(token);
  }

  #put(character: string): void {
    if (this.#column === this.#columns) {
      if (this.#wraps) this.#take("\n");
      else this.#column--;
    }
    this.#rows[this.#row][this.#column++] = character;
  }
}
