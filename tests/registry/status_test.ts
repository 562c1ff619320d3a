import assert from "node:assert/strict";
import { Failure } from "../../lib/errors.ts";
import { damageFailure, networkFailure, statusFailure } from "../../lib/registry/status.ts";
import { Secret } from "../../lib/secret.ts";

const AGAIN = /^Try again later, or look at the registry$/;
const STATUSES: [
  status: number,
  outcome: string,
  transient: boolean,
  says: RegExp,
  hint: RegExp,
][] = [
  [400, "unavailable", false, /the registry answered 400$/, AGAIN],
  [401, "auth", false, /the registry answered 401$/, /^Check the credentials for this host/],
  [403, "auth", false, /the registry answered 403$/, /^Check the credentials for this host/],
  [
    404,
    "not found",
    false,
    /the registry has no such repository, tag or digest$/,
    /^Check the repository/,
  ],
  [405, "unavailable", false, /the registry answered 405$/, AGAIN],
  [
    407,
    "unavailable",
    false,
    /the proxy wants a user and a password$/,
    /^Put them into the proxy's URL, /,
  ],
  [408, "unavailable", true, /the registry answered 408$/, AGAIN],
  [410, "unavailable", false, /the registry answered 410$/, AGAIN],
  [416, "integrity", false, /it is shorter than the manifest says$/, /^Push the ModelKit again/],
  [418, "unavailable", false, /the registry answered 418$/, AGAIN],
  [429, "unavailable", true, /the registry answered 429$/, AGAIN],
  [500, "unavailable", true, /the registry answered 500$/, AGAIN],
  [502, "unavailable", true, /the registry answered 502$/, AGAIN],
  [
    503,
    "unavailable",
    true,
    /: the registry answered 503$/,
    /^Try again later, or look at the registry$/,
  ],
  [504, "unavailable", true, /the registry answered 504$/, AGAIN],
  [599, "unavailable", true, /the registry answered 599$/, AGAIN],
];

const failureFor = (response: Response) => statusFailure(response, "read it", "ghcr.io");

for (const [status, outcome, transient, says, hint] of STATUSES) {
  Deno.test(`status ${status}: ${outcome}, ${transient ? "tried again" : "final"}`, async () => {
    const failure = await failureFor(new Response("", { status }));
    assert.deepEqual(
      [failure.outcome, failure.transient, failure.host, failure.retryAfter],
      [outcome, transient, "ghcr.io", undefined],
    );
    assert.match(failure.message, /^Cannot read it: /);
    assert.match(failure.message, says);
    assert.match(failure.hint ?? "", hint);
  });
}

const date = (ms: number) => new Date(Date.now() + ms).toUTCString();
const RETRY_AFTER: [name: string, value: string, least: number | undefined, most?: number][] = [
  ["no time", "0", 0, 0],
  ["seconds", "7", 7000, 7000],
  ["more seconds than are waited", "121", 120_000, 120_000],
  ["an absurd number of seconds", "9".repeat(400), undefined],
  ["a date", date(60_000), 57_000, 60_000],
  ["a date that has passed", "Wed, 21 Oct 2015 07:28:00 GMT", 0, 0],
  ["a date far away", date(3_600_000), 120_000, 120_000],
  ["words", "soon", undefined],
  ["nothing", "", undefined],
];

for (const [name, value, least, most] of RETRY_AFTER) {
  Deno.test(`Retry-After with ${name}`, async () => {
    const response = new Response("", { status: 429, headers: { "Retry-After": value } });
    const { retryAfter } = await failureFor(response);
    if (least === undefined) return assert.equal(retryAfter, undefined);
    assert.ok(retryAfter !== undefined && retryAfter >= least && retryAfter <= most!);
  });
}

const error = (message: string) => JSON.stringify({ errors: [{ code: "DENIED", message }] });
const BODIES: [name: string, body: BodyInit, detail: string][] = [
  ["the registry's own words", error("not yours"), " (DENIED: not yours)"],
  [
    "several errors",
    JSON.stringify({ errors: [{ code: "A", message: "b" }, { code: "C", message: "d" }] }),
    " (A: b; C: d)",
  ],
  ["HTML", "<html>", ""],
  ["JSON of another shape", "[]", ""],
  ["errors that are null", '{"errors":[null]}', ""],
  ["nothing", "", ""],
  ["more than is read", error("x".repeat(70_000)), ""],
  ["long words, cut", error("y".repeat(1000)), ` (DENIED: ${"y".repeat(292)})`],
];

for (const [name, body, detail] of BODIES) {
  Deno.test(`an error's body: ${name}`, async () => {
    const { message } = await failureFor(new Response(body, { status: 403 }));
    assert.equal(message, `Cannot read it: the registry answered 403${detail}`);
  });
}

