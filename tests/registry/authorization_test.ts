import assert from "node:assert/strict";
import type { Credentials } from "../../lib/auth/source.ts";
import { Authorization } from "../../lib/registry/authorization.ts";
import { Failure } from "../../lib/errors.ts";
import type { Challenge } from "../../lib/registry/challenge.ts";
import { knownSecrets, Secret } from "../../lib/secret.ts";
import { failureOf } from "../support/failure.ts";
import { breaking, type Site, TestNetwork } from "../support/network.ts";

const REALM = "https://auth.test/token";
const HOST = "registry.test";
const signal = new AbortController().signal;
const ALICE = { username: "alice", password: new Secret("pässword:1"), source: "a test" };
const ALICE_HEADER = `Basic ${
  btoa(String.fromCharCode(...new TextEncoder().encode("alice:pässword:1")))
}`;
const BASIC: Challenge = { scheme: "basic", parameters: { realm: "x" } };

const bearer = (parameters: Record<string, string> = {}): Challenge => ({
  scheme: "bearer",
  parameters: { realm: REALM, service: "registry.test", ...parameters },
});

/** An authorization for one repository, and the network where it gets its tokens. */
function world(site: Site, options: { credentials?: Credentials; plainHttp?: boolean } = {}) {
  const network = new TestNetwork({ "https://auth.test": site, "http://auth.test": site });
  const clock = { now: 1_000_000 };
  const authorization = new Authorization({
    host: HOST,
    repository: "org/model",
    plainHttp: options.plainHttp ?? false,
    fetch: network.fetch,
    credentials: () => Promise.resolve(options.credentials),
    now: () => clock.now,
  });
  return {
    network,
    clock,
    authorization,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

const token = (value: string, more: object = {}) => () => Response.json({ token: value, ...more });

Deno.test("authorization: none until the registry asks", async () => {
  await using here = world(token("t1"));
  assert.equal(await here.authorization.header(signal), undefined);
  assert.deepEqual(here.network.visits, []);
});

Deno.test("bearer, anonymous: service and scope are sent, and no credentials", async () => {
  await using here = world(token("t1"));
  assert.equal(
    await here.authorization.answer(
      [bearer({ scope: "repository:org/model:pull" })],
      undefined,
      signal,
    ),
    true,
  );
  assert.equal((await here.authorization.header(signal))?.reveal(), "Bearer t1");
  const [{ method, url, headers, body }] = here.network.visits;
  assert.equal(method, "GET");
  assert.deepEqual([...new URL(url).searchParams], [
    ["service", "registry.test"],
    ["scope", "repository:org/model:pull"],
  ]);
  assert.equal(headers.get("Authorization"), null);
  assert.equal(body, "");
});

Deno.test("bearer with a user: Basic in UTF-8, to the token server", async () => {
  await using here = world(token("t1"), { credentials: ALICE });
  await here.authorization.answer([bearer()], undefined, signal);
  assert.equal(here.network.visits[0].headers.get("Authorization"), ALICE_HEADER);
});

Deno.test("bearer: several scopes are several parameters, the realm's own query stays", async () => {
  await using here = world(token("t1"));
  const scope = "repository:org/model:pull repository:org/base:pull";
  await here.authorization.answer(
    [bearer({ realm: `${REALM}?account=x`, scope })],
    undefined,
    signal,
  );
  const { searchParams } = new URL(here.network.visits[0].url);
  assert.deepEqual(searchParams.getAll("scope"), scope.split(" "));
  assert.equal(searchParams.get("account"), "x");
});

Deno.test("bearer without scope and service: reading the repository is asked for, and no service", async () => {
  await using here = world(token("t1"));
  await here.authorization.answer(
    [{ scheme: "bearer", parameters: { realm: REALM } }],
    undefined,
    signal,
  );
  assert.deepEqual([...new URL(here.network.visits[0].url).searchParams], [
    ["scope", "repository:org/model:pull"],
  ]);
});

Deno.test("bearer with a refresh token: the form of OAuth2, and nothing in the URL", async () => {
  const credentials = { username: "", password: new Secret("refresh+me/42"), source: "a test" };
  await using here = world(() => Response.json({ access_token: "t2", expires_in: 300 }), {
    credentials,
  });
  await here.authorization.answer([bearer({ scope: "a b" })], undefined, signal);
  assert.equal((await here.authorization.header(signal))?.reveal(), "Bearer t2");
  const [{ method, url, headers, body }] = here.network.visits;
  assert.equal(method, "POST");
  assert.equal(url, REALM);
  assert.equal(headers.get("Authorization"), null);
  assert.match(headers.get("Content-Type") ?? "", /^application\/x-www-form-urlencoded/);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(body)), {
    grant_type: "refresh_token",
    client_id: "kit-storage-initializer",
    service: "registry.test",
    scope: "a b",
    refresh_token: "refresh+me/42",
  });
});

