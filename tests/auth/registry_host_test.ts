import assert from "node:assert/strict";
import { parseRegistryAddress } from "../../lib/auth/registry_host.ts";

const rows: [address: string, host: string, path: string][] = [
  ["ghcr.io", "ghcr.io", ""],
  ["GHCR.IO", "ghcr.io", ""],
  ["https://ghcr.io", "ghcr.io", ""],
  ["HTTPS://ghcr.io/", "ghcr.io", ""],
  ["http://localhost:5000", "localhost:5000", ""],
  ["ghcr.io/org/team", "ghcr.io", "org/team"],
  ["https://ghcr.io/org/team//", "ghcr.io", "org/team"],
  ["https://index.docker.io/v1/", "docker.io", ""],
  ["index.docker.io", "docker.io", ""],
  ["registry-1.docker.io", "docker.io", ""],
  ["docker.io/library", "docker.io", "library"],
  ["https://registry.example.com/v2/", "registry.example.com", ""],
  ["https://registry.example.com/v2/org", "registry.example.com", "org"],
  ["registry.example.com/v2ray", "registry.example.com", "v2ray"],
  ["evil.docker.io", "evil.docker.io", ""],
];

for (const [address, host, path] of rows) {
  Deno.test(`"${address}" is the host ${host} and the path "${path}"`, () => {
    assert.deepEqual(parseRegistryAddress(address), { host, path });
  });
}
