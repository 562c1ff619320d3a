import { Failure, messageOf } from "../errors.ts";
import { parseObject } from "../json.ts";
import { digestOf } from "../registry/digest.ts";
import type { SignatureSettings, Signer } from "./settings.ts";

const KEY_REGEXP =
  /-----BEGIN (RSA )?PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END (RSA )?PUBLIC KEY-----/g;
/** Keys and trusted roots have a few kilobytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Whose signature a ModelKit must carry. Either `keys` or `signer` is there. */
export interface Requirement {
  /** Public keys as PEM texts; any of them will do. */
  keys: string[];
  signer?: Signer;
  /** As JSON: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto */
  trustedRoot?: Record<string, unknown>;
  /** Equal for equal requirements, wherever they were read from. */
  fingerprint: string;
}

/**
 * Reads the files that the settings name.
 *
 * @throws {Failure} `usage` where one cannot be read, or is not what it should be
 */
export async function readRequirement(settings: SignatureSettings): Promise<Requirement> {
  const { signer } = settings;
  const keys = settings.key === undefined ? [] : await readKeys(settings.key);
  const trustedRoot = settings.trustedRoot === undefined
    ? undefined
    : await readTrustedRoot(settings.trustedRoot);
  const bodies = keys.map((key) => key.replaceAll(/-----[^-]+-----|\s/g, "")).sort();
  const facts = JSON.stringify([bodies, signer?.identity, signer?.issuer, trustedRoot]);
  return {
    keys,
    signer,
    trustedRoot,
    fingerprint: await digestOf(new TextEncoder().encode(facts)),
  };
}

async function readKeys(value: string): Promise<string[]> {
  const name = "KIT_COSIGN_KEY";
  if (/^\w+:\/\//.test(value)) {
    throw new Failure("usage", `Cannot use ${name}: key management services are not asked`, {
      hint: `Export the public key with cosign public-key --key ${value.split("://")[0]}://…`,
    });
  }
  const text = value.includes("-----BEGIN") ? value : await readFile(value, name, "a public key");
  if (text.includes("PRIVATE KEY-----")) {
    throw new Failure("usage", `Cannot use ${name}: it holds a private key`, {
      hint:
        "Give the public key: cosign writes it to cosign.pub, and private ones do not belong here",
    });
  }
  const keys = text.match(KEY_REGEXP);
  if (keys !== null) return keys;
  throw new Failure("usage", `Cannot use ${name}: there is no public key in it`, {
    hint: "It must be PEM: -----BEGIN PUBLIC KEY----- and so on",
  });
}

async function readTrustedRoot(value: string): Promise<Record<string, unknown>> {
  const name = "KIT_COSIGN_TRUSTED_ROOT";
  const text = value.trimStart().startsWith("{")
    ? value
    : await readFile(value, name, "a trusted root");
  const root = parseObject(text);
  if (root !== undefined) return root;
  throw new Failure("usage", `Cannot use ${name}: it is not JSON`, {
    hint: "cosign trusted-root create makes one, and sigstore.dev has a trusted_root.json",
  });
}

async function readFile(path: string, name: string, what: string): Promise<string> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_FILE_BYTES) throw new Error("it is larger than 1 MiB");
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new Failure("usage", `Cannot read the file of ${name}: ${messageOf(error)}`, {
      hint: `Give ${name} the text of ${what}, or the path of a readable file with it`,
      cause: error,
    });
  }
}
