import assert from "node:assert/strict";
import { Failure } from "../lib/errors.ts";
import { createFetch, hasProxy, networkMessageOf, readBody, timeLimit } from "../lib/http.ts";
import { makeCertificate } from "./support/certificate.ts";

const LOOPBACK = { port: 0, hostname: "127.0.0.1", onListen() {} };

Deno.test("a given CA is trusted, and without it the server is refused", async () => {
  const { ca, ...identity } = await makeCertificate();
  await using server = Deno.serve({ ...LOOPBACK, ...identity }, () => new Response("hello"));
  const url = `https://localhost:${server.addr.port}/`;
  using trusting = createFetch({ caCertificates: [ca] });
  assert.equal(await (await trusting(url)).text(), "hello");
  using other = createFetch({ caCertificates: [] });
  await assert.rejects(
    other(url),
    (error) => /certificate|UnknownIssuer/.test(networkMessageOf(error)),
  );
});

Deno.test("a text that is no certificate is a usage failure", () => {
  assert.throws(
    () => createFetch({ caCertificates: ["-----BEGIN CERTIFICATE-----\nnonsense"] }),
    (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.outcome, "usage");
      assert.match(error.message, /^Cannot use the certificates: /);
      return true;
    },
  );
});

Deno.test("a given CA leaves Deno's own roots in force", async () => {
  const [ours, roots] = await Promise.all([makeCertificate(), makeCertificate()]);
  await using one = Deno.serve({ ...LOOPBACK, ...ours }, () => new Response("ours"));
  await using other = Deno.serve({ ...LOOPBACK, ...roots }, () => new Response("of the roots"));
  await using rootsFile = await temporaryFile(roots.ca);
  const output = await runFetch(
    ours.ca,
    [one, other].map(({ addr }) => `https://localhost:${addr.port}/`),
    {
      DENO_CERT: rootsFile.path,
    },
  );
  assert.equal(output, "ours\nof the roots\n");
});

for (
  const [name, noProxy, expected] of [
    ["HTTP_PROXY is used", "", "through the proxy\n"],
    ["NO_PROXY is kept", "registry.test,127.0.0.1", "direct\n"],
  ]
) {
  Deno.test(`with a given CA ${name}`, async () => {
    const { ca } = await makeCertificate();
    await using proxy = Deno.serve(LOOPBACK, () => new Response("through the proxy"));
    await using server = Deno.serve(LOOPBACK, () => new Response("direct"));
    const output = await runFetch(ca, [`http://127.0.0.1:${server.addr.port}/`], {
      HTTP_PROXY: `http://127.0.0.1:${proxy.addr.port}`,
      NO_PROXY: noProxy,
    });
    assert.equal(output, expected);
  });
}

const PROXIES: [
  name: string,
  flag: string | undefined,
  environment: Record<string, string>,
  has: boolean,
][] = [
  ["nothing", undefined, {}, false],
  ["--proxy", "http://proxy.test", {}, true],
  ["HTTP_PROXY", undefined, { HTTP_PROXY: "http://proxy.test" }, true],
  ["HTTPS_PROXY", undefined, { HTTPS_PROXY: "http://proxy.test" }, true],
  ["https_proxy", undefined, { https_proxy: "http://proxy.test" }, true],
  ["all_proxy", undefined, { all_proxy: "http://proxy.test" }, true],
  ["NO_PROXY alone", undefined, { NO_PROXY: "registry.test" }, false],
];

for (const [name, proxy, environment, has] of PROXIES) {
  Deno.test(`with ${name} there is ${has ? "a" : "no"} proxy`, () => {
    assert.equal(hasProxy({ flags: { proxy }, environment }), has);
  });
}

Deno.test("a time limit aborts when its time is over, and says so", async () => {
  using limit = timeLimit(10);
  await new Promise((resolve) => limit.signal.addEventListener("abort", resolve));
  assert.equal(limit.isOver, true);
  assert.match(String(limit.signal.reason), /No answer within 0.01 s/);
});

Deno.test("a time limit aborts with its parent and the parent's reason", () => {
  const parent = new AbortController();
  using limit = timeLimit(60_000, parent.signal);
  parent.abort("stop");
  assert.equal(limit.signal.reason, "stop");
  assert.equal(limit.isOver, false);
  using late = timeLimit(60_000, parent.signal);
  assert.equal(late.signal.reason, "stop");
});

Deno.test("a body of the allowed length is read in full", async () => {
  assert.deepEqual(
    await readBody(new Response("0123456789"), 10),
    new TextEncoder().encode("0123456789"),
  );
  assert.equal((await readBody(new Response(null), 10)).length, 0);
});

Deno.test("an endless body is cancelled where the limit is crossed", async () => {
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000)),
    cancel: () => void (cancelled = true),
  });
  await assert.rejects(readBody(new Response(endless), 10_000), /longer than 10000 bytes/);
  assert.ok(cancelled);
});

async function temporaryFile(text: string): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

async function runFetch(ca: string, urls: string[], env: Record<string, string>): Promise<string> {
  await using caFile = await temporaryFile(ca);
  const program = new URL("./support/fetch_program.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--no-lock",
      "--no-check",
      "--allow-net",
      "--allow-read",
      program,
      caFile.path,
      ...urls,
    ],
    clearEnv: true,
    env: { NO_COLOR: "1", ...env },
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert.notEqual(output, "", new TextDecoder().decode(stderr));
  return output;
}
