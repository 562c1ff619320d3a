import assert from "node:assert/strict";
import { makeCertificate } from "../support/certificate.ts";
import { ConnectProxy } from "../support/connect_proxy.ts";
import { GoogleMock, IMPERSONATION_URL, METADATA } from "../support/google.ts";
import type { Visit } from "../support/network.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const HOST = "europe-west4-docker.pkg.dev";
const APIS = ["oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com"];
/** What Google's libraries look at; here the machine must not decide. */
const ALONE = { METADATA_SERVER_DETECTION: "none" };

/** Google, and a registry under its real name that takes Google's tokens only. */
class GoogleWorld implements AsyncDisposable {
  readonly google: GoogleMock;
  readonly world: TestWorld;
  readonly visits: Visit[] = [];
  readonly metadataHost: string;
  readonly #proxy: ConnectProxy;
  readonly #ca: string;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    google: GoogleMock,
    world: TestWorld,
    { cert, key, ca }: { cert: string; key: string; ca: string },
    stack: AsyncDisposableStack,
  ) {
    this.google = google;
    this.world = world;
    this.#ca = ca;
    this.#stack = stack;
    const local = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    const apis = stack.use(
      Deno.serve(
        { ...local, cert, key },
        (request) => this.#answer(request, `https://${new URL(request.url).hostname}`),
      ),
    );
    const metadata = stack.use(
      Deno.serve(local, (request) => this.#answer(request, METADATA)),
    );
    const address = (server: Deno.HttpServer<Deno.NetAddr>) => `127.0.0.1:${server.addr.port}`;
    this.metadataHost = address(metadata);
    this.#proxy = stack.use(
      new ConnectProxy({
        [HOST]: world.host,
        ...Object.fromEntries(APIS.map((name) => [name, address(apis)])),
      }),
    );
  }

  static async create(): Promise<GoogleWorld> {
    await using stack = new AsyncDisposableStack();
    const google = await GoogleMock.create();
    const { certificate, paths } = stack.use(await certificateFiles([HOST, ...APIS]));
    const htpasswd = [{ user: "oauth2accesstoken", password: google.token }];
    const world = stack.use(await TestWorld.create({ tls: paths, ca: paths.ca, htpasswd }));
    return new GoogleWorld(google, world, certificate, stack.move());
  }

  /** Pushes a ModelKit that says `payload`, and answers with its URI on Google's host. */
  async push(payload: string): Promise<string> {
    const reference = `example-project/models/iris:${payload.replaceAll(/\W+/g, "-")}`;
    const { uri } = await this.world.push(reference, { "model.bin": payload });
    return uri.replace(this.world.host, HOST);
  }

  /** Runs the program; nothing but the proxy leads anywhere. */
  async run(args: string[], env: Record<string, string>) {
    return await this.world.run(args, {
      env: {
        HTTPS_PROXY: this.#proxy.url,
        KIT_CA_BUNDLE: this.#ca,
        KIT_LOG_LEVEL: "debug",
        KIT_RETRIES: "6",
        // With it the library would log tokens.
        GOOGLE_SDK_NODE_LOGGING: "*",
        ...env,
      },
    });
  }

  /** Writes a file of credentials and answers with the environment that names it. */
  async credentials(text: string): Promise<Record<string, string>> {
    const path = `${this.world.folder}/credentials-${crypto.randomUUID()}.json`;
    await Deno.writeTextFile(path, text);
    return { ...ALONE, GOOGLE_APPLICATION_CREDENTIALS: path };
  }

  async #answer(request: Request, origin: string): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const path = pathname + search;
    const { method, headers } = request;
    const visit = { method, url: origin + path, path, headers, body: await request.text() };
    this.visits.push(visit);
    return await this.google.sites[origin](visit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

Deno.test("Google's registry under its real name", async (t) => {
  await using here = await GoogleWorld.create();
  const { google, world } = here;
  const subject = `${world.folder}/subject-token`;
  await Deno.writeTextFile(subject, google.subjectToken);
  const credential_source = { file: subject };
  const metadata = { GCE_METADATA_HOST: here.metadataHost };
  const tokenPath = "/computeMetadata/v1/instance/service-accounts/default/token";

  const ways: Record<string, [environment: Record<string, string>, asked: string[]]> = {
    "GCP_WIF and the metadata server": [
      { ...metadata, ...ALONE, GCP_WIF: "true", GCP_GAR_LOCATION: "europe-west4" },
      [METADATA + tokenPath],
    ],
    "a metadata server that is found": [
      { ...metadata, METADATA_SERVER_DETECTION: "ping-only" },
      [`${METADATA}/`, METADATA + tokenPath],
    ],
    "a service account's key": [
      await here.credentials(google.serviceAccountFile()),
      ["https://oauth2.googleapis.com/token"],
    ],
    "a user's file": [
      await here.credentials(google.userFile()),
      ["https://oauth2.googleapis.com/token"],
    ],
    "workload identity federation": [
      await here.credentials(google.externalFile({ credential_source })),
      ["https://sts.googleapis.com/v1/token"],
    ],
    "workload identity federation for a service account": [
      await here.credentials(
        google.externalFile({
          credential_source,
          service_account_impersonation_url: IMPERSONATION_URL,
        }),
      ),
      ["https://sts.googleapis.com/v1/token", IMPERSONATION_URL],
    ],
  };
  for (const [name, [env, asked]] of Object.entries(ways)) {
    await t.step(`a token by ${name}: complete, asked once, and no secret anywhere`, async () => {
      here.visits.length = 0;
      const uri = await here.push(`payload of ${name}`);
      const destination = world.destination(name.replaceAll(" ", "-"));
      const ended = await here.run([uri, destination], env);

      assert.deepEqual(google.wrong, []);
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await Deno.readTextFile(`${destination}/model.bin`), `payload of ${name}`);
      assert.deepEqual(here.visits.map(({ url }) => url), asked);
      assert.match(ended.stderr, new RegExp(`Signing in to "${HOST}" with Google \\(`));
      const said = JSON.stringify(ended) + await world.kitCalls() +
        await Deno.readTextFile(`${destination}/.kit-storage.json`);
      for (const secret of google.secrets) {
        for (const form of [secret, btoa(secret), btoa(`oauth2accesstoken:${secret}`)]) {
          assert.ok(!said.includes(form), `"${form}" is readable`);
        }
      }
    });
  }

  await t.step("direct transfer signs kit in with the token", async () => {
    const uri = await here.push("payload of direct transfer");
    const destination = world.destination("direct");
    const env = { ...ways["a service account's key"][0], KIT_TRANSFER: "direct" };
    const ended = await here.run([uri, destination], env);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(
      await Deno.readTextFile(`${destination}/model.bin`),
      "payload of direct transfer",
    );
    assert.match(
      await world.kitCalls(),
      /argv: login .* --username=oauth2accesstoken --password-stdin /,
    );
  });

  await t.step("GCP_GAR_LOCATION of another place is a warning", async () => {
    const uri = await here.push("payload of another place");
    const env = { ...ways["a service account's key"][0], GCP_GAR_LOCATION: "us" };
    const ended = await here.run([uri, world.destination("place")], env);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /WARN.*GCP_GAR_LOCATION is "us", but ".*" is in "europe-west4"/i);
  });

  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const failures: Record<
    string,
    [environment: Record<string, string>, code: number, sentence: RegExp]
  > = {
    "a file that is missing": [
      { GOOGLE_APPLICATION_CREDENTIALS: "/nowhere/key.json" },
      3,
      /GOOGLE_APPLICATION_CREDENTIALS "\/nowhere\/key.json" cannot be read: No such file.*Check the Secret/,
    ],
    "a key that Google does not know": [
      await here.credentials((await GoogleMock.create()).serviceAccountFile()),
      3,
      /Google's token endpoint answered 400 invalid_grant: Invalid JWT Signature\..*Put a new file in the place of GOOGLE_APPL/,
    ],
    "a subject token of somebody else": [
      await here.credentials(google.externalFile({ credential_source: { file: "/etc/hostname" } })),
      3,
      /Google's STS answered 400 invalid_grant: Unable to parse the ID Token\..*Compare audience and subject_token_type/,
    ],
    "no metadata server, though GCP_WIF says that there is one": [
      { GCP_WIF: "true", GCE_METADATA_HOST: "127.0.0.1:1" },
      5,
      /cannot reach the metadata server: .*unset GCP_WIF/,
    ],
    "a metadata server that stays silent": [
      { GCP_WIF: "true", GCE_METADATA_HOST: `127.0.0.1:${silent.addr.port}` },
      5,
      /cannot reach the metadata server: No answer within /,
    ],
  };
  for (const [name, [env, code, sentence]] of Object.entries(failures)) {
    await t.step(`${name}: exit ${code} in under 15 s, never anonymous`, async () => {
      const destination = world.destination("failure");
      const uri = await here.push("payload of a failure");
      const before = world.registry.log().length;
      const ended = await here.run([uri, destination], env);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.sentence, sentence);
      assert.ok(ended.elapsed < 15_000, `it took ${ended.elapsed} ms`);
      assert.equal(ended.report.host, HOST);
      assert.doesNotMatch(ended.stderr, /without signing in/);
      assert.doesNotMatch(world.registry.log().slice(before), / 200 /, "nothing was read");
      assert.deepEqual(await snapshot(destination), {});
      for (const secret of google.secrets) assert.ok(!JSON.stringify(ended).includes(secret));
      assert.deepEqual(google.wrong, []);
    });
  }

  await t.step("a token that the registry refuses: exit 3 names the source", async () => {
    const uri = await here.push("payload of a refusal");
    const other = await GoogleMock.create();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const { pathname: path } = new URL(request.url);
        const { method, headers } = request;
        return other.sites[METADATA]({ method, url: METADATA + path, path, headers, body: "" });
      },
    );
    const env = { GCP_WIF: "true", GCE_METADATA_HOST: `127.0.0.1:${server.addr.port}` };
    const ended = await here.run([uri, world.destination("refused")], env);
    assert.equal(ended.code, 3, ended.stderr);
    assert.match(ended.sentence, /401 .*signed in with Google \(the pod's service account/);
  });
});

