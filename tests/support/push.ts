import assert from "node:assert/strict";
import { blobPath } from "../../tools/registry.ts";
import { sha256 } from "./fake_blob.ts";
import type { TestWorld } from "./world.ts";

interface Kitfile {
  model?: { path: string };
  datasets?: { path: string; remotePath?: string }[];
}

/**
 * Puts a manifest into the world's registry, as other tools than kit make them. Returns its digest.
 *
 * @param name `REPOSITORY:TAG`
 */
export async function putManifest(
  world: TestWorld,
  name: string,
  manifest: { mediaType: string },
): Promise<string> {
  const [repository, tag] = name.split(":");
  const answer = await ask(world, `${repository}/manifests/${tag}`, {
    method: "PUT",
    headers: { "Content-Type": manifest.mediaType },
    body: JSON.stringify(manifest),
  });
  return answer.headers.get("Docker-Content-Digest")!;
}

/**
 * Puts a ModelKit again, with another Kitfile: kit itself packs one that refers to another ModelKit only where that
 * one's registry speaks TLS. Returns its URI.
 *
 * @param name `REPOSITORY:TAG`; the ModelKit of that digest must be in the same repository
 */
export async function putChanged(
  world: TestWorld,
  name: string,
  { digest, change }: { digest: string; change: (kitfile: Kitfile) => Kitfile },
): Promise<string> {
  const [repository] = name.split(":");
  const manifest = JSON.parse(await Deno.readTextFile(blobPath(world.registry, digest)));
  const path = blobPath(world.registry, manifest.config.digest);
  const kitfile = change(JSON.parse(await Deno.readTextFile(path)));
  const bytes = new TextEncoder().encode(JSON.stringify(kitfile));
  manifest.config = { ...manifest.config, ...await putBlob(world, repository, bytes) };
  await putManifest(world, name, manifest);
  return `kit://${world.host}/${name}`;
}

/**
 * Puts a ModelKit again, with other bytes for its first layer. Returns its URI.
 *
 * @param name `REPOSITORY:TAG`; the ModelKit of that digest must be in the same repository
 */
export async function putLayer(
  world: TestWorld,
  name: string,
  { digest, layer }: { digest: string; layer: Uint8Array<ArrayBuffer> },
): Promise<string> {
  const [repository] = name.split(":");
  const read = (digest: string) => Deno.readTextFile(blobPath(world.registry, digest));
  const manifest = JSON.parse(await read(digest));
  const [first] = manifest.layers;
  const kitfile = (await read(manifest.config.digest)).replaceAll(first.digest, sha256(layer));
  const config = new TextEncoder().encode(kitfile);
  Object.assign(first, await putBlob(world, repository, layer));
  Object.assign(manifest.config, await putBlob(world, repository, config));
  await putManifest(world, name, manifest);
  return `kit://${world.host}/${name}`;
}

/** Puts bytes into a repository, to be named by a manifest. */
export async function putBlob(
  world: TestWorld,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ digest: string; size: number }> {
  const upload = await ask(world, `${repository}/blobs/uploads/`, { method: "POST" });
  const location = new URL(upload.headers.get("Location")!, `http://${world.host}`);
  location.searchParams.set("digest", sha256(bytes));
  await ask(world, location.href, { method: "PUT", body: bytes });
  return { digest: sha256(bytes), size: bytes.byteLength };
}

/** @param path a URL, or what comes after `/v2/` */
async function ask(world: TestWorld, path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  const login = world.login;
  if (login !== undefined) {
    headers.set("Authorization", `Basic ${btoa(`${login.user}:${login.password}`)}`);
  }
  const answer = await fetch(new URL(path, `http://${world.host}/v2/`), { ...init, headers });
  const text = await answer.text();
  assert.ok(answer.ok, `${answer.status}: ${text}`);
  return answer;
}
