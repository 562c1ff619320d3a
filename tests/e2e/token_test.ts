import assert from "node:assert/strict";
import { patterned } from "../support/fake_blob.ts";
import { FaultProxy, type Seen } from "../support/fault_proxy.ts";
import { TokenServer, type TokenServerOptions } from "../support/token_server.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const USERS = { alice: "correct-horse-4711", bob: "battery-staple-4712" };
const REFRESH = "refresh-token-of-alice-4713";
const MIB = 1024 * 1024;

interface TokenWorld extends AsyncDisposable {
  tokens: TokenServer;
  world: TestWorld;
}

async function create(options: TokenServerOptions = {}): Promise<TokenWorld> {
  const tokens = await TokenServer.create({ users: USERS, ...options });
  try {
    const world = await TestWorld.create({ token: tokens.config });
    return {
      ...{ tokens, world },
      [Symbol.asyncDispose]: async () => {
        await world[Symbol.asyncDispose]();
        await tokens[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await tokens[Symbol.asyncDispose]();
    throw error;
  }
}

const login = { user: "alice", password: USERS.alice };
const asUser = (user: keyof typeof USERS, password: string = USERS[user]) => ({
  KIT_USER: user,
  KIT_PASSWORD: password,
});

Deno.test("a registry with token sign-in", async (t) => {
  await using here = await create({ refreshTokens: { [REFRESH]: "alice" } });
  const { world, tokens } = here;
  const { uri } = await world.push("alice/model:v1", { "model.bin": "payload of tokens" }, {
    login,
  });
  const identityToken = (token: string) => ({
    KIT_DOCKER_CONFIG_JSON: JSON.stringify({
      auths: { [world.host]: { auth: btoa("<token>:"), identitytoken: token } },
    }),
  });
  const basic = `Basic ${btoa(`alice:${USERS.alice}`)}`;

  const RIGHT: [name: string, env: Record<string, string>, grant: string | null][] = [
    ["the right user", asUser("alice"), null],
    ["a refresh token", identityToken(REFRESH), "refresh_token"],
  ];
  for (const [name, env, grant] of RIGHT) {
    await t.step(`${name}: complete, with one token for this repository alone`, async () => {
      tokens.requests.length = 0;
      const destination = world.destination(name.replaceAll(" ", "-"));
      const ended = await world.run([uri, destination], { env });
      assert.equal(ended.code, 0, ended.stderr);
      assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of tokens");
      assert.deepEqual(tokens.requests, [{
        method: grant === null ? "GET" : "POST",
        authorization: grant === null ? basic : null,
        scopes: ["repository:alice/model:pull"],
        service: "test registry",
        grant,
      }]);
    });
  }

  await t.step("two pairs on one host: one token, and the manifest once", async () => {
    await using proxy = new FaultProxy(world.host, () => undefined);
    tokens.requests.length = 0;
    const { digest } = await world.push("alice/model:v1", { "model.bin": "payload of pairs" }, {
      login,
    });
    tokens.requests.length = 0;
    const reference = uri.replace(world.host, proxy.host).replace(":v1", `@${digest}`);
    const places = ["one", "other"].map((name) => world.destination(name));
    const ended = await world.run(places.flatMap((place) => [reference, place]), {
      env: asUser("alice"),
    });
    assert.equal(ended.code, 0, ended.stderr);
    for (const place of places) {
      assert.equal(await Deno.readTextFile(`${place}/model.bin`), "payload of pairs");
    }
    assert.equal(tokens.requests.length, 1);
    const manifests = proxy.seen.filter(({ path, authorization }) =>
      path.includes("/manifests/") && authorization !== null
    );
    assert.equal(manifests.length, 1);
  });

  const WRONG: [name: string, env: Record<string, string>, says: RegExp][] = [
    ["a wrong password", asUser("alice", "wrong-4714"), /401.*KIT_USER and KIT_PASSWORD/],
    ["a user of another repository", asUser("bob"), /401.*KIT_USER and KIT_PASSWORD/],
    ["a wrong refresh token", identityToken("wrong-4715"), /401.*KIT_DOCKER_CONFIG_JSON/],
    ["nobody", {}, /wants credentials/],
  ];
  for (const [name, env, says] of WRONG) {
    await t.step(`${name}: exit 3, at once`, async () => {
      tokens.requests.length = 0;
      const destination = world.destination("wrong");
      const ended = await world.run([uri, destination], { env: { ...env, KIT_RETRIES: "6" } });
      assert.equal(ended.code, 3, ended.stderr);
      assert.match(ended.sentence, says);
      assert.ok(!/wrong-47|4711|4712/.test(ended.stderr + ended.sentence), "no secret is shown");
      assert.ok(tokens.requests.length <= 2);
      assert.deepEqual(await snapshot(destination), {});
    });
  }
});

Deno.test("a registry with token sign-in that anybody may read: a token all the same, for nobody", async () => {
  const users = { public: "correct-horse-4711" };
  await using here = await create({ users });
  const { world, tokens } = here;
  const { uri } = await world.push("public/model:v1", { "model.bin": "payload of anybody" }, {
    login: { user: "public", password: users.public },
  });
  tokens.requests.length = 0;
  const destination = world.destination("public");
  const ended = await world.run([uri, destination]);
  assert.equal(ended.code, 0, ended.stderr);
  assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of anybody");
  assert.deepEqual(tokens.requests.map(({ authorization }) => authorization), [null]);
});

const LIVES: [name: string, expiresIn: number, refusals: (count: number) => boolean][] = [
  ["of which nobody says it: renewed after each 401", 300, (count) => count >= 2],
  ["as the token server says: renewed before", 2, (count) => count === 0],
];

for (const [name, expiresIn, refusals] of LIVES) {
  Deno.test(`tokens that end after 2 s, ${name}`, async () => {
    await using here = await create({ expiresIn });
    const { world, tokens } = here;
    const model = patterned(9 * MIB + 7);
    const parts = Object.fromEntries(
      Array.from({ length: 8 }, (_, index) => [`part${index}/x.bin`, patterned(50_000, index)]),
    );
    const { uri } = await world.push("alice/slow:v1", { "model.bin": model, ...parts }, { login });
    tokens.requests.length = 0;
    let refused = 0;
    // The registry itself lets a token live a minute longer than it says.
    await using proxy = new FaultProxy(world.host, ({ authorization, path }: Seen) => {
      if (authorization !== null && tokens.ageOf(authorization) > 2000) {
        refused++;
        return { respond: tokens.refusal(path) };
      }
      return path.includes("/blobs/") ? { delay: 700 } : undefined;
    });
    const destination = world.destination("slow");
    const ended = await world.run([uri.replace(world.host, proxy.host), destination], {
      env: { ...asUser("alice"), KIT_CONNECTIONS: "1", KIT_RETRIES: "3" },
    });
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(await Deno.readFile(`${destination}/model.bin`), model);
    for (const [path, bytes] of Object.entries(parts)) {
      assert.deepEqual(await Deno.readFile(`${destination}/${path}`), bytes);
    }
    assert.ok(tokens.requests.length >= 3, `${tokens.requests.length} tokens`);
    assert.ok(refusals(refused), `${refused} refusals`);
    assert.equal(ended.report.code, 0);
  });
}
