import { messageOf } from "../errors.ts";
import { isServiceLink } from "../unknown_variables.ts";

/** What KIT_COSIGN_* say; files are not read yet. */
export interface SignatureSettings {
  /** PEM text, or the path of a file with it. */
  key?: string;
  /** Whom a certificate must be for, and who vouched for it. */
  signer?: Signer;
  /** JSON text, or the path of a file with it. */
  trustedRoot?: string;
}

/** Each a text that must be equal, or a regular expression between slashes that must match all of it. */
export interface Signer {
  identity: string;
  issuer: string;
}

const PREFIX = "KIT_COSIGN_";
const NAMES = ["KEY", "IDENTITY", "ISSUER", "TRUSTED_ROOT"].map((name) => PREFIX + name);

/**
 * Reads KIT_COSIGN_*; `undefined` where none is set.
 *
 * @param tlsVerify as KIT_UNPACK_FLAGS say: without it kit fetches the layers itself
 * @param mistakes gets a sentence for each: to go on without the check would be worse than not to start
 */
export function parseSignatureSettings(
  environment: Readonly<Record<string, string>>,
  tlsVerify: boolean | undefined,
  mistakes: string[],
): SignatureSettings | undefined {
  const present = namesIn(environment);
  if (present.length === 0) return undefined;
  const { KIT_COSIGN_KEY: key, KIT_COSIGN_TRUSTED_ROOT: trustedRoot } = environment;
  const { KIT_COSIGN_IDENTITY: identity, KIT_COSIGN_ISSUER: issuer } = environment;

  for (const name of present.filter((name) => !NAMES.includes(name))) {
    mistakes.push(`there is no setting ${name}: it can be ${NAMES.join(", ")}`);
  }
  if (key !== undefined && (identity ?? issuer) !== undefined) {
    mistakes.push("KIT_COSIGN_KEY is set beside KIT_COSIGN_IDENTITY or KIT_COSIGN_ISSUER: choose");
  } else if ((identity === undefined) !== (issuer === undefined)) {
    mistakes.push("KIT_COSIGN_IDENTITY and KIT_COSIGN_ISSUER must be set together");
  } else if (key === undefined && identity === undefined) {
    mistakes.push(
      `${present.join(", ")} needs KIT_COSIGN_KEY, or KIT_COSIGN_IDENTITY and KIT_COSIGN_ISSUER`,
    );
  }
  for (const name of ["KIT_COSIGN_IDENTITY", "KIT_COSIGN_ISSUER"]) {
    try {
      matcherOf(environment[name] ?? "");
    } catch (error) {
      mistakes.push(`${name} is not a regular expression: ${messageOf(error)}`);
    }
  }
  // Nothing would compare the layers with the digests that the signature vouches for.
  const isDirect = environment.KIT_TRANSFER === "direct";
  if (isDirect || tlsVerify === false) {
    const insecure = isDirect ? "KIT_TRANSFER=direct" : "--tls-verify=false";
    mistakes.push(
      `${insecure} cannot be combined with ${present[0]}: layers are not verified then`,
    );
  }
  const signer = identity === undefined || issuer === undefined ? undefined : { identity, issuer };
  return { key, signer, trustedRoot };
}

/**
 * What is not checked although it may look so.
 *
 * @param includeRemote as KIT_UNPACK_FLAGS say. A Kitfile names an object in S3 by its place, and perhaps by its ETag,
 * which is no digest of its bytes: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function signatureWarnings(
  variables: Readonly<Record<string, string>>,
  includeRemote: boolean | undefined,
): string[] {
  const names = namesIn(variables);
  if (names.length === 0) return [];
  // An empty value is the same as none, and here the one that was meant may have got lost on the way.
  if (names.every((name) => variables[name] === "")) {
    return [`${names.join(", ")} is empty: signatures are not checked`];
  }
  return includeRemote
    ? ["Signatures do not cover datasets in S3, which --include-remote fetches as they are"]
    : [];
}

function namesIn(environment: Readonly<Record<string, string>>): string[] {
  return Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !isServiceLink(name));
}

/**
 * What a pattern of KIT_COSIGN_IDENTITY or KIT_COSIGN_ISSUER matches. Unlike cosign's `--certificate-identity-regexp`
 * an expression is for the whole text: one without anchors would also match what somebody else can register.
 *
 * @throws {SyntaxError} where what is between slashes is not a regular expression
 */
export function matcherOf(pattern: string): (text: string) => boolean {
  const expression = /^\/(.+)\/$/.exec(pattern)?.[1];
  if (expression === undefined) return (text) => text === pattern;
  const compiled = new RegExp(`^(?:${expression})$`, "u");
  return (text) => compiled.test(text);
}
