// Signing in to ACR, with the real registry behind the real name of one, and Azure's other parts in this process.
import assert from "node:assert/strict";
import { redact } from "../../lib/redact.ts";
import {
  acrError,
  azureError,
  CLIENT,
  entraError,
  FakeAzure,
  type FakeAzureOptions,
  fakeToken,
  makeRsaCertificate,
  TENANT,
} from "../support/azure.ts";
import { makeCertificate } from "../support/certificate.ts";
import { ConnectProxy } from "../support/connect_proxy.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const REGISTRY = "myregistry.azurecr.io";
const ENTRA = "login.microsoftonline.com";
const URI = `kit://${REGISTRY}/team/model:v1`;
const PAYLOAD = "payload of Azure";
const APP = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT };

/** The registry, and what Azure is made of: one world for all tests, a fake Azure of its own for each. */
class AzureWorld implements AsyncDisposable {
  readonly world: TestWorld;
  readonly tls: { cert: string; key: string; ca: string };

  private constructor(world: TestWorld, tls: AzureWorld["tls"]) {
    this.world = world;
    this.tls = tls;
  }

  static async create(): Promise<AzureWorld> {
    const world = await TestWorld.create();
    await world.push("team/model:v1", { "model.bin": PAYLOAD });
    return new AzureWorld(world, await makeCertificate([REGISTRY, ENTRA]));
  }