Deno.test("a token is a secret from the moment it is there", async () => {
  await using here = world(token("token-that-must-be-known"));
  await here.authorization.answer([bearer()], undefined, signal);
  assert.ok(knownSecrets().includes("token-that-must-be-known"));
});

const LIVES: [name: string, expires: unknown, lifeMs: number][] = [
  ["2 s", 2, 2000],
  ["an hour", 3600, 3_600_000],
  ["none, which stands for a minute", undefined, 60_000],
  ["zero, which stands for a minute", 0, 60_000],
  ["text, which stands for a minute", "300", 60_000],
];

for (const [name, expires_in, lifeMs] of LIVES) {
  Deno.test(`a token with a life of ${name} is renewed before its end, and not earlier`, async () => {
    let count = 0;
    await using here = world(() => Response.json({ token: `t${++count}`, expires_in }));
    const { authorization, clock } = here;
    await authorization.answer([bearer()], undefined, signal);
    clock.now += lifeMs * 0.9 - 1;
    assert.equal((await authorization.header(signal))?.reveal(), "Bearer t1");
    clock.now += 2;
    assert.equal((await authorization.header(signal))?.reveal(), "Bearer t2");
    assert.equal((await authorization.header(signal))?.reveal(), "Bearer t2");
    assert.equal(count, 2);
  });
}

Deno.test("requests that are refused at the same time share one new token", async () => {
  let count = 0;
  await using here = world(() => Response.json({ token: `t${++count}` }));
  const { authorization } = here;
  const answers = Array.from(
    { length: 8 },
    () => authorization.answer([bearer()], undefined, signal),
  );
  assert.deepEqual(await Promise.all(answers), Array(8).fill(true));
  assert.equal(count, 1);
});

Deno.test("a refusal of a token that was renewed meanwhile asks for nothing", async () => {
  let count = 0;
  await using here = world(() => Response.json({ token: `t${++count}` }));
  const { authorization } = here;
  await authorization.answer([bearer()], undefined, signal);
  const old = await authorization.header(signal);
  assert.equal(await authorization.answer([bearer()], old, signal), true);
  assert.equal(await authorization.answer([bearer()], old, signal), true);
  assert.equal(count, 2);
});

Deno.test("a failed renewal is not remembered: the next one may succeed", async () => {
  let count = 0;
  await using here = world(() =>
    ++count === 1 ? new Response("", { status: 503 }) : Response.json({ token: "t2" })
  );
  const failure = await failureOf(() => here.authorization.answer([bearer()], undefined, signal));
  assert.deepEqual([failure.outcome, failure.transient], ["unavailable", true]);
  assert.equal(await here.authorization.answer([bearer()], undefined, signal), true);
});

Deno.test("a request for a token ends with the request that needs it, and not with an earlier one", async () => {
  let count = 0;
  await using here = world(() =>
    ++count === 1 ? here.network.never() : Response.json({ token: "t2" })
  );
  const first = new AbortController();
  const asked = here.authorization.answer([bearer()], undefined, first.signal);
  const stalled = new Failure("timeout", "Cannot wait any longer");
  setTimeout(() => first.abort(stalled), 10);
  assert.equal(await failureOf(() => asked), stalled);
  assert.equal(await here.authorization.answer([bearer()], undefined, signal), true);
});

Deno.test("basic: the password is sent once it is asked for, and a second refusal is final", async () => {
  await using here = world(token("unused"), { credentials: ALICE });
  const { authorization } = here;
  assert.equal(await authorization.answer([BASIC], undefined, signal), true);
  const header = await authorization.header(signal);
  assert.equal(header?.reveal(), ALICE_HEADER);
  assert.equal(await authorization.answer([BASIC], header, signal), false);
  assert.deepEqual(here.network.visits, []);
});

const TOKEN_OF_REGISTRY = { ...ALICE, username: "", password: new Secret("t0ken"), isBearer: true };

Deno.test("a bearer token is sent as it is, and a second refusal is final", async () => {
  await using here = world(token("unused"), { credentials: TOKEN_OF_REGISTRY });
  const { authorization } = here;
  assert.equal(await authorization.header(signal), undefined, "not before the registry asks");
  assert.equal(await authorization.answer([BASIC, bearer()], undefined, signal), true);
  const header = await authorization.header(signal);
  assert.equal(header?.reveal(), "Bearer t0ken");
  assert.equal(await authorization.answer([bearer()], header, signal), false);
  assert.deepEqual(here.network.visits, []);
});

const NO_ANSWER: [name: string, challenges: Challenge[], credentials?: Credentials][] = [
  ["basic without credentials", [BASIC]],
  ["basic with a refresh token only", [BASIC], { ...ALICE, username: "" }],
  ["basic with a bearer token only", [BASIC], TOKEN_OF_REGISTRY],
  ["another scheme", [{ scheme: "negotiate", parameters: {} }], ALICE],
  ["no challenge", [], ALICE],
];

