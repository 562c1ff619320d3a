import assert from "node:assert/strict";
import type { Credentials } from "../../lib/auth/source.ts";
import { RegistryClient, type RegistryRequest } from "../../lib/registry/client.ts";
import { Failure } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { failureOf } from "../support/failure.ts";
import { type Site, TestNetwork, type Visit } from "../support/network.ts";

const REGISTRY = "https://registry.test";
const STORAGE = "https://storage.test";
const AUTH = "https://auth.test";
const ALICE: Credentials = {
  username: "alice",
  password: new Secret("correct-horse-client"),
  source: "a test",
};
const BASIC = `Basic ${btoa("alice:correct-horse-client")}`;

function world(sites: Record<string, Site>, credentials?: Credentials, host = "registry.test") {
  const network = new TestNetwork(sites);
  const client = new RegistryClient({
    host,
    plainHttp: false,
    fetch: network.fetch,
    credentialsFor: (repository) => {
      assert.match(repository, /^org\//);
      return Promise.resolve(credentials);
    },
  });
  return { network, client, [Symbol.asyncDispose]: () => network[Symbol.asyncDispose]() };
}

function request(more: Partial<RegistryRequest> = {}): RegistryRequest {
  const { signal } = new AbortController();
  return { repository: "org/model", path: "blobs/sha256:00", purpose: "read it", signal, ...more };
}

function unauthorized(challenge: string): Response {
  return new Response("{}", { status: 401, headers: { "WWW-Authenticate": challenge } });
}

function redirect(location: string, status = 307): Response {
  return new Response(null, { status, headers: { Location: location } });
}

const sent = ({ headers }: Visit) => headers.get("Authorization");

/** A registry and its token server, which counts its tokens; `refuses` says which of them do not count. */
function tokenSites(refuses: (token: string) => boolean): Record<string, Site> {
  let count = 0;
  return {
    [REGISTRY]: (visit) => {
      const header = sent(visit);
      if (header?.startsWith("Bearer ") && !refuses(header.slice(7))) return new Response("bytes");
      return unauthorized(
        `Bearer realm="${AUTH}/token",service="s",scope="repository:org/model:pull"`,
      );
    },
    [AUTH]: () => Response.json({ token: `t${++count}`, expires_in: 300 }),
  };
}

Deno.test("client: a request has its path, method, headers and no credentials", async () => {
  await using here = world({ [REGISTRY]: () => new Response("bytes") }, ALICE);
  const { response, location } = await here.client.request(
    request({ headers: { Range: "bytes=0-1" } }),
  );
  assert.equal(await response.text(), "bytes");
  assert.equal(location, undefined);
  const [{ method, url, headers }] = here.network.visits;
  assert.equal(method, "GET");
  assert.equal(url, `${REGISTRY}/v2/org/model/blobs/sha256:00`);
  assert.equal(headers.get("Range"), "bytes=0-1");
  assert.equal(headers.get("Accept-Encoding"), "identity");
  assert.equal(headers.get("User-Agent"), "kit-storage-initializer");
  assert.equal(headers.get("Authorization"), null);
});

Deno.test("client: HEAD is sent as HEAD", async () => {
  await using here = world({ [REGISTRY]: () => new Response(null) });
  await here.client.request(request({ method: "HEAD" }));
  assert.equal(here.network.visits[0].method, "HEAD");
});

for (const host of ["docker.io", "index.docker.io"]) {
  Deno.test(`client: ${host} is asked at registry-1.docker.io`, async () => {
    const site = () => new Response(null);
    await using here = world({ "https://registry-1.docker.io": site }, undefined, host);
    await (await here.client.request(request())).response.body?.cancel();
    assert.equal(here.network.visits.length, 1);
  });
}

Deno.test("client: Basic with the right password, sent from then on without being asked", async () => {
  await using here = world({
    [REGISTRY]: (visit) =>
      sent(visit) === BASIC ? new Response("bytes") : unauthorized('Basic realm="x"'),
  }, ALICE);
  for (let count = 0; count < 2; count++) {
    assert.equal(await (await here.client.request(request())).response.text(), "bytes");
  }
  assert.deepEqual(here.network.visits.map(sent), [null, BASIC, BASIC]);
});

Deno.test("client: Basic with a wrong password is sent once, and the second 401 is final", async () => {
  await using here = world({ [REGISTRY]: () => unauthorized('Basic realm="x"') }, ALICE);
  const failure = await failureOf(() => here.client.request(request()));
  assert.deepEqual(
    [failure.outcome, failure.transient, failure.host],
    ["auth", false, "registry.test"],
  );
  assert.match(failure.message, /: the registry answered 401 \(unauthorized\)$/);
  assert.match(failure.hint ?? "", /^Check the credentials for this host/);
  assert.deepEqual(here.network.visits.map(sent), [null, BASIC]);
});

Deno.test("client: Basic without credentials is final at once", async () => {
  await using here = world({ [REGISTRY]: () => unauthorized('Basic realm="x"') });
  const failure = await failureOf(() => here.client.request(request()));
  assert.equal(failure.outcome, "auth");
  assert.equal(here.network.visits.length, 1);
});

Deno.test("client: a bearer token is got once for a repository, and anew for another one", async () => {
  await using here = world(tokenSites(() => false), ALICE);
  await (await here.client.request(request())).response.body?.cancel();
  await (await here.client.request(request())).response.body?.cancel();
  await (await here.client.request(request({ repository: "org/base" }))).response.body?.cancel();
  assert.deepEqual(here.network.of(AUTH).map(sent), [BASIC, BASIC]);
  assert.deepEqual(here.network.of(REGISTRY).map(sent), [
    null,
    "Bearer t1",
    "Bearer t1",
    null,
    "Bearer t2",
  ]);
});

Deno.test("client: a 401 in the middle renews the token once", async () => {
  const revoked = new Set<string>();
  await using here = world(tokenSites((token) => revoked.has(token)));
  await (await here.client.request(request())).response.body?.cancel();
  revoked.add("t1");
  await (await here.client.request(request())).response.body?.cancel();
  assert.equal(here.network.of(AUTH).length, 2);
  assert.deepEqual(here.network.of(REGISTRY).map(sent).slice(2), ["Bearer t1", "Bearer t2"]);
});

Deno.test("client: tokens that are refused again and again end as auth, after two", async () => {
  await using here = world(tokenSites(() => true), ALICE);
  const failure = await failureOf(() => here.client.request(request()));
  assert.deepEqual([failure.outcome, failure.transient], ["auth", false]);
  assert.equal(here.network.of(AUTH).length, 2);
});

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`client: ${status} to another host is followed without credentials`, async () => {
    await using here = world({
      [REGISTRY]: (visit) =>
        sent(visit) === BASIC
          ? redirect(`${STORAGE}/blob?signature=1`, status)
          : unauthorized('Basic realm="x"'),
      [STORAGE]: () => new Response("bytes"),
    }, ALICE);
    const { response, location } = await here.client.request(
      request({ headers: { Range: "bytes=0-4" } }),
    );
    assert.equal(await response.text(), "bytes");
    assert.equal(location, `${STORAGE}/blob?signature=1`);
    const [visit] = here.network.of(STORAGE);
    assert.equal(visit.path, "/blob?signature=1");
    assert.equal(sent(visit), null);
    assert.equal(visit.headers.get("Range"), "bytes=0-4");
  });
}

