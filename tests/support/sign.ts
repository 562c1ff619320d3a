import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { putBlob, putManifest } from "./push.ts";
import {
  BUNDLE_TYPE,
  bundleOf,
  type KeyPair,
  payloadOf,
  signWith,
  statementOf,
  taggedOf,
} from "./signing.ts";
import type { TestWorld } from "./world.ts";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

/** What is signed, and where the signature goes. */
export interface Signing {
  repository: string;
  /** Of the manifest that the signature is stored with. */
  digest: string;
  pair: KeyPair;
  /** What the signature says that it is of; default: the same. */
  claim?: string;
}

/** Signs as cosign 3 does: a bundle that refers to the manifest. Returns the digest of the bundle's manifest. */
export async function signByBundle(
  world: TestWorld,
  { repository, digest, pair, claim = digest }: Signing,
  change: (bundle: Record<string, unknown>) => void = () => {},
): Promise<string> {
  const bundle = await bundleOf(statementOf(claim), { sign: signWith(pair) });
  change(bundle as Record<string, unknown>);
  const layer = { mediaType: BUNDLE_TYPE, ...await putBlob(world, repository, encode(bundle)) };
  const empty = await putBlob(world, repository, encode({}));
  const subject = { mediaType: MANIFEST_TYPE, digest, size: 1 };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: BUNDLE_TYPE,
    config: { mediaType: "application/vnd.oci.empty.v1+json", ...empty },
    layers: [layer],
    subject,
  };
  const bundleDigest = await putManifest(world, `${repository}:bundle`, manifest);
  await putManifest(world, `${repository}:${digest.replace(":", "-")}`, {
    schemaVersion: 2,
    mediaType: INDEX_TYPE,
    manifests: [{
      mediaType: MANIFEST_TYPE,
      digest: bundleDigest,
      size: encode(manifest).length,
      artifactType: BUNDLE_TYPE,
    }],
  } as { mediaType: string });
  return bundleDigest;
}

/** Signs as cosign did before: under a tag that is made of the digest. */
export async function signByTag(
  world: TestWorld,
  { repository, digest, pair, claim = digest }: Signing,
  change: (payload: Record<string, unknown>) => void = () => {},
): Promise<void> {
  const payload = payloadOf(claim) as Record<string, unknown>;
  const { layer } = taggedOf(payload, signWith(pair));
  change(payload);
  const stored = { ...layer, ...await putBlob(world, repository, encode(payload)) };
  await putManifest(world, `${repository}:${digest.replace(":", "-")}.sig`, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      ...await putBlob(world, repository, encode({})),
    },
    layers: [stored],
  } as { mediaType: string });
}

/** What the registry was asked for from now on, of the blobs that the ModelKit of this digest has. */
export async function blobsAsked({ registry }: TestWorld, digest: string) {
  const manifest = JSON.parse(await Deno.readTextFile(blobPath(registry, digest)));
  const blobs: string[] = [manifest.config, ...manifest.layers].map(({ digest }) => digest);
  const before = registry.log().length;
  return () => {
    const lines = registry.log().slice(before).split("\n");
    assert.ok(lines.some((line) => line.includes(digest) || line.includes("/manifests/")));
    return blobs.filter((blob) => lines.some((line) => line.includes(`/blobs/${blob}`)));
  };
}
