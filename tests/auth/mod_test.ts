import assert from "node:assert/strict";
import { credentialsFor, type Source, SOURCES } from "../../lib/auth/mod.ts";
import { Failure } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { failureOf } from "../support/failure.ts";
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
    "Google",
    "Azure ACR",
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
  assert.match(context.lines[0], /Signing in to "ghcr.io" with source of a$/);
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

const URIS = ["kit://a.test/org/model:1", "kit://b.test/org/model:1", "kit://c.test/org/model:1"];

/** A source that answers when the test says so, and records what it is asked for. */
function slowSource() {
  const asked: string[] = [];
  const answers = new Map<string, PromiseWithResolvers<undefined>>();
  const source: Source = {
    name: "slow",
    credentialsFor: ({ host }) => {
      asked.push(host);
      answers.set(host, Promise.withResolvers());
      return answers.get(host)!.promise;
    },
  };
  return { source, asked, answer: (host: string) => answers.get(host)! };
}

Deno.test("whoever asks first starts the sign-ins to the hosts of all pairs", async () => {
  const context = testContext({ uris: URIS });
  const { source, asked, answer } = slowSource();
  const ask = (host: string) =>
    credentialsFor({ host, repository: "org/model" }, context, [source]);
  const first = ask("b.test");
  assert.deepEqual(asked, ["a.test", "b.test", "c.test"], "all before the first answer");
  for (const host of asked) answer(host).resolve(undefined);
  await first;
  await Promise.all(["a.test", "b.test", "c.test"].map(ask));
  assert.equal(asked.length, 3, "each of them once");
});

Deno.test("nothing is asked as long as nobody needs credentials, and only used ones are logged", async () => {
  const context = testContext({ uris: URIS });
  const source = fakeSource("a", someone("a"));
  assert.equal(source.calls, 0);
  await credentialsFor({ host: "a.test", repository: "org/model" }, context, [source]);
  assert.equal(source.calls, 3);
  assert.equal(context.lines.length, 1);
});

Deno.test("an answer that has expired when it comes is used all the same, by all who wait for it", async () => {
  const context = testContext({ uris: URIS });
  const source = fakeSource("a", someone("a", 0));
  const ask = () => credentialsFor({ host: "a.test", repository: "org/model" }, context, [source]);
  await Promise.all([ask(), ask()]);
  assert.equal(source.calls, 3, "once for each host");
});

const early: [name: string, failure: Failure, calls: number][] = [
  ["for good is thrown to who needs it, and not asked again", new Failure("auth", "no"), 1],
  ["for a while is asked again when needed", new Failure("unavailable", "busy"), 2],
];
for (const [name, failure, calls] of early) {
  Deno.test(`a sign-in that nobody needs yet and that fails ${name}`, async () => {
    const context = testContext({ uris: URIS });
    const { source, asked, answer } = slowSource();
    const ask = (host: string) =>
      credentialsFor({ host, repository: "org/model" }, context, [source]);
    const first = ask("a.test");
    answer("b.test").reject(failure);
    answer("c.test").reject(failure);
    answer("a.test").resolve(undefined);
    assert.equal(await first, undefined, "the run does not fail for it");
    const second = ask("b.test");
    // A repeated question is answered like the first.
    answer("b.test").reject(failure);
    const { outcome, message } = await failureOf(() => second);
    assert.deepEqual([outcome, message], [failure.outcome, failure.message]);
    assert.equal(asked.filter((host) => host === "b.test").length, calls);
  });
}

Deno.test("a source's failure is not tried again by the request that waits for it", async () => {
  const given = new Failure("unavailable", "busy", { hint: "wait", host: "ghcr.io", cause: 1 });
  const sources = [fakeSource("a", () => Promise.reject(given))];
  const failure = await failureOf(() => credentialsFor(SCOPE, testContext(), sources));
  const { transient, outcome, message, hint, host, cause } = failure;
  assert.equal(transient, false);
  assert.deepEqual([outcome, message, hint, host, cause], [
    ...["unavailable", "busy", "wait", "ghcr.io", 1],
  ]);
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
