import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/user_password.ts";
import { testContext } from "./context.ts";

const rows: { name: string; registry?: string; host: string; isMine: boolean }[] = [
  { name: "the same host", registry: "ghcr.io", host: "ghcr.io", isMine: true },
  { name: "the same host in capitals", registry: "GHCR.io", host: "ghcr.IO", isMine: true },
  {
    name: "the same host and port",
    registry: "localhost:5000",
    host: "localhost:5000",
    isMine: true,
  },
  { name: "KIT_REGISTRY as a URL", registry: "https://ghcr.io/", host: "ghcr.io", isMine: true },
  {
    name: "Docker Hub's API name",
    registry: "https://index.docker.io/v1/",
    host: "docker.io",
    isMine: true,
  },
  { name: "another host", registry: "ghcr.io", host: "quay.io", isMine: false },
  { name: "another port", registry: "localhost:5000", host: "localhost:5001", isMine: false },
  { name: "no port", registry: "localhost:5000", host: "localhost", isMine: false },
  { name: "a look-alike behind", registry: "ghcr.io", host: "ghcr.io.example.com", isMine: false },
  { name: "a look-alike in front", registry: "ghcr.io", host: "example-ghcr.io", isMine: false },
  {
    name: "a look-alike of Docker Hub",
    registry: "docker.io",
    host: "evil.docker.io",
    isMine: false,
  },
  { name: "no host known", registry: undefined, host: "ghcr.io", isMine: false },
];

for (const { name, registry, host, isMine } of rows) {
  Deno.test(`KIT_USER for ${registry} and host ${host}: ${name}`, async () => {
    const context = testContext({
      environment: { KIT_USER: "me", KIT_PASSWORD: "pass:word" },
      registry,
    });
    const credentials = await credentialsFor({ host, repository: "org/model" }, context);
    assert.equal(credentials?.username, isMine ? "me" : undefined);
    assert.equal(credentials?.password.reveal(), isMine ? "pass:word" : undefined);
  });
}

Deno.test("without KIT_USER the source has nothing", async () => {
  const context = testContext({ registry: "ghcr.io" });
  assert.equal(await credentialsFor({ host: "ghcr.io", repository: "a/b" }, context), undefined);
});
