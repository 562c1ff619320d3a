import assert from "node:assert/strict";
import { Secret } from "../../lib/secret.ts";
import { sendTrace } from "../../lib/telemetry/trace.ts";
import { parseTraceRequest } from "../support/otlp.ts";
import { pairOf, runOf } from "./runs.ts";

const RUN = runOf([pairOf("kit://registry.example.com/team/model:v1", "/mnt/models")]);
const LONG = 60_000;

/** Sends to a server that answers so. */
async function send(
  handler: (request: Request) => Response | Promise<Response>,
  options: { limit?: number; signal?: AbortSignal; release?(): void } = {},
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  const settings = {
    url: `http://127.0.0.1:${server.addr.port}/v1/traces`,
    headers: { "api-key": new Secret("open-sesame") },
    resource: {},
  };
  using client = Deno.createHttpClient({});
  const fetchWithClient: typeof fetch = (input, init) => fetch(input, { ...init, client });
  try {
    await sendTrace(RUN, settings, { fetch: fetchWithClient, limit: LONG, ...options });
  } finally {
    // It waits for its handler.
    options.release?.();
    await server.shutdown();
  }
}

Deno.test("sending a trace: one POST with JSON and the headers", async () => {
  const requests: string[][] = [];
  const bodies: unknown[] = [];
  await send(async (request) => {
    const { method, url, headers } = request;
    const names = ["content-type", "api-key"].map((name) => headers.get(name) ?? "");
    requests.push([method, new URL(url).pathname, ...names]);
    bodies.push(await request.json());
    return Response.json({});
  });
  assert.deepEqual(requests, [["POST", "/v1/traces", "application/json", "open-sesame"]]);
  assert.equal(parseTraceRequest(bodies[0]).spans.length, 7);
});

for (const status of [400, 401, 404, 429, 503]) {
  Deno.test(`sending a trace: a collector that answers ${status} has not got it`, async () => {
    let calls = 0;
    const answer = () => {
      calls++;
      return new Response("no", { status });
    };
    await assert.rejects(send(answer), new RegExp(`the collector answered ${status}`));
    assert.equal(calls, 1, "once");
  });
}

Deno.test("sending a trace: a redirect is not followed, and so gets no headers", async () => {
  const paths: string[] = [];
  const answer = (request: Request) => {
    const { pathname } = new URL(request.url);
    paths.push(pathname);
    return Response.redirect(new URL("/elsewhere", request.url), 307);
  };
  await assert.rejects(send(answer), /answered 307/);
  assert.deepEqual(paths, ["/v1/traces"]);
});

Deno.test("sending a trace: nobody waits longer than the limit", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const release = () => resolve(new Response());
  await assert.rejects(send(() => promise, { limit: 50, release }), /No answer within 0\.05 s/);
});

Deno.test("sending a trace: a signal ends it", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const stop = new AbortController();
  const answer = () => {
    stop.abort(new Error("Stopped by SIGTERM"));
    return promise;
  };
  const release = () => resolve(new Response());
  await assert.rejects(send(answer, { signal: stop.signal, release }), /Stopped by SIGTERM/);
});

Deno.test("sending a trace: an answer that does not end is none", async () => {
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
  });
  await assert.rejects(send(() => new Response(endless)), /longer than/);
});

Deno.test("sending a trace: nobody listens", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const settings = { url: `http://127.0.0.1:${port}/v1/traces`, headers: {}, resource: {} };
  await assert.rejects(sendTrace(RUN, settings, { fetch, limit: LONG }), /refused/i);
});