for (const [name, challenges, credentials] of NO_ANSWER) {
  Deno.test(`${name}: there is no answer`, async () => {
    await using here = world(token("unused"), { credentials });
    assert.equal(await here.authorization.answer(challenges, undefined, signal), false);
    assert.equal(await here.authorization.header(signal), undefined);
  });
}

Deno.test("bearer goes before basic", async () => {
  await using here = world(token("t1"), { credentials: ALICE });
  await here.authorization.answer([BASIC, bearer()], undefined, signal);
  assert.equal((await here.authorization.header(signal))?.reveal(), "Bearer t1");
});

const REALMS: [name: string, realm: string | undefined, plainHttp: boolean, says?: RegExp][] = [
  [
    "plain HTTP where the registry is TLS",
    "http://auth.test/token",
    false,
    /its realm is not an https URL$/,
  ],
  ["plain HTTP where plain HTTP is wanted", "http://auth.test/token", true],
  ["TLS where plain HTTP is wanted", REALM, true],
  ["no URL", "auth.test/token", true, /its realm is not an https URL$/],
  ["a file", "file:///etc/passwd", true, /its realm is not an https URL$/],
  ["absent", undefined, true, /its realm is not an https URL$/],
  [
    "a cloud's metadata",
    "https://169.254.169.254/latest",
    false,
    /its realm cannot be used: it leads to .*link-local address$/,
  ],
  [
    "a cloud's metadata by plain HTTP",
    "http://169.254.169.254/latest",
    true,
    /its realm cannot be used: it leads to .*link-local address$/,
  ],
  [
    "this machine itself",
    "https://localhost/token",
    false,
    /its realm cannot be used: it leads to .*this machine itself$/,
  ],
];

for (const [name, realm, plainHttp, says] of REALMS) {
  Deno.test(`a realm that is ${name} is ${says === undefined ? "asked" : "refused"}`, async () => {
    await using here = world(token("t1"), { credentials: ALICE, plainHttp });
    const parameters: Record<string, string> = realm === undefined ? {} : { realm };
    const work = () =>
      here.authorization.answer([{ scheme: "bearer", parameters }], undefined, signal);
    if (says === undefined) return assert.equal(await work(), true);
    const failure = await failureOf(work);
    assert.deepEqual([failure.outcome, failure.transient, failure.host], ["auth", false, HOST]);
    assert.match(failure.message, says);
    assert.match(failure.hint ?? "", /^Look at the token server that "registry.test" names/);
    assert.deepEqual([here.network.visits, here.network.strays], [[], []]);
  });
}

const redirect = new Response(null, { status: 307, headers: { Location: "https://evil.test/" } });
const BAD_ANSWERS: [name: string, answer: () => Response, outcome: string, says: RegExp][] = [
  ["401", () => new Response("", { status: 401 }), "auth", /answered 401/],
  ["403", () => new Response("", { status: 403 }), "auth", /answered 403/],
  [
    "404",
    () => new Response("", { status: 404 }),
    "auth",
    /the token server answered 404 \(not found\)$/,
  ],
  ["429", () => new Response("", { status: 429 }), "unavailable", /answered 429/],
  ["503", () => new Response("", { status: 503 }), "unavailable", /answered 503/],
  ["no JSON", () => new Response("<html>"), "auth", /the answer has none/],
  ["null", () => new Response("null"), "auth", /the answer has none/],
  ["an empty token", token(""), "auth", /the answer has none/],
  ["a token with a line break", token("a\r\nX-Header: b"), "auth", /the answer has none/],
  ["a token with a space", token("a b"), "auth", /the answer has none/],
  ["a number", () => Response.json({ token: 42 }), "auth", /the answer has none/],
  ["300 KiB", token("x".repeat(300 * 1024)), "auth", /the answer is too long/],
  [
    "half of it, then a break",
    () => new Response(breaking(new Uint8Array([123]))),
    "unavailable",
    /./,
  ],
  ["a redirect", () => redirect.clone(), "unavailable", /./],
];

for (const [name, answer, outcome, says] of BAD_ANSWERS) {
  Deno.test(`a token server that answers with ${name}: ${outcome}`, async () => {
    await using here = world(answer, { credentials: ALICE });
    const failure = await failureOf(() => here.authorization.answer([bearer()], undefined, signal));
    assert.deepEqual([failure.outcome, failure.host], [outcome, HOST]);
    assert.match(failure.message, says);
    assert.match(failure.message, /^Cannot get a token for "registry.test": /);
    assert.equal(await here.authorization.header(signal), undefined);
    assert.equal(here.network.visits.length, 1);
  });
}
