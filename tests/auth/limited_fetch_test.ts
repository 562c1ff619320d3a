import assert from "node:assert/strict";
import { limitedFetch } from "../../lib/auth/limited_fetch.ts";
import { breaking, type Site, TestNetwork } from "../support/network.ts";

const ORIGIN = "https://sign-in.test";
const URL = `${ORIGIN}/token`;
const forever = new AbortController().signal;

/** A limited fetch to a site that answers so. */
function ask(network: TestNetwork, milliseconds = 10_000, signal = forever) {
  return limitedFetch(network.fetch as typeof fetch, signal, milliseconds);
}

Deno.test("an answer comes with its status, its headers and its whole body", async () => {
  await using network = new TestNetwork({
    [ORIGIN]: () => new Response("a token", { status: 418, headers: { "X-Kind": "tea" } }),
  });
  const response = await ask(network)(URL, { method: "POST", headers: { A: "b" }, body: "who" });
  assert.equal(response.status, 418);
  assert.equal(response.headers.get("X-Kind"), "tea");
  assert.equal(await response.text(), "a token");
  const [{ method, headers, body }] = network.visits;
  assert.deepEqual([method, headers.get("A"), body], ["POST", "b", "who"]);
});

Deno.test("a redirect is an answer, and is not followed, whatever the caller wants", async () => {
  await using network = new TestNetwork({
    [ORIGIN]: () => new Response(null, { status: 307, headers: { Location: "/elsewhere" } }),
  });
  const response = await ask(network)(URL, { redirect: "follow" });
  assert.equal(response.status, 307);
  assert.equal(network.visits.length, 1);
});

Deno.test("an answer without a body is one too", async () => {
  await using network = new TestNetwork({ [ORIGIN]: () => new Response(null, { status: 204 }) });
  assert.equal((await ask(network)(URL)).status, 204);
});

const failures: [name: string, site: (network: TestNetwork) => ReturnType<Site>, reason: RegExp][] =
  [
    [
      "does not come",
      (network) => network.never(),
      /^No answer within 0\.1 s$/,
    ],
    [
      "stops in its body",
      (network) => new Response(network.stalling(new Uint8Array(10))),
      /^No answer within 0\.1 s$/,
    ],
    [
      "is too long",
      () => new Response(new Uint8Array(300 * 1024)),
      /^The answer is longer than 262144 bytes$/,
    ],
    [
      "breaks",
      () => new Response(breaking(new Uint8Array(10))),
      /error|closed|reset|body/i,
    ],
  ];
for (const [name, site, reason] of failures) {
  Deno.test(`an answer that ${name} is an error that says why on one line`, async () => {
    await using network: TestNetwork = new TestNetwork({ [ORIGIN]: () => site(network) });
    await assert.rejects(ask(network, 100)(URL), (error: Error) => {
      assert.match(error.message, reason);
      assert.ok(!error.message.includes("\n"));
      return error.cause !== undefined;
    });
  });
}

Deno.test("a signal ends a request before its time, and says why", async () => {
  const end = new AbortController();
  await using network: TestNetwork = new TestNetwork({
    [ORIGIN]: () => {
      end.abort(new Error("the time of all requests is over"));
      return network.never();
    },
  });
  await assert.rejects(ask(network, 10_000, end.signal)(URL), /^Error: the time of all requests/);
});

Deno.test("the reason of a network failure is the inner one", async () => {
  const cause = new Error("invalid peer certificate: UnknownIssuer");
  const fetch = () => Promise.reject(new TypeError("fetch failed", { cause }));
  await assert.rejects(
    limitedFetch(fetch, forever, 100)(URL),
    /^Error: invalid peer certificate: UnknownIssuer$/,
  );
});
