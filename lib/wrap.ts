/**
 * The lines of a text, each of at most `width` characters. It breaks between words; a word that is too long alone, such
 * as a digest, is broken where the line ends.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    for (; word.length > width; word = word.slice(width)) lines.push(word.slice(0, width));
    line += (line === "" ? "" : " ") + word;
  }
  return [...lines, line];
}
