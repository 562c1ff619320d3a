/** A text with a quote or a backslash that is not finished. */
export class ShellWordsError extends Error {
  override name = "ShellWordsError";
}

/** Blanks, `\x`, '…', "…" or plain text. An escaped line end joins two lines. */
const PART_REGEXP = /([ \t\r\n]+)|\\([^])|'([^']*)'|"((?:[^"\\]|\\[^])*)"|([^ \t\r\n\\'"]+)/y;

/**
 * Splits `text` into words as a POSIX shell does with quotes and backslashes, and expands nothing: `$`, `*`, `~`,
 * `#` and backquotes stand for themselves. A carriage return separates words too, since it comes only from files
 * with Windows line ends.
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02
 *
 * @throws {ShellWordsError} on an unfinished quote or backslash
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < text.length;) {
    PART_REGEXP.lastIndex = index;
    const match = PART_REGEXP.exec(text);
    if (match === null) {
      throw new ShellWordsError("a quote or a backslash at the end is not finished");
    }
    index += match[0].length;
    const [, blank, escaped, single, double, plain] = match;
    if (blank !== undefined) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (escaped !== "\n") {
      word = (word ?? "") + (escaped ?? single ?? plain ?? unescape(double));
    }
  }
  return word === undefined ? words : [...words, word];
}

/** Between double quotes a backslash counts only before these characters. */
function unescape(text: string): string {
  return text.replaceAll(/\\([$`"\\\n])/g, (_, character) => character === "\n" ? "" : character);
}