Deno.test("an error's body that breaks counts as none", async () => {
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("cut")) });
  const failure = await failureFor(new Response(body, { status: 503 }));
  assert.equal(failure.message, "Cannot read it: the registry answered 503");
});

Deno.test("an error's body with a secret in it: the message has none", async () => {
  const secret = new Secret("hunter2-of-status-test");
  const { message } = await failureFor(
    new Response(error(`wrong: ${secret.reveal()}, https://u:p4ss@h.test/?sig=1`), { status: 403 }),
  );
  assert.ok(!message.includes(secret.reveal()));
  assert.ok(!/p4ss|sig=1/.test(message), message);
});

const NETWORK: [name: string, error: unknown, transient: boolean, says: RegExp, hint: RegExp][] = [
  [
    "refused",
    new TypeError(
      "error sending request for url (https://ghcr.io/?sig=1): client error (Connect): tcp connect error: Connection refused (os error 111)",
    ),
    true,
    /^Cannot read it: Connection refused$/,
    /^Check the network, the proxy and the port of the registry$/,
  ],
  [
    "refused, as Deno 2.9 says it",
    new TypeError("fetch failed", {
      cause: new Error("client error (Connect): tcp connect error: Connection refused"),
    }),
    true,
    /^Cannot read it: Connection refused$/,
    /network/,
  ],
  [
    "an unknown name",
    new TypeError("client error (Connect): dns error: failed to lookup address"),
    true,
    /dns error/,
    /^Check the host's name and the DNS of the cluster$/,
  ],
  [
    "an unknown authority",
    new TypeError("client error (Connect): invalid peer certificate: UnknownIssuer"),
    false,
    /UnknownIssuer/,
    /^Give the CA certificate of the registry in KIT_CA_BUNDLE$/,
  ],
  [
    "a certificate that has ended",
    new TypeError(
      "client error (Connect): invalid peer certificate: certificate expired: verification time 2 (UNIX), but certificate is not valid after 1 (1 seconds ago)",
    ),
    false,
    /certificate expired/,
    /Renew the certificate, or correct the node's clock, which says \d{4}-/,
  ],
  [
    "a certificate for another name",
    new TypeError("client error (Connect): invalid peer certificate: NotValidForName"),
    false,
    /NotValidForName/,
    /certificate for this host/,
  ],
  [
    "plain HTTP where TLS was expected",
    new TypeError("client error (Connect): received corrupt message of type InvalidContentType"),
    false,
    /the registry does not speak TLS$/,
    /--plain-http/,
  ],
  [
    "what is no HTTP",
    new TypeError("client error (SendRequest): invalid HTTP version parsed"),
    true,
    /^Cannot read it: what answers does not speak HTTP$/,
    /--plain-http/,
  ],
  [
    "closed, as Deno says it of a connection that was made",
    new TypeError(
      "error sending request from 10.0.0.1:40608 for https://ghcr.io/v2/?sig=1 (140.82.121.33:443): client error (SendRequest): connection closed before message completed",
    ),
    true,
    /^Cannot read it: connection closed before message completed$/,
    /network/,
  ],
  ["broken off", new TypeError("error reading a body from connection"), true, /body/, /network/],
  ["what is no error", "text", true, /text/, /network/],
];

for (const [name, thrown, transient, says, hint] of NETWORK) {
  Deno.test(`the network: ${name} is unavailable, ${transient ? "tried again" : "final"}`, () => {
    const failure = networkFailure(thrown, "read it", "ghcr.io");
    assert.ok(failure instanceof Failure);
    assert.deepEqual(
      [failure.outcome, failure.transient, failure.host, failure.cause],
      ["unavailable", transient, "ghcr.io", thrown],
    );
    assert.match(failure.message, says);
    assert.match(failure.hint ?? "", hint);
    assert.ok(!failure.message.includes("sig="));
  });
}

Deno.test("the network: a failure that is typed already stays as it is", () => {
  const failure = new Failure("timeout", "Cannot wait");
  assert.equal(networkFailure(failure, "read it", "ghcr.io"), failure);
});

Deno.test("damage is integrity, with what to do; it is final unless it can be had elsewhere", () => {
  const { outcome, message, hint, transient, host } = damageFailure("blob x", "it is longer", {
    host: "r.test",
  });
  assert.deepEqual([outcome, transient, host], ["integrity", false, "r.test"]);
  assert.equal(message, "Cannot trust the blob x: it is longer");
  assert.match(hint ?? "", /^Push the ModelKit again/);
  assert.equal(damageFailure("blob x", "it is longer", { transient: true }).transient, true);
});