for (
  const [name, origin] of [
    ["another port of the same host", `${REGISTRY}:8443`],
    ["a host below it", "https://cdn.registry.test"],
    ["a host that begins like it", "https://registry.test.evil.test"],
  ]
) {
  Deno.test(`client: ${name} gets no credentials`, async () => {
    await using here = world({
      [REGISTRY]: (visit) =>
        sent(visit) === null ? unauthorized('Basic realm="x"') : redirect(`${origin}/x`),
      [origin]: () => new Response("bytes"),
    }, ALICE);
    await (await here.client.request(request())).response.body?.cancel();
    assert.deepEqual(here.network.of(origin).map(sent), [null]);
  });
}

Deno.test("client: a relative redirect stays with the registry: signed in there, and not remembered", async () => {
  await using here = world({
    [REGISTRY]: (visit) => {
      if (visit.path.startsWith("/v2/")) return redirect("/moved");
      return sent(visit) === BASIC ? new Response("bytes") : unauthorized('Basic realm="x"');
    },
  }, ALICE);
  const { response, location } = await here.client.request(request());
  assert.equal(await response.text(), "bytes");
  assert.equal(location, undefined);
});

Deno.test("client: a 401 of another host is no question for our credentials", async () => {
  await using here = world({
    [REGISTRY]: () => redirect(`${STORAGE}/x`),
    [STORAGE]: () => unauthorized(`Bearer realm="${AUTH}/token"`),
    [AUTH]: () => Response.json({ token: "t1" }),
  }, ALICE);
  const failure = await failureOf(() => here.client.request(request()));
  // The next redirect may have a signature that counts.
  assert.deepEqual([failure.outcome, failure.transient], ["auth", true]);
  assert.deepEqual(here.network.of(AUTH), []);
  assert.deepEqual(here.network.of(STORAGE).map(sent), [null]);
});