Deno.test("a public ModelKit on Google's host is read without signing in, and soon", async () => {
  await using files = await certificateFiles([HOST]);
  const { certificate, paths } = files;
  await using world = await TestWorld.create({ tls: paths, ca: paths.ca });
  await using proxy = new ConnectProxy({ [HOST]: world.host });
  const { uri } = await world.push("p/models/iris:v1", { "model.bin": "payload for everybody" });
  const destination = world.destination("public");
  const ended = await world.run([uri.replace(world.host, HOST), destination], {
    env: {
      HTTPS_PROXY: proxy.url,
      KIT_CA_BUNDLE: certificate.ca,
      METADATA_SERVER_DETECTION: "ping-only",
      GCE_METADATA_HOST: "127.0.0.1:1",
    },
  });
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload for everybody");
  assert.ok(ended.elapsed < 5000);
  assert.deepEqual([...new Set(proxy.names)], [HOST]);
});

/** A certificate, and its parts as files. */
async function certificateFiles(names: string[]) {
  const certificate = await makeCertificate(names);
  const folder = await Deno.makeTempDir({ prefix: "tls-" });
  const paths = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, ca: `${folder}/ca.pem` };
  for (const name of ["cert", "key", "ca"] as const) {
    await Deno.writeTextFile(paths[name], certificate[name]);
  }
  const remove = () => Deno.remove(folder, { recursive: true });
  return { certificate, paths, [Symbol.asyncDispose]: remove };
}
