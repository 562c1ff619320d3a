const ALGORITHMS: Record<string, string> = {
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

/** The digest of bytes in memory, as `algorithm:hex`; an unknown algorithm counts as sha256. */
export async function digestOf(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm = "sha256",
): Promise<string> {
  const name = Object.hasOwn(ALGORITHMS, algorithm) ? algorithm : "sha256";
  const hash = new Uint8Array(await crypto.subtle.digest(ALGORITHMS[name], bytes));
  return `${name}:${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
