import assert from "node:assert/strict";
import { findInstanceRole, instanceKeys } from "../../lib/auth/aws_instance.ts";
import { knownSecrets } from "../../lib/secret.ts";
import { type Answer, type AwsServer, serveAws } from "./aws_server.ts";
import { testContext } from "./context.ts";

function contextFor({ environment }: AwsServer, more: Record<string, string> = {}) {
  return testContext({ environment: { ...environment, ...more }, fetch });
}

Deno.test("EC2: role and keys come by version 2 of the metadata service", async () => {
  await using server = serveAws();
  const context = contextFor(server);
  const role = await findInstanceRole(context);
  assert.deepEqual(role, { endpoint: `${server.url}/imds`, role: "node-role" });
  assert.deepEqual(await instanceKeys(role!, fetch, context), {
    accessKeyId: "ASIAOFNODE",
    secretAccessKey: "secret-of-node",
    sessionToken: "session-of-node",
  });
  const roles = "/imds/latest/meta-data/iam/security-credentials/";
  assert.deepEqual(server.instance.map(({ method, path }) => [method, path]), [
    ["PUT", "/imds/latest/api/token"],
    ["GET", roles],
    ["PUT", "/imds/latest/api/token"],
    ["GET", `${roles}node-role`],
  ]);
  assert.ok(knownSecrets().includes("session-of-imds"), "the redaction knows the session");
});

Deno.test("EC2: a run looks for the role once, whoever asks how often", async () => {
  await using server = serveAws();
  const context = contextFor(server);
  await Promise.all([findInstanceRole(context), findInstanceRole(context)]);
  await findInstanceRole(context);
  assert.equal(server.instance.length, 2);
});

const HTML = "<html>not EC2</html>";
const none: [name: string, answer: Answer, says: RegExp][] = [
  ["the service is turned off", () => new Response("", { status: 403 }), /it answered 403/],
  ["another cloud's metadata", () => new Response(HTML, { status: 405 }), /it answered 405/],
  ["the instance has no role", ({ method }) => {
    return method === "GET" ? new Response("", { status: 404 }) : undefined;
  }, /it answered 404/],
  ["a page in its place", ({ method }) => {
    return method === "GET" ? new Response(HTML) : undefined;
  }, /what answers is not EC2's/],
  ["an endless answer", () => new Response("x".repeat(5000)), /longer than 4096 bytes/],
  ["a redirect", () => Response.redirect("http://127.0.0.1:1/"), /it answered 302/],
];

for (const [name, instance, says] of none) {
  Deno.test(`EC2: ${name}: no role, and the debug log says why`, async () => {
    await using server = serveAws({ instance });
    const context = contextFor(server);
    assert.equal(await findInstanceRole(context), undefined);
    assert.equal(context.lines.length, 1);
    assert.match(context.lines[0], /DEBUG Found no role of an EC2 instance at /);
    assert.match(context.lines[0], says);
  });
}

Deno.test("EC2: nothing is asked where AWS_EC2_METADATA_DISABLED says so", async () => {
  await using server = serveAws();
  const context = contextFor(server, { AWS_EC2_METADATA_DISABLED: "True" });
  assert.equal(await findInstanceRole(context), undefined);
  assert.equal(server.instance.length, 0);
});

const endpoints: [environment: Record<string, string>, url: string][] = [
  [{}, "http://169.254.169.254/latest/api/token"],
  [{ AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" }, "http://[fd00:ec2::254]/latest/api/token"],
  [
    { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://imds.test/x/" },
    "http://imds.test/x/latest/api/token",
  ],
];

for (const [environment, expected] of endpoints) {
  Deno.test(`EC2: ${JSON.stringify(environment)} leads to ${expected}`, async () => {
    const urls: string[] = [];
    const context = testContext({
      environment,
      fetch: (url) => {
        urls.push(String(url));
        return Promise.reject(new Error("nobody there"));
      },
    });
    assert.equal(await findInstanceRole(context), undefined);
    assert.deepEqual(urls, [expected]);
  });
}

Deno.test("EC2: a service that says nothing is given up within the time limit", async () => {
  const silence = Promise.withResolvers<Response>();
  await using server = serveAws({ instance: () => silence.promise });
  const context = contextFor(server, { AWS_METADATA_SERVICE_TIMEOUT: "0.1" });
  const before = performance.now();
  assert.equal(await findInstanceRole(context), undefined);
  assert.ok(performance.now() - before < 900, "less than the second that it waits otherwise");
  assert.match(context.lines[0], /no answer in time/);
  silence.resolve(new Response());
});

Deno.test("EC2: a service that is there but fails is an error, and is asked anew later", async () => {
  await using server = serveAws({
    instance: (_, call) => call === 1 ? new Response("busy", { status: 503 }) : undefined,
  });
  const context = contextFor(server);
  await assert.rejects(findInstanceRole(context), /busy/);
  assert.equal((await findInstanceRole(context))?.role, "node-role");
});

Deno.test("EC2: the end of the run ends the search with the run's reason", async () => {
  const run = new AbortController();
  const reason = new Error("SIGTERM");
  const context = testContext({
    signal: run.signal,
    fetch: (_, init) => {
      run.abort(reason);
      return Promise.reject(init?.signal?.reason);
    },
  });
  await assert.rejects(findInstanceRole(context), reason);
});
