import { Secret } from "../secret.ts";

/** Microsoft accepts at most ten minutes. */
const LIFE_S = 300;
const BLOCK_REGEXP = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;

export interface AssertionOptions {
  clientId: string;
  /** The address that the assertion is sent to. */
  audience: string;
  /** Milliseconds since 1970. */
  now: number;
}

/**
 * What a service principal with a certificate signs to say who it is:
 * https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials
 *
 * @param pem an RSA key in PKCS #8 form, without a password, and the certificate, in any order
 * @throws {Error} that says what is wrong with `pem`, without quoting it
 */
export async function certificateAssertion(pem: string, options: AssertionOptions) {
  const blocks = [...pem.matchAll(BLOCK_REGEXP)];
  const certificate = blocks.find(([, label]) => label === "CERTIFICATE");
  const key = blocks.find(([, label]) => label === "PRIVATE KEY");
  if (certificate === undefined) throw new Error("has no CERTIFICATE in PEM form");
  if (key === undefined) throw new Error("has no PRIVATE KEY in PEM form without a password");
  const algorithm = { name: "RSA-PSS", hash: "SHA-256" };
  let signer: CryptoKey;
  try {
    signer = await crypto.subtle.importKey("pkcs8", bytesOf(key[2]), algorithm, false, ["sign"]);
  } catch {
    throw new Error("has a PRIVATE KEY that is not one of RSA");
  }
  const thumbprint = await crypto.subtle.digest("SHA-256", bytesOf(certificate[2]));
  const now = Math.floor(options.now / 1000);
  const { clientId, audience } = options;
  const signed = [
    { alg: "PS256", typ: "JWT", "x5t#S256": base64url(new Uint8Array(thumbprint)) },
    {
      ...{ aud: audience, iss: clientId, sub: clientId, jti: crypto.randomUUID() },
      ...{ iat: now, nbf: now, exp: now + LIFE_S },
    },
  ].map((part) => base64url(new TextEncoder().encode(JSON.stringify(part)))).join(".");
  const pss = { name: "RSA-PSS", saltLength: 32 };
  const signature = await crypto.subtle.sign(pss, signer, new TextEncoder().encode(signed));
  return new Secret(`${signed}.${base64url(new Uint8Array(signature))}`);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(base64.replaceAll(/\s/g, ""));
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
