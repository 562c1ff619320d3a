import type { Output } from "./output.ts";

/** A terminal that can show some lines below the log. */
export interface Screen {
  /** Columns and rows as they are now. */
  size(): { columns: number; rows: number };
  /** Shows these lines in the place of those that it showed before. */
  draw(lines: string[]): void;
}

// https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
const CLEAR_BELOW = "\r\x1b[J";
const CLEAR_LINE_END = "\x1b[K";
const NO_WRAP = "\x1b[?7l";
const WRAP = "\x1b[?7h";

/** Where a terminal does not know it, as in some containers. */
const STANDARD_SIZE = { columns: 80, rows: 24 };

/**
 * Standard error: lines of the log, and below them what is drawn. The cursor always waits where that begins, so that
 * clearing needs no counting: it is right also after somebody resized the window or pressed Ctrl-C.
 */
export class Terminal implements Screen {
  readonly #output: Output;
  readonly #measure: Screen["size"];
  #drawn: string[] = [];
  #isClosed = false;

  /** @param measure as `Deno.consoleSize`: it throws, or answers with zeros, where nobody knows the size */
  constructor(output: Output, measure: Screen["size"]) {
    this.#output = output;
    this.#measure = measure;
  }

  size(): { columns: number; rows: number } {
    try {
      const { columns, rows } = this.#measure();
      return columns > 0 && rows > 0 ? { columns, rows } : STANDARD_SIZE;
    } catch {
      return STANDARD_SIZE;
    }
  }

  /** Writes a line of the log above what is drawn. */
  writeLine(line: string): void {
    const isDrawn = this.#drawn.length > 0;
    this.#output.write(
      isDrawn ? `${CLEAR_BELOW}${line}\n${frame(this.#drawn)}` : `${line}\n`,
    );
  }

  draw(lines: string[]): void {
    // What a slow terminal cannot show is not worth its waiting.
    if (this.#isClosed || (lines.length > 0 && this.#output.isBusy)) return;
    if (lines.length > 0) this.#output.write(frame(lines));
    else if (this.#drawn.length > 0) this.#output.write(CLEAR_BELOW);
    this.#drawn = lines;
  }

  /** Clears what is drawn, for good: the program may end at any moment. */
  close(): void {
    this.draw([]);
    this.#isClosed = true;
  }
}

/** Over what was there, in one piece: nothing flickers. */
function frame(lines: string[]): string {
  const text = lines.map((line) => line + CLEAR_LINE_END).join("\n");
  const up = lines.length > 1 ? `\x1b[${lines.length - 1}A` : "";
  return `\r${NO_WRAP}${text}\x1b[J${WRAP}${up}\r`;
}
