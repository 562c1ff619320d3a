/** What takes no column: marks on the character before, joiners, and what chooses a variant. */
const NONE_REGEXP = /^[\p{M}\p{Cf}]$/u;
/**
 * What takes two columns: most of East Asian Wide and Fullwidth, and what is shown as an emoji by itself.
 * https://www.unicode.org/reports/tr11/
 */
const WIDE_REGEXP =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18cff}\u{1aff0}-\u{1b2fb}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

/** Columns of a terminal that a text takes, or a few less: emojis of several parts count as each of them. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** A text of exactly so many columns: filled with blanks, or without its beginning, since the end of a path says more. */
export function fitText(text: string, width: number): string {
  let room = width - textWidth(text);
  if (room >= 0) return text + " ".repeat(room);
  const characters = Array.from(text);
  let first = 0;
  // One column for what stands in the place of those that are left out.
  for (room -= 1; room < 0; first++) room += widthOf(characters[first]);
  while (NONE_REGEXP.test(characters[first] ?? "")) first++;
  return `…${characters.slice(first).join("")}${" ".repeat(room)}`;
}

function widthOf(character: string): number {
  return NONE_REGEXP.test(character) ? 0 : WIDE_REGEXP.test(character) ? 2 : 1;
}
