import assert from "node:assert/strict";
import { patterned } from "../support/fake_blob.ts";
import { putChanged } from "../support/push.ts";
import { passOn, Recorder } from "../support/recorder.ts";
import { TokenServer } from "../support/token_server.ts";
import { TestWorld } from "../support/world.ts";

const MODEL = patterned(2 * 1024 * 1024 + 1);
const PASSWORDS = {
  alice: "correct-horse-4711",
  bob: "battery-staple-4712",
  carol: "purple-monkey-4713",
  dave: "dish-washer-4714",
  mallory: "mirror-mirror-4719",
};
type User = keyof typeof PASSWORDS;
const MIRROR_TOKEN = "token-of-the-mirror-4716";
const SIGNATURE = "signature-4717";

const basic = (user: User) => `Basic ${btoa(`${user}:${PASSWORDS[user]}`)}`;
const htpasswd = (user: User) => [{ user, password: PASSWORDS[user] }];

/** Every form in which a user's password could arrive. */
function formsOf(user: User): string[] {
  const password = PASSWORDS[user];
  return [password, basic(user).slice(6), btoa(password), encodeURIComponent(password)];
}

/** Whose secrets were in what a server got. */
function secretsIn(server: Recorder): string[] {
  const text = server.visits.join("\n\n");
  const users = (Object.keys(PASSWORDS) as User[]).filter((user) =>
    formsOf(user).some((form) => text.includes(form))
  );
  return [
    ...users,
    ...(text.includes(MIRROR_TOKEN) ? ["the mirror's token"] : []),
    ...(text.includes(SIGNATURE) ? ["the signature"] : []),
    ...(/Bearer eyJ/.test(text) ? ["dave's token"] : []),
  ];
}

