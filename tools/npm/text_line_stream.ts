/** Options of {@linkcode TextLineStream}. */
export interface TextLineStreamOptions {
  /** Whether a lone `\r` ends a line too, as progress bars write it. Default: false. */
  allowCR?: boolean;
}

/**
 * Splits text into lines at `\n` and `\r\n`, as std's TextLineStream does, for machines that cannot
 * reach JSR. A last line without its end is a line; an empty rest is none. As in std, the length of
 * a line has no limit.
 */
export class TextLineStream extends TransformStream<string, string> {
  constructor({ allowCR = false }: TextLineStreamOptions = {}) {
    // A `\r` at the end of the text so far may be the first half of `\r\n`: it waits for the rest.
    const lineEnd = allowCR ? /\r\n|\n|\r(?!$)/ : /\r?\n/;
    let rest = "";
    super({
      transform(chunk, controller) {
        const lines = (rest + chunk).split(lineEnd);
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
      flush(controller) {
        if (rest) controller.enqueue(allowCR ? rest.replace(/\r$/, "") : rest);
      },
    });
  }
}
