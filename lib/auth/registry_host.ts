/**
 * Docker Hub's names, all of which mean the same registry. docker writes `https://index.docker.io/v1/` into its
 * config, references say `docker.io`, and requests go to `registry-1.docker.io`.
 * https://github.com/distribution/reference/blob/main/normalize.go
 */
const DOCKER_HUB_HOSTS = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** A host in the one form that hosts are compared in: lower case, and one name for Docker Hub. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return DOCKER_HUB_HOSTS.includes(lower) ? "docker.io" : lower;
}

/**
 * Where a registry's address, as people write it, points to: with or without scheme, with or without a path.
 * `https://index.docker.io/v1/` is `docker.io` without a path, `ghcr.io/org/team` is `ghcr.io` and `org/team`.
 */
export function parseRegistryAddress(address: string): { host: string; path: string } {
  const [host, ...segments] = address.trim().replace(/^https?:\/\//i, "").split("/");
  // The API's version is no part of a repository's name. kubelet drops it too:
  // https://github.com/kubernetes/kubernetes/blob/master/pkg/credentialprovider/keyring.go
  if (segments[0] === "v1" || segments[0] === "v2") segments.shift();
  while (segments.at(-1) === "") segments.pop();
  return { host: canonicalHost(host), path: segments.join("/") };
}
