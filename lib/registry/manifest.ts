import { messageOf } from "../errors.ts";
import { readBody } from "../http.ts";
import { asObject, parseForeign, problemOfSize } from "../json.ts";
import type { RegistryClient } from "./client.ts";
import { digestOf } from "./digest.ts";
import type { StallGuard } from "./stall_guard.ts";
import { damageFailure, networkFailure } from "./status.ts";

/** The specification's recommended limit: https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const IMAGE_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const INDEX_TYPES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MEDIA_TYPES = [
  ...IMAGE_TYPES,
  ...INDEX_TYPES,
  "application/vnd.oci.artifact.manifest.v1+json",
];

/** A blob as a manifest describes it. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  /** Bytes. */
  size: number;
  annotations: Record<string, string>;
  /** Of a manifest in an index. */
  artifactType?: string;
}

/** A manifest, with the bytes that its digest is of. */
export interface Manifest {
  digest: string;
  mediaType: string;
  bytes: Uint8Array<ArrayBuffer>;
  /** What it is a manifest of, where it says so. */
  artifactType?: string;
  annotations: Record<string, string>;
  /** Absent in an index. */
  config?: Descriptor;
  layers: Descriptor[];
  /** Of an index: the manifests in it. */
  manifests: Descriptor[];
}

/**
 * Fetches a manifest and checks it: against the digest that it is asked for by, or else against the one that the
 * registry names.
 *
 * @param reference a tag or a digest
 * @param guard is told of each part that comes
 * @throws {Failure} `integrity` where the digest or the shape is wrong
 */
export async function fetchManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  guard: Pick<StallGuard, "signal" | "took">,
): Promise<Manifest> {
  const { signal } = guard;
  const name = `${client.host}/${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
  const purpose = `find "${name}"`;
  const damaged = (why: string) =>
    damageFailure(`manifest of "${name}"`, why, { host: client.host });
  const { response } = await client.request({
    repository,
    path: `manifests/${reference}`,
    headers: { Accept: MEDIA_TYPES.join(", ") },
    purpose,
    signal,
  });
  const bytes = await readBody(response, MAX_MANIFEST_BYTES, (count) => guard.took(count)).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof RangeError)) throw networkFailure(error, purpose, client.host);
      throw damaged("it is longer than 4 MiB");
    },
  );
  const promised = reference.includes(":")
    ? reference
    : response.headers.get("Docker-Content-Digest");
  const digest = await digestOf(bytes, promised?.split(":")[0] ?? "sha256");
  if (promised !== null && digest !== promised) {
    throw damaged(`its digest is ${digest}, not ${promised}`);
  }
  try {
    return { ...parseManifest(bytes), digest, bytes };
  } catch (error) {
    throw damaged(messageOf(error));
  }
}

/**
 * Asks what refers to a manifest: the first page, which is of at least as many as anybody signs.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 *
 * @throws {Failure} `not found` where the registry has no such API
 */
export async function fetchReferrers(
  client: RegistryClient,
  repository: string,
  digest: string,
  guard: Pick<StallGuard, "signal" | "took">,
): Promise<Descriptor[]> {
  const { signal } = guard;
  const name = `${client.host}/${repository}@${digest}`;
  const purpose = `find what refers to "${name}"`;
  const path = `referrers/${digest}`;
  const headers = { Accept: INDEX_TYPES[0] };
  const { response } = await client.request({ repository, path, headers, purpose, signal });
  try {
    const bytes = await readBody(response, MAX_MANIFEST_BYTES, (count) => guard.took(count));
    return parseManifest(bytes).manifests;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) throw networkFailure(error, purpose, client.host);
    throw damageFailure(`list of referrers of "${name}"`, messageOf(error), { host: client.host });
  }
}

/** @throws {Error} where the bytes are not a manifest */
export function parseManifest(bytes: Uint8Array): Omit<Manifest, "digest" | "bytes"> {
  const value = asObject(parseForeign(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  if (value?.schemaVersion !== 2) {
    throw new Error("it is not an OCI manifest");
  }
  const { config, manifests = [], artifactType, annotations } = value;
  // Kit writes `null` where a ModelKit is nothing but its Kitfile.
  const layers = value.layers ?? [];
  const { mediaType = "manifests" in value ? INDEX_TYPES[0] : IMAGE_TYPES[0] } = value;
  // The gateway sends it to kit in a header.
  const isType = typeof mediaType === "string" && /^[\x21-\x7e]+$/.test(mediaType);
  if (!isType || !Array.isArray(layers) || !Array.isArray(manifests)) {
    throw new Error("it is not an OCI manifest");
  }
  return {
    mediaType,
    artifactType: textOf(artifactType),
    annotations: textsOf(annotations),
    config: config === undefined ? undefined : parseDescriptor(config),
    layers: layers.map(parseDescriptor),
    manifests: manifests.map(parseDescriptor),
  };
}

function parseDescriptor(value: unknown): Descriptor {
  const { mediaType, digest, size, annotations, artifactType } = (value ?? {}) as Record<
    string,
    unknown
  >;
  if (typeof digest !== "string" || !/^sha(256|384|512):[a-f0-9]+$/.test(digest)) {
    throw new Error("a layer has no digest");
  }
  const problem = problemOfSize(size);
  if (problem !== undefined) throw new Error(`the blob ${digest} ${problem}`);
  return {
    mediaType: textOf(mediaType) ?? "",
    digest,
    size: size as number,
    annotations: textsOf(annotations),
    artifactType: textOf(artifactType),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function textsOf(value: unknown): Record<string, string> {
  const texts = Object.entries(value ?? {}).filter((entry): entry is [string, string] =>
    typeof entry[1] === "string"
  );
  return Object.fromEntries(texts);
}
