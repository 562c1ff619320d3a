import assert from "node:assert/strict";
import { credentialsFor, type Source, SOURCES } from "../../lib/auth/mod.ts";
import { Failure } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { testContext } from "./context.ts";

const SCOPE = { host: "ghcr.io", repository: "org/model" };

/** A source that counts its calls; `answer` gets the number of the call. */
function fakeSource(name: string, answer: (call: number) => ReturnType<Source["credentialsFor"]>) {
  const source = {
    name,
    calls: 0,
    perRepository: false,
    credentialsFor: () => answer(++source.calls),
  };
  return source;
}

const nothing = () => Promise.resolve(undefined);
const someone = (username: string, expiresAt?: number) => () =>
  Promise.resolve({
    username,
    password: new Secret("hunter2-secret"),
    source: username,
    expiresAt,
  });

Deno.test("sources are asked in the order of the contract", () => {
  assert.deepEqual(SOURCES.map((source) => source.name), [
    "KIT_USER and KIT_PASSWORD",
    "docker config",
    "AWS ECR",
  ]);
});

Deno.test("the first source that has credentials wins, and later ones are not asked", async () => {
  const sources = [
    fakeSource("a", nothing),
    fakeSource("b", someone("b")),
    fakeSource("c", someone("c")),
  ];
  assert.equal((await credentialsFor(SCOPE, testContext(), sources))?.username, "b");
  assert.deepEqual(sources.map((source) => source.calls), [1, 1, 0]);
});

Deno.test("without any source it is anonymous, and the log says so once", async () => {
  const context = testContext();
  assert.equal(await credentialsFor(SCOPE, context, [fakeSource("a", nothing)]), undefined);
  assert.equal(await credentialsFor(SCOPE, context, [fakeSource("a", nothing)]), undefined);
  assert.equal(context.lines.length, 1);
  assert.match(context.lines[0], /Reading from "ghcr.io" without signing in/);
});

Deno.test("the log names host and source once, and never the secret", async () => {
  const context = testContext();
  const sources = [fakeSource("a", someone("source of a"))];
  for (let count = 0; count < 3; count++) await credentialsFor(SCOPE, context, sources);
  assert.equal(context.lines.length, 1);
  assert.match(context.lines[0], /Signing in to "ghcr.io" with source of a host=ghcr.io$/);
  assert.ok(!context.lines.join().includes("hunter2-secret"));
});

Deno.test("a source that throws is final: neither the next one nor anonymous", async () => {
  const failure = new Failure("auth", "broken");
  const sources = [fakeSource("a", () => Promise.reject(failure)), fakeSource("b", someone("b"))];
  await assert.rejects(credentialsFor(SCOPE, testContext(), sources), failure);
  assert.equal(sources[1].calls, 0);
});

Deno.test("ten requests at the same time ask a source once for each host", async () => {
  const context = testContext();
  const source = fakeSource("a", someone("a"));
  const scopes = Array.from({ length: 10 }, (_, index) => ({
    host: index % 2 === 0 ? "ghcr.io" : "quay.io",
    repository: `org/model-${index}`,
  }));
  await Promise.all(scopes.map((scope) => credentialsFor(scope, context, [source])));
  assert.equal(source.calls, 2);
});

Deno.test("a source whose answer depends on the repository is asked for each repository", async () => {
  const context = testContext();
  const source = { ...fakeSource("a", nothing), perRepository: true };
  const asked: string[] = [];
  source.credentialsFor = (scope?: { repository: string }) => {
    asked.push(scope!.repository);
    return nothing();
  };
  for (const repository of ["one", "two", "one"]) {
    await credentialsFor({ host: "ghcr.io", repository }, context, [source]);
  }
  assert.deepEqual(asked, ["one", "two"]);
});

Deno.test("two runs have nothing in common", async () => {
  const source = fakeSource("a", someone("a"));
  await credentialsFor(SCOPE, testContext(), [source]);
  await credentialsFor(SCOPE, testContext(), [source]);
  assert.equal(source.calls, 2);
});

Deno.test("credentials that are about to expire are asked for anew, once for all who wait", async () => {
  const context = testContext();
  const source = fakeSource(
    "a",
    (call) => someone(`call ${call}`, call === 1 ? Date.now() + 1000 : undefined)(),
  );
  const ask = () => credentialsFor(SCOPE, context, [source]);
  assert.equal((await ask())?.username, "call 1");
  const renewed = await Promise.all([ask(), ask(), ask()]);
  assert.deepEqual(renewed.map((credentials) => credentials?.username), [
    "call 2",
    "call 2",
    "call 2",
  ]);
  assert.equal((await ask())?.username, "call 2");
});

Deno.test("KIT_USER wins over the docker config, and the docker config over ECR", async () => {
  const host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
  const auths = { auths: { [host]: { auth: btoa("docker:pass-of-docker") } } };
  const environment = {
    KIT_DOCKER_CONFIG_JSON: JSON.stringify(auths),
    AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "key-of-aws",
  };
  const scope = { host, repository: "org/model" };
  // Neither world has a network: ECR would throw.
  const docker = await credentialsFor(scope, testContext({ environment }));
  assert.equal(docker?.username, "docker");
  const user = {
    ...environment,
    KIT_USER: "user",
    KIT_PASSWORD: "pass-of-user",
    KIT_REGISTRY: host,
  };
  assert.equal((await credentialsFor(scope, testContext({ environment: user })))?.username, "user");
});
