import { messageOf } from "./errors.ts";
import { knownSecrets } from "./secret.ts";

/** A shorter secret would turn every other word of the log to stars, and so give itself away. */
const MIN_SECRET_LENGTH = 4;
// None of these begins a search at each character of a long word: a hostile Kitfile would then keep us busy for hours.
const URL_REGEXP = /:\/\/([^\s"'<>\\]+)/g;
const AUTHORIZATION_REGEXP = /\b(Basic|Bearer)\s+[A-Za-z0-9+/_.~=-]{8,}/g;
const DOTTED_REGEXP = /(?<![\w-])[\w-]+(?:\.[\w-]+)+/g;
/** How each part of a JSON web token begins that is JSON. */
const JWT_REGEXP = /\beyJ.*/;

/**
 * Makes free text (kit's output, an error of a library) fit to be printed. Of a URL only what is listed here is
 * kept: scheme, host, port and path; user, password, query and fragment are not, since presigned URLs carry their
 * signature there. Values that were ever wrapped in a `Secret` are replaced, also in their base64 and URL forms.
 *
 * This is the second line of defence. The first is that no message of ours contains a secret.
 */
export function redact(text: string): string {
  let result = text;
  for (const secret of knownSecrets()) {
    if (secret.length < MIN_SECRET_LENGTH) continue;
    for (const form of formsOf(secret)) {
      if (result.includes(form)) result = result.replaceAll(form, "***");
    }
  }
  return result
    .replaceAll(URL_REGEXP, (_, rest: string) => `://${bareUrl(rest)}`)
    .replaceAll(AUTHORIZATION_REGEXP, "$1 ***")
    .replaceAll(DOTTED_REGEXP, (word) => word.replace(JWT_REGEXP, "***"));
}

function bareUrl(rest: string): string {
  const end = rest.search(/[?#]/);
  const base = end === -1 ? rest : rest.slice(0, end) + "?***";
  // A password may contain a slash by mistake: everything up to the last "@" before the query can be user info,
  // but an "@" that begins a digest belongs to the reference.
  const at = base.replace(/@sha\d+:/, (match) => "#".repeat(match.length)).lastIndexOf("@");
  return at === -1 ? base : "***@" + base.slice(at + 1);
}

function formsOf(secret: string): Set<string> {
  const bytes = new TextEncoder().encode(secret);
  // Without its padding, which may be left out and says nothing.
  const base64 = btoa(String.fromCharCode(...bytes)).replace(/(?<!=)=+$/, "");
  const encoded = encodeURIComponent(secret.toWellFormed());
  return new Set([
    secret,
    // As the one line that messages are.
    messageOf(secret),
    JSON.stringify(secret).slice(1, -1),
    encoded,
    encoded.replaceAll(/%../g, (hex) => hex.toLowerCase()),
    new URLSearchParams([["", secret]]).toString().slice(1),
    base64,
    base64.replaceAll("+", "-").replaceAll("/", "_"),
  ]);
}
