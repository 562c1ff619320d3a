/** What a registry asks for, as one challenge of a `WWW-Authenticate` header says it. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  scheme: string;
  /** Names in lower case. */
  parameters: Record<string, string>;
}

// https://www.rfc-editor.org/rfc/rfc9110#section-11.2
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAMETER_REGEXP = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`);
const SCHEME_REGEXP = new RegExp(`^(${TOKEN})(?=\\s|,|$)`);
/** A longer header is not read to its end. */
const MAX_LENGTH = 16 * 1024;

/** Parses a `WWW-Authenticate` header, also with several challenges in one. What is malformed is passed over. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.slice(0, MAX_LENGTH);
  while ((rest = rest.replace(/^[\s,]+/, "")) !== "") {
    const parameter = PARAMETER_REGEXP.exec(rest);
    const scheme = parameter === null ? SCHEME_REGEXP.exec(rest) : null;
    if (parameter !== null) {
      const [, name, quoted, plain] = parameter;
      const value = quoted?.replaceAll(/\\(.)/g, "$1") ?? plain;
      const challenge = challenges.at(-1);
      if (challenge !== undefined) challenge.parameters[name.toLowerCase()] = value;
    } else if (scheme !== null) {
      challenges.push({ scheme: scheme[1].toLowerCase(), parameters: {} });
    }
    // To its end, and not by single characters: each of them could begin a search through all of the rest.
    const malformed = /^[^\s,]+/.exec(rest);
    rest = rest.slice((parameter ?? scheme ?? malformed)?.[0].length);
  }
  return challenges;
}