Deno.test("client: five redirects are followed, a sixth is not", async () => {
  let most = 5;
  let count = 0;
  await using here = world({
    [REGISTRY]: () => ++count > most ? new Response("bytes") : redirect(`/hop${count}`),
  });
  await (await here.client.request(request())).response.body?.cancel();
  assert.equal(here.network.visits.length, 6);
  [most, count] = [6, 0];
  const failure = await failureOf(() => here.client.request(request()));
  assert.deepEqual([failure.outcome, failure.transient], ["unavailable", false]);
  assert.match(failure.message, /more than 5 redirects/);
  assert.equal(here.network.visits.length, 12);
});

for (
  const location of [
    "http://storage.test/",
    "https://169.254.169.254/",
    "https://[fd00:ec2::254]/",
    "https://127.0.0.1/",
    "https://2852039166/",
    "https://0x7f.1/",
    "https://[::ffff:169.254.169.254]/",
    "file:///etc/passwd",
  ]
) {
  Deno.test(`client: a redirect to ${location} is refused, and nobody is asked there`, async () => {
    await using here = world({ [REGISTRY]: () => redirect(location) });
    const failure = await failureOf(() => here.client.request(request()));
    assert.deepEqual([failure.outcome, failure.transient], ["unavailable", false]);
    assert.deepEqual(here.network.strays, []);
  });
}

Deno.test("client: a second hop is judged by the host before it", async () => {
  await using here = world({
    [REGISTRY]: () => redirect(`${STORAGE}/1`),
    [STORAGE]: () => redirect("http://registry.test/2"),
  });
  const failure = await failureOf(() => here.client.request(request()));
  assert.match(failure.message, /from TLS to plain HTTP/);
});

Deno.test("client: a redirect without Location is a status like others", async () => {
  await using here = world({ [REGISTRY]: () => new Response(null, { status: 307 }) });
  assert.match((await failureOf(() => here.client.request(request()))).message, /answered 307/);
});

Deno.test("client: a remembered target is asked without credentials and without following", async () => {
  await using here = world({
    [REGISTRY]: (visit) =>
      sent(visit) === BASIC ? new Response("bytes") : unauthorized('Basic realm="x"'),
    [STORAGE]: () => redirect(`${REGISTRY}/x`),
  }, ALICE);
  await (await here.client.request(request())).response.body?.cancel();
  const response = await here.client.requestLocation(`${STORAGE}/blob`, request());
  assert.equal(response.status, 307);
  await response.body?.cancel();
  assert.deepEqual(here.network.of(STORAGE).map(sent), [null]);
});

Deno.test("client: no network is unavailable, and the end of the run is its own reason", async () => {
  await using here = world({});
  const failure = await failureOf(() => here.client.request(request()));
  assert.deepEqual(
    [failure.outcome, failure.transient, failure.host],
    ["unavailable", true, "registry.test"],
  );
  const over = new Failure("terminated", "Ended");
  const ended = await failureOf(() =>
    here.client.request(request({ signal: AbortSignal.abort(over) }))
  );
  assert.equal(ended, over);
});

Deno.test("client: a redirect to where nobody answers names that host", async () => {
  const sites = { [REGISTRY]: () => redirect("https://nobody.test/blob?signature=secret") };
  await using near = world(sites);
  const failure = await failureOf(() => near.client.request(request()));
  assert.equal(failure.outcome, "unavailable");
  assert.match(failure.message, /^Cannot read it at "nobody\.test": /);
  assert.doesNotMatch(failure.message, /signature/);
});

Deno.test("client: whether anybody is there is asked without signing in, and any answer is one", async () => {
  await using near = world({ [REGISTRY]: () => unauthorized("Basic") }, ALICE);
  const response = await near.client.ping(new AbortController().signal);
  await response.body?.cancel();
  assert.equal(response.status, 401);
  assert.deepEqual(near.network.visits.map(({ path }) => path), ["/v2/"]);
  assert.equal(sent(near.network.visits[0]), null);
});
