/** A glob that means nothing; the message says why, without the glob itself. */
export class GlobError extends Error {
  override name = "GlobError";
}

/** A character as it is, one of a kind, or `*`. */
type Part = string | ((character: string) => boolean);

const MANY = "*";
/** What braces may multiply to. */
const MAX_ALTERNATIVES = 1000;
/** A whole class, or any one character. Bounded, since each "[" may begin one that does not end. */
const TOKEN_REGEXP = /\[[!^]?\]?[^\]/]{0,100}\]|[^]/gu;

/**
 * Compiles a glob for relative paths. As in a shell `*` and `?` stay within a name, `**` is any number of folders,
 * `[a-z]` and `[!a-z]` are one character, `{a,b}` is either, and only a dot begins a name with a dot. There is no
 * escape: `[*]` is a star.
 *
 * Names come from strangers: to match one takes no longer than the product of both lengths, where a regular expression
 * with several stars may search for hours.
 *
 * @throws {GlobError} on brackets or braces that do not fit together
 */
export function compileGlob(glob: string): (path: string) => boolean {
  const alternatives = expandBraces(glob.match(TOKEN_REGEXP) ?? []).map((text) => {
    const names = text.split("/").filter((name) => name !== "");
    // What is below a folder is not the folder itself.
    if (names.at(-1) === "**") names.push(MANY);
    return names.map((name) => name === "**" ? MANY : compileName(name));
  });
  return (path) => {
    const names = path.split("/");
    return alternatives.some((folders) => matches(folders, names, matchesName, isVisible));
  };
}

/** Every text that a glob with braces stands for. */
function expandBraces(tokens: string[]): string[] {
  const queue = tokens.toReversed();
  const read = (isInner: boolean): string[] => {
    const done: string[] = [];
    let open = [""];
    for (let token = queue.pop(); token !== undefined; token = queue.pop()) {
      if (token === "}" && isInner) {
        if (done.length === 0) throw new GlobError("braces need a comma, as in {a,b}");
        return [...done, ...open];
      }
      if (token === "}") throw new GlobError('there is a "}" without a "{"');
      if (token === "," && isInner) {
        done.push(...open);
        open = [""];
        continue;
      }
      const more = token === "{" ? read(true) : [token];
      if (open.length * more.length > MAX_ALTERNATIVES) {
        throw new GlobError(`its braces stand for more than ${MAX_ALTERNATIVES} names`);
      }
      open = open.flatMap((text) => more.map((end) => text + end));
    }
    if (isInner) throw new GlobError('there is a "{" without a "}"');
    return open;
  };
  return read(false);
}

function compileName(name: string): Part[] {
  return (name.match(TOKEN_REGEXP) ?? []).map((token) => {
    if (token === "?") return () => true;
    if (token.length > 1 && token.startsWith("[")) return compileClass(token);
    if (token === "[") throw new GlobError('there is a "[" without a "]"; [[] is one as it is');
    return token;
  });
}

/** One character of those in brackets. */
function compileClass(token: string): Part {
  if (token.includes("[:")) {
    throw new GlobError("classes with a name, as in [:digit:], are not known");
  }
  const isNegated = /^\[[!^]/.test(token);
  const members = Array.from(token.slice(isNegated ? 2 : 1, -1));
  const ranges: [from: string, to: string][] = [];
  for (let index = 0; index < members.length; index++) {
    const isRange = members[index + 1] === "-" && index + 2 < members.length;
    const range: typeof ranges[0] = [members[index], members[isRange ? index + 2 : index]];
    if (range[0] > range[1]) throw new GlobError(`the range ${range.join("-")} is empty`);
    ranges.push(range);
    if (isRange) index += 2;
  }
  if (ranges.length === 0) throw new GlobError("there is nothing between its brackets");
  return (character) =>
    ranges.some(([from, to]) => from <= character && character <= to) !== isNegated;
}

function matchesName(parts: Part[], name: string): boolean {
  if (!isVisible(name) && parts[0] !== ".") return false;
  return matches(
    parts,
    Array.from(name),
    (part, character) => typeof part === "string" ? part === character : part(character),
    () => true,
  );
}

function isVisible(name: string): boolean {
  return !name.startsWith(".");
}

/**
 * Whether all of `items` fit `pattern`, where MANY is any number of those that may be skipped. Only the last MANY is
 * ever tried again: the leftmost place for what is between two of them leaves the most to those after it.
 */
function matches<P, I>(
  pattern: (P | typeof MANY)[],
  items: I[],
  fits: (part: P, item: I) => boolean,
  maySkip: (item: I) => boolean,
): boolean {
  let [at, item, many, skipped] = [0, 0, -1, 0];
  while (item < items.length) {
    const part = pattern[at];
    if (part === MANY) {
      many = at++;
      skipped = item;
    } else if (part !== undefined && fits(part as P, items[item])) {
      at++;
      item++;
    } else if (many !== -1 && maySkip(items[skipped])) {
      at = many + 1;
      item = ++skipped;
    } else return false;
  }
  return pattern.slice(at).every((part) => part === MANY);
}