Deno.test("no credential reaches a host that it is not for", async (t) => {
  // The first pair's registry redirects to a storage, and its ModelKit has a parent elsewhere.
  await using first = await TestWorld.create({ htpasswd: htpasswd("alice") });
  await using parent = await TestWorld.create({ htpasswd: htpasswd("bob") });
  await using second = await TestWorld.create({ htpasswd: htpasswd("carol") });
  await using tokens = await TokenServer.create({ users: PASSWORDS });

  await using storage = new Recorder((request) =>
    passOn(request, first.host, {
      ...Object.fromEntries(request.headers),
      authorization: basic("alice"),
    })
  );
  await using firstSeen = new Recorder((request) => {
    const { pathname } = new URL(request.url);
    if (!pathname.includes("/blobs/") || !request.headers.has("authorization")) {
      return passOn(request, first.host);
    }
    const Location = `http://${storage.host}${pathname}?${SIGNATURE}`;
    return new Response(null, { status: 307, headers: { Location } });
  });
  await using parentSeen = new Recorder((request) => passOn(request, parent.host));
  await using secondSeen = new Recorder((request) => passOn(request, second.host));

  // Mirrors: one that takes nobody's word, one with a token server, one with a password of its own.
  const challenge = (value: string) =>
    new Response("{}", { status: 401, headers: { "WWW-Authenticate": value } });
  await using greedyMirror = new Recorder(() => challenge('Basic realm="mirror"'));
  await using mirrorTokens = new Recorder(() => Response.json({ token: MIRROR_TOKEN }));
  await using tokenMirror = new Recorder((request) =>
    request.headers.has("authorization")
      ? new Response("{}", { status: 404 })
      : challenge(`Bearer realm="http://${mirrorTokens.host}/token",service="mirror"`)
  );
  await using ownMirror = new Recorder((request) =>
    request.headers.has("authorization")
      ? new Response("{}", { status: 404 })
      : challenge('Basic realm="mirror"')
  );

  // The third pair's registry has a token server.
  await using tokenSeen = new Recorder((request) => passOn(request, new URL(tokens.realm).host));
  await using third = await TestWorld.create({
    token: { ...tokens.config, realm: `http://${tokenSeen.host}/token` },
  });
  await using thirdSeen = new Recorder((request) => passOn(request, third.host));

  const child = await first.push("team/child:base", { "R.md": "payload of scopes" }, {
    kitfile: JSON.stringify({ manifestVersion: "1.0.0", package: {}, docs: [{ path: "R.md" }] }),
  });
  await parent.push("else/parent:v1", { "model.bin": MODEL });
  const uri = await putChanged(first, "team/child:v1", {
    digest: child.digest,
    change: (kitfile) => ({ ...kitfile, model: { path: `${parentSeen.host}/else/parent:v1` } }),
  });
  const other = await second.push("team/other:v1", { "model.bin": MODEL });
  const guarded = await third.push("dave/guarded:v1", { "model.bin": MODEL }, {
    login: { user: "dave", password: PASSWORDS.dave },
  });
  const servers = { storage, firstSeen, parentSeen, secondSeen, thirdSeen, tokenSeen };
  const mirrors = { greedyMirror, mirrorTokens, tokenMirror, ownMirror };
  for (const { visits } of Object.values({ ...servers, ...mirrors })) visits.length = 0;

  const auths = {
    [parentSeen.host]: { auth: btoa(`bob:${PASSWORDS.bob}`) },
    [secondSeen.host]: { auth: btoa(`carol:${PASSWORDS.carol}`) },
    [thirdSeen.host]: { auth: btoa(`dave:${PASSWORDS.dave}`) },
    [ownMirror.host]: { auth: btoa(`mallory:${PASSWORDS.mallory}`) },
  };
  const pairs: [uri: string, place: string][] = [
    [uri.replace(first.host, firstSeen.host), first.destination("first")],
    [other.uri.replace(second.host, secondSeen.host), first.destination("second")],
    [guarded.uri.replace(third.host, thirdSeen.host), first.destination("third")],
  ];
  const ended = await first.run(pairs.flat(), {
    env: {
      KIT_REGISTRY: firstSeen.host,
      KIT_USER: "alice",
      KIT_PASSWORD: PASSWORDS.alice,
      KIT_DOCKER_CONFIG_JSON: JSON.stringify({ auths }),
      KIT_MIRRORS: [greedyMirror, tokenMirror, ownMirror].map(({ host }) =>
        `${firstSeen.host}=http://${host}`
      ).join(" "),
      KIT_LOG_LEVEL: "debug",
    },
  });
  assert.equal(ended.code, 0, ended.stderr);
  for (const [, place] of pairs) {
    assert.deepEqual(await Deno.readFile(`${place}/model.bin`), MODEL);
  }

  const EXPECTED: [name: string, server: Recorder, secrets: string[]][] = [
    ["the first pair's registry", firstSeen, ["alice"]],
    ["the storage that it redirects to", storage, ["the signature"]],
    ["the parent's registry", parentSeen, ["bob"]],
    ["the second pair's registry", secondSeen, ["carol"]],
    ["the third pair's registry", thirdSeen, ["dave's token"]],
    ["its token server", tokenSeen, ["dave"]],
    ["a mirror that wants a password", greedyMirror, []],
    ["a mirror with a token server", tokenMirror, ["the mirror's token"]],
    ["that token server", mirrorTokens, []],
    ["a mirror with a password of its own", ownMirror, ["mallory"]],
  ];
  for (const [name, server, secrets] of EXPECTED) {
    await t.step(`${name} gets ${secrets.join() || "nothing"}`, () => {
      assert.ok(server.visits.length > 0, "it was asked at all");
      assert.deepEqual(secretsIn(server), secrets);
    });
  }
  await t.step("kit and the log get nothing of all that", async () => {
    const text = ended.stdout + ended.stderr + await first.kitCalls();
    for (const user of Object.keys(PASSWORDS) as User[]) {
      for (const form of formsOf(user)) assert.ok(!text.includes(form), `${user}: ${form}`);
    }
    for (const secret of [MIRROR_TOKEN, SIGNATURE, "Bearer eyJ"]) assert.ok(!text.includes(secret));
  });
});