  /**
   * Runs the program in a cluster of Azure's, with all of its network in this process.
   *
   * @param options `isSilent`: the metadata service never answers
   */
  async run(
    destination: string,
    env: Record<string, string>,
    { isSilent, ...options }: FakeAzureOptions & { isSilent?: boolean } = {},
  ) {
    const ended = Promise.withResolvers<void>();
    const azure = new FakeAzure({ ...options, forward: (request) => this.#forward(request) });
    const { cert, key } = this.tls;
    await using https = serve({ cert, key }, (request) => azure.handle(request));
    // Not through the proxy, as on a node: it is plain HTTP to an address of this machine.
    await using metadata = serve({}, async (request) => {
      if (isSilent) await ended.promise;
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      return azure.handle(
        new Request(`http://169.254.169.254${pathname}${search}`, { method, headers }),
      );
    });
    await using proxy = new ConnectProxy({
      [REGISTRY]: `127.0.0.1:${https.addr.port}`,
      [ENTRA]: `127.0.0.1:${https.addr.port}`,
    });
    const run = await this.world.run([URI, destination], {
      env: {
        HTTPS_PROXY: proxy.url,
        // Deno itself would ask through the proxy too.
        DENO_NO_UPDATE_CHECK: "1",
        NO_PROXY: "127.0.0.1",
        KIT_CA_BUNDLE: this.tls.ca,
        KIT_UNPACK_FLAGS: "",
        KIT_LOG_LEVEL: "debug",
        AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://127.0.0.1:${metadata.addr.port}`,
        ...env,
      },
    });
    ended.resolve();
    assert.deepEqual(azure.mistakes, []);
    assert.deepEqual(proxy.names.filter((name) => ![REGISTRY, ENTRA].includes(name)), []);
    return { ...run, azure, places: azure.visits.map(({ place }) => place) };
  }

  async #forward(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    for (const name of ["Host", "Authorization"]) headers.delete(name);
    return await fetch(`http://${this.world.host}${pathname}${search}`, {
      method: request.method,
      headers,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}

function serve(
  tls: { cert: string; key: string } | Record<string, never>,
  handler: (request: Request) => Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {}, ...tls }, handler);
}

Deno.test("a model in ACR", async (t) => {
  await using azure = await AzureWorld.create();
  const { world } = azure;
  const secret = crypto.randomUUID();
  const assertion = fakeToken({ sub: "system:serviceaccount:default:models" });
  const certificate = await makeRsaCertificate();
  const tokenFile = `${world.folder}/token`;
  const certificateFile = `${world.folder}/certificate.pem`;
  await Deno.writeTextFile(tokenFile, assertion);
  await Deno.writeTextFile(certificateFile, certificate.pem);
  const workload = { ...APP, AZURE_FEDERATED_TOKEN_FILE: tokenFile };

  const ways: [name: string, env: Record<string, string>, options: FakeAzureOptions][] = [
    [
      "workload identity",
      { ...workload, AZURE_AUTHORITY_HOST: `https://${ENTRA}/` },
      { proof: { assertion } },
    ],
    [
      "a service principal under KServe's older names",
      { AZ_CLIENT_ID: CLIENT, AZ_TENANT_ID: TENANT, AZ_CLIENT_SECRET: secret },
      { proof: { secret } },
    ],
    [
      "a service principal with a certificate",
      { ...APP, AZURE_CLIENT_CERTIFICATE_PATH: certificateFile },
      { proof: { certificate } },
    ],
    ["a managed identity", { AZURE_CLIENT_ID: CLIENT }, { managed: CLIENT, knowsTenant: false }],
    ["the node's identity", {}, { knowsTenant: false }],
  ];

  for (const [name, env, options] of ways) {
    for (const transfer of ["verified", "direct"]) {
      await t.step(`by ${name}, ${transfer}`, async () => {
        const destination = world.destination(`${name}-${transfer}`.replaceAll(/\W+/g, "-"));
        const { code, stderr, places, azure: { secrets } } = await azure.run(
          destination,
          { ...env, KIT_TRANSFER: transfer },
          options,
        );
        assert.equal(code, 0, stderr);
        assert.equal(await Deno.readTextFile(`${destination}/model.bin`), PAYLOAD);
        // One sign-in, however many requests come after it.
        const signIn = places.filter((place) => place === "entra" || place === "exchange");
        assert.equal(places.filter((place) => place === "exchange").length, 1);
        assert.ok(signIn.length <= 2);
        assert.ok(places.includes("token") && places.includes("registry"));
        const calls = await world.kitCalls();
        for (const value of [secret, assertion, ...secrets]) {
          assert.ok(!(stderr + calls).includes(value), "a secret is readable");
        }
      });
    }
  }

  const refusals: {
    name: string;
    env: Record<string, string>;
    options?: FakeAzureOptions;
    code: number;
    sentence: RegExp;
  }[] = [
    {
      name: "a token that has expired",
      env: workload,
      options: {
        answers: {
          entra: () =>
            entraError(401, "invalid_client", "AADSTS700024: Client assertion is too old. See."),
        },
      },
      code: 3,
      sentence: /Entra answered 401: AADSTS700024: Client assertion is too old.*restart the pod/,
    },
    {
      name: "a client id without a tenant",
      env: { AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: secret },
      code: 3,
      sentence: /AZURE_CLIENT_SECRET is set, but AZURE_TENANT_ID is not.*Set AZURE_TENANT_ID/,
    },
    {
      name: "an identity that the node does not have",
      env: { AZURE_CLIENT_ID: CLIENT },
      options: {
        answers: { metadata: () => azureError(400, "invalid_request", "Identity not found") },
      },
      code: 3,
      sentence: /the metadata service answered 400: Identity not found/,
    },
    {
      name: "the registry's firewall",
      env: workload,
      options: {
        proof: { assertion },
        answers: {
          exchange: () =>
            acrError(403, "DENIED", "client with IP '192.0.2.1' is not allowed access"),
        },
      },
      code: 3,
      sentence: /the registry answered 403: DENIED: client with IP '192\.0\.2\.1'.*firewall/,
    },
    {
      name: "Entra that is down",
      env: workload,
      options: { answers: { entra: () => new Response("down", { status: 503 }) } },
      code: 5,
      sentence: /Entra answered 503.*Try again later/,
    },
  ];

  for (const { name, env, options, code, sentence } of refusals) {
    await t.step(`${name}: exit ${code}, never anonymous`, async () => {
      const destination = world.destination(`refused-${name}`.replaceAll(/\W+/g, "-"));
      const ended = await azure.run(destination, { KIT_RETRIES: "6", ...env }, options);
      assert.equal(ended.code, code, ended.stderr);
      assert.ok(ended.sentence.startsWith(`Cannot sign in to "${REGISTRY}": Azure ACR`));
      assert.match(ended.sentence, sentence);
      assert.equal(ended.report.host, REGISTRY);
      assert.ok(ended.elapsed < 15_000);
      // The registry was asked who it wants, and nothing after that.
      assert.ok(ended.places.filter((place) => place === "registry").length <= 1);
      assert.ok(!ended.places.includes("token"));
      assert.deepEqual(await snapshot(destination), {});
      assert.equal(redact(ended.stderr), ended.stderr);
    });
  }

  for (const anonymousPull of [true, false]) {
    const end = anonymousPull ? "the model is there" : "exit 3 says that the registry wants one";
    const name = `no identity, anonymous pull is ${anonymousPull ? "on" : "off"}: ${end}`;
    await t.step(name, async () => {
      const destination = world.destination(`anonymous-${anonymousPull}`);
      const metadata = (_: unknown, call: number) =>
        call === 1 ? undefined : azureError(400, "invalid_request", "Identity not found");
      const ended = await azure.run(destination, {}, { anonymousPull, answers: { metadata } });
      assert.deepEqual(ended.places.slice(0, 4), ["registry", "metadata", "metadata", "token"]);
      if (anonymousPull) {
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(await Deno.readTextFile(`${destination}/model.bin`), PAYLOAD);
      } else {
        assert.equal(ended.code, 3, ended.stderr);
        assert.match(ended.sentence, /wants credentials, and no source has any/);
      }
    });
  }

  await t.step("no settings, a silent metadata service: anonymous after a second", async () => {
    const destination = world.destination("silent");
    const options = { isSilent: true, anonymousPull: true };
    const ended = await azure.run(destination, {}, options);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(await Deno.readTextFile(`${destination}/model.bin`), PAYLOAD);
    assert.ok(ended.elapsed > 1000 && ended.elapsed < 4000, `after ${ended.elapsed} ms`);
  });

  await t.step("a silent metadata service that is meant: exit 5 in less than 15 s", async () => {
    const destination = world.destination("silent-asked");
    const env = { AZURE_CLIENT_ID: CLIENT, KIT_RETRIES: "6" };
    const ended = await azure.run(destination, env, { isSilent: true });
    assert.equal(ended.code, 5, ended.stderr);
    assert.match(ended.sentence, /cannot reach the metadata service: No answer within \d+ s/);
    assert.ok(ended.elapsed < 15_000, `after ${ended.elapsed} ms`);
    assert.deepEqual(ended.places, ["registry"]);
  });
});
