import assert from "node:assert/strict";
import fc from "fast-check";
import { credentialsFor } from "../../lib/auth/docker_config.ts";
import type { Scope } from "../../lib/auth/source.ts";
import { Failure } from "../../lib/errors.ts";
import { testContext, type World } from "./context.ts";

const ANNA = { auth: btoa("anna:pa:ss:1") };
const BEN = { auth: btoa("ben:pass-2") };
const ANNA_SAYS = "anna / pa:ss:1";
const BEN_SAYS = "ben / pass-2";

/** `expected` is `user / password`, `undefined` for "not mine", or what the failure's message says. */
interface Row extends World {
  name: string;
  config?: unknown;
  host?: string;
  repository?: string;
  expected: string | RegExp | undefined;
  /** What a failure says is to be done. */
  hint?: RegExp;
}

const rows: Row[] = [
  // What an entry may say.
  {
    name: "auth is split at its first colon",
    config: { auths: { "ghcr.io": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "auth in UTF-8",
    config: { auths: { "ghcr.io": { auth: "asO8cmdlbjpzw7zDnw==" } } },
    expected: "jürgen / süß",
  },
  {
    name: "auth padded with NUL",
    config: { auths: { "ghcr.io": { auth: btoa("a:b\0\0") } } },
    expected: "a / b",
  },
  {
    name: "username and password",
    config: { auths: { "ghcr.io": { username: "u", password: "p" } } },
    expected: "u / p",
  },
  {
    name: "auth goes before username",
    config: { auths: { "ghcr.io": { ...ANNA, username: "u", password: "p" } } },
    expected: ANNA_SAYS,
  },
  {
    name: "identitytoken goes before auth, without a user",
    config: {
      auths: {
        "ghcr.io": { auth: btoa("00000000-0000-0000-0000-000000000000:"), identitytoken: "jwt" },
      },
    },
    expected: " / jwt",
  },
  {
    name: "registrytoken is a bearer token, and goes before everything else",
    config: { auths: { "ghcr.io": { ...ANNA, identitytoken: "jwt", registrytoken: "t0ken" } } },
    expected: " / t0ken as a bearer token",
  },
  {
    name: "registrytoken with a line break",
    config: { auths: { "ghcr.io": { registrytoken: "t0ken-value\r\nX: y" } } },
    expected: /"ghcr.io" of KIT_DOCKER_CONFIG_JSON: its "registrytoken" is no token/,
  },
  { name: "an empty entry is none", config: { auths: { "ghcr.io": {} } }, expected: undefined },
  {
    name: "an entry with an e-mail address alone is none",
    config: { auths: { "ghcr.io": { email: "a@b" } } },
    expected: undefined,
  },
  {
    name: "auth that is not base64",
    config: { auths: { "ghcr.io": { auth: "%%%" } } },
    expected: /"ghcr.io" of KIT_DOCKER_CONFIG_JSON: its "auth" is not base64/,
  },
  {
    name: "auth without a colon",
    config: { auths: { "ghcr.io": { auth: btoa("anna") } } },
    expected: /: its "auth" has no colon$/,
  },
  {
    name: "auth without a password",
    config: { auths: { "ghcr.io": { auth: btoa("anna:") } } },
    expected: /no password/,
  },
  {
    name: "auth without a user",
    config: { auths: { "ghcr.io": { auth: btoa(":pass") } } },
    expected: /no user name/,
  },
  {
    name: "a username alone",
    config: { auths: { "ghcr.io": { username: "u" } } },
    expected: /neither "auth" nor/,
  },
  {
    name: "a broken entry of another host does no harm",
    config: { auths: { "quay.io": { auth: "%%%" }, "ghcr.io": ANNA } },
    expected: ANNA_SAYS,
  },
  { name: "the old .dockercfg without auths", config: { "ghcr.io": ANNA }, expected: ANNA_SAYS },
  {
    name: "the old .dockercfg as docker wrote it",
    host: "docker.io",
    config: { "https://index.docker.io/v1/": { ...ANNA, email: "anna@example.com" } },
    expected: ANNA_SAYS,
  },
  {
    name: "what other tools keep in the same file",
    config: {
      auths: { "ghcr.io": ANNA },
      ...{ HttpHeaders: { "User-Agent": "Docker-Client" }, currentContext: "default" },
      ...{ plugins: {}, aliases: {}, proxies: { default: { httpProxy: "http://proxy:3128" } } },
    },
    expected: ANNA_SAYS,
  },

  // How a key may be written.
  {
    name: "a key with scheme",
    config: { auths: { "https://ghcr.io": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "a key with scheme and slash",
    config: { auths: { "http://ghcr.io/": ANNA } },
    expected: ANNA_SAYS,
  },
  { name: "a key in capitals", config: { auths: { "GHCR.io": ANNA } }, expected: ANNA_SAYS },
  {
    name: "a key with /v2/",
    config: { auths: { "https://ghcr.io/v2/": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "Docker Hub's key for docker.io",
    host: "docker.io",
    config: { auths: { "https://index.docker.io/v1/": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "Docker Hub's key for registry-1.docker.io",
    host: "registry-1.docker.io",
    config: { auths: { "https://index.docker.io/v1/": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "docker.io for index.docker.io",
    host: "index.docker.io",
    config: { auths: { "docker.io": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "a look-alike of Docker Hub",
    host: "evil.docker.io",
    config: { auths: { "docker.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a port",
    host: "localhost:5000",
    config: { auths: { "localhost:5000": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "another port",
    host: "localhost:5000",
    config: { auths: { "localhost:5001": ANNA } },
    expected: undefined,
  },
  {
    name: "a key without the port",
    host: "localhost:5000",
    config: { auths: { localhost: ANNA } },
    expected: undefined,
  },
  {
    name: "a host that goes on",
    host: "ghcr.io.example.com",
    config: { auths: { "ghcr.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a host that begins earlier",
    host: "my-ghcr.io",
    config: { auths: { "ghcr.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a star for one label",
    host: "team.azurecr.io",
    config: { auths: { "*.azurecr.io": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "a star is not two labels",
    host: "a.b.azurecr.io",
    config: { auths: { "*.azurecr.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a star does not reach behind",
    host: "a.azurecr.io.example.com",
    config: { auths: { "*.azurecr.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a dot is a dot",
    host: "a-azurecr.io",
    config: { auths: { "*.azurecr.io": ANNA } },
    expected: undefined,
  },
  {
    name: "a host written out goes before a star",
    host: "a.azurecr.io",
    config: { auths: { "*.azurecr.io": ANNA, "a.azurecr.io": BEN } },
    expected: BEN_SAYS,
  },

  // For which repositories.
  {
    name: "a path that is the repository's beginning",
    config: { auths: { "ghcr.io/org": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "a path that is the repository",
    config: { auths: { "ghcr.io/org/model": ANNA } },
    expected: ANNA_SAYS,
  },
  {
    name: "a path that goes on",
    config: { auths: { "ghcr.io/org/model/more": ANNA } },
    expected: undefined,
  },
  {
    name: "a path that ends within a segment",
    config: { auths: { "ghcr.io/or": ANNA } },
    expected: undefined,
  },
  {
    name: "the longest path wins",
    config: { auths: { "ghcr.io": ANNA, "ghcr.io/org": BEN } },
    expected: BEN_SAYS,
  },
  {
    name: "the longest path wins in the other order",
    config: { auths: { "ghcr.io/org": BEN, "ghcr.io": ANNA } },
    expected: BEN_SAYS,
  },
  {
    name: "a longer path for another repository does not",
    config: { auths: { "ghcr.io": ANNA, "ghcr.io/other": BEN } },
    expected: ANNA_SAYS,
  },

  // Helpers.
  {
    name: "a credHelper for the host",
    config: { credHelpers: { "ghcr.io": "secretservice" } },
    expected: /docker-credential-secretservice/,
  },
  {
    name: "a credHelper for another host",
    config: { credHelpers: { "quay.io": "secretservice" } },
    expected: undefined,
  },
  {
    name: "an entry goes before a helper of the same file",
    config: { auths: { "ghcr.io": ANNA }, credHelpers: { "ghcr.io": "x" } },
    expected: ANNA_SAYS,
  },
  {
    name: "a credsStore with the host's empty entry",
    config: { auths: { "ghcr.io": {} }, credsStore: "desktop" },
    expected: /docker-credential-desktop/,
  },
  {
    name: "a credsStore without an entry",
    config: { auths: { "quay.io": {} }, credsStore: "desktop" },
    expected: undefined,
  },
  {
    name: "a credsStore and a usable entry",
    config: { auths: { "ghcr.io": ANNA }, credsStore: "desktop" },
    expected: ANNA_SAYS,
  },
  {
    name: "a helper of a later source does no harm",
    config: { auths: { "ghcr.io": ANNA } },
    environment: { HOME: "/home/me" },
    files: { "/home/me/.docker/config.json": `{"credHelpers": {"ghcr.io": "x"}}` },
    expected: ANNA_SAYS,
  },

  // Where the config comes from.
  { name: "nothing at all", expected: undefined },
  { name: "HOME without a config", environment: { HOME: "/home/me" }, expected: undefined },
  {
    name: "HOME",
    environment: { HOME: "/home/me" },
    files: { "/home/me/.docker/config.json": JSON.stringify({ auths: { "ghcr.io": ANNA } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "HOME of another user",
    environment: { HOME: "/root" },
    files: { "/root/.docker/config.json": new Deno.errors.PermissionDenied("no") },
    expected: undefined,
  },
  {
    name: "HOME with a broken config",
    environment: { HOME: "/home/me" },
    files: { "/home/me/.docker/config.json": "{" },
    expected: /"\/home\/me\/.docker\/config.json" is not a docker config/,
  },
  {
    name: "DOCKER_CONFIG as a folder",
    environment: { DOCKER_CONFIG: "/d/" },
    files: { "/d/": null, "/d/config.json": JSON.stringify({ auths: { "ghcr.io": ANNA } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "DOCKER_CONFIG as a folder with .dockerconfigjson",
    environment: { DOCKER_CONFIG: "/d" },
    files: { "/d": null, "/d/.dockerconfigjson": JSON.stringify({ auths: { "ghcr.io": ANNA } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "DOCKER_CONFIG as a file",
    environment: { DOCKER_CONFIG: "/d/c.json" },
    files: { "/d/c.json": JSON.stringify({ auths: { "ghcr.io": ANNA } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "DOCKER_CONFIG as a folder without one",
    environment: { DOCKER_CONFIG: "/d" },
    files: { "/d": null },
    expected: undefined,
  },
  {
    name: "DOCKER_CONFIG that is not there",
    environment: { DOCKER_CONFIG: "/d" },
    expected: /cannot read DOCKER_CONFIG \("\/d"\): No such file/,
    hint: /^Correct DOCKER_CONFIG, or unset it$/,
  },
  {
    name: "KSERVE_OCI_DOCKER_CONFIG",
    environment: { KSERVE_OCI_DOCKER_CONFIG: "/mnt/oci-fetch-auth/config.json" },
    files: { "/mnt/oci-fetch-auth/config.json": JSON.stringify({ auths: { "ghcr.io": ANNA } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "KSERVE_OCI_DOCKER_CONFIG that is not there",
    environment: { KSERVE_OCI_DOCKER_CONFIG: "/mnt/x" },
    expected: /KSERVE_OCI_DOCKER_CONFIG/,
  },
  {
    name: "KSERVE_OCI_DOCKER_CONFIG as an empty folder",
    environment: { KSERVE_OCI_DOCKER_CONFIG: "/mnt/x" },
    files: { "/mnt/x": null },
    expected: /KSERVE_OCI_DOCKER_CONFIG.*No config.json/,
  },
  {
    name: "broken JSON",
    environment: { KIT_DOCKER_CONFIG_JSON: `{"auths": {"ghcr.io": "hunter2-secret` },
    expected: /KIT_DOCKER_CONFIG_JSON is not a docker config in JSON/,
    hint: /^It must look like \{"auths": \{"HOST": /,
  },
  {
    name: "base64 in place of JSON",
    environment: { KIT_DOCKER_CONFIG_JSON: btoa(`{"auths": {}}`) },
    expected: /KIT_DOCKER_CONFIG_JSON is not a docker config/,
    hint: /^Give it as text: what is there now looks like its base64 form$/,
  },
  { name: "JSON that is a list", config: [], expected: /not a docker config/ },
  { name: "auths that is a list", config: { auths: [] }, expected: /not a docker config/ },
  {
    name: "a config of 2 MB",
    environment: { KIT_DOCKER_CONFIG_JSON: " ".repeat(2_000_000) + "{}" },
    expected: /longer than 1048576 bytes/,
  },
  {
    name: "the earlier of two sources wins for the same key",
    config: { auths: { "ghcr.io": ANNA } },
    environment: { DOCKER_CONFIG: "/d" },
    files: { "/d": JSON.stringify({ auths: { "https://ghcr.io/": BEN } }) },
    expected: ANNA_SAYS,
  },
  {
    name: "sources are merged: the longest path wins over the earlier source",
    config: { auths: { "ghcr.io": ANNA } },
    environment: { DOCKER_CONFIG: "/d" },
    files: { "/d": JSON.stringify({ auths: { "ghcr.io/org": BEN } }) },
    expected: BEN_SAYS,
  },
  {
    name: "sources are merged: an empty entry does not hide a later one",
    config: { auths: { "ghcr.io": {} } },
    environment: { DOCKER_CONFIG: "/d" },
    files: { "/d": JSON.stringify({ auths: { "ghcr.io": BEN } }) },
    expected: BEN_SAYS,
  },
];

for (
  const { name, config, host = "ghcr.io", repository = "org/model", expected, hint, ...world }
    of rows
) {
  Deno.test(`docker config: ${name}`, async () => {
    const environment = { ...world.environment };
    if (config !== undefined) environment.KIT_DOCKER_CONFIG_JSON = JSON.stringify(config);
    const context = testContext({ ...world, environment });
    const answer = credentialsFor({ host, repository }, context);
    if (expected instanceof RegExp) {
      await assert.rejects(answer, (error) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.outcome, "auth");
        assert.equal(error.host, host);
        assert.match(error.message, expected);
        assert.match(error.hint ?? "", hint ?? /./, "it says what to do");
        assert.match(error.message, new RegExp(`^Cannot sign in to "${host}": `));
        for (const secret of ["hunter2-secret", "t0ken-value"]) {
          assert.ok(!`${error.message} ${error.hint}`.includes(secret));
        }
        return true;
      });
      return;
    }
    const credentials = await answer;
    assert.equal(
      credentials &&
        `${credentials.username} / ${credentials.password.reveal()}${
          credentials.isBearer ? " as a bearer token" : ""
        }`,
      expected,
    );
  });
}

Deno.test("docker config: the log's source names the file, and never the password", async () => {
  const context = testContext({
    environment: { HOME: "/home/me" },
    files: { "/home/me/.docker/config.json": JSON.stringify({ auths: { "ghcr.io": BEN } }) },
  });
  const credentials = await credentialsFor({ host: "ghcr.io", repository: "a/b" }, context);
  assert.equal(credentials?.source, `docker config ("/home/me/.docker/config.json")`);
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const hosts = fc.tuple(label, label, fc.option(fc.integer({ min: 1, max: 65535 })))
  .map(([first, second, port]) => `${first}.${second}.test${port === null ? "" : `:${port}`}`);
const paths = fc.array(fc.stringMatching(/^[a-z0-9]{1,3}$/), { minLength: 1, maxLength: 4 })
  // As a registry's API version they are no part of a name.
  .filter(([first]) => first !== "v1" && first !== "v2");
const words = fc.string({ unit: "binary", minLength: 1 }).filter((text) => !text.includes("\0"));

const answerTo = (config: unknown, scope: Scope) =>
  credentialsFor(
    scope,
    testContext({ environment: { KIT_DOCKER_CONFIG_JSON: JSON.stringify(config) } }),
  );

Deno.test("docker config: however a key is written, it means the same host and path", async () => {
  const schemes = fc.constantFrom("", "https://", "http://", "HTTPS://");
  const versions = fc.constantFrom("", "/v1", "/v2");
  const endings = fc.constantFrom("", "/");
  await fc.assert(
    fc.asyncProperty(
      ...[hosts, paths, schemes, versions, endings, fc.boolean()] as const,
      async (host, path, scheme, version, ending, isWhole) => {
        const repository = path.join("/");
        const key = `${scheme}${host.toUpperCase()}${version}${
          isWhole ? "" : `/${repository}`
        }${ending}`;
        const credentials = await answerTo({ auths: { [key]: ANNA } }, { host, repository });
        assert.equal(credentials?.username, "anna", key);
        const other = { host: `x${host}`, repository };
        assert.equal(await answerTo({ auths: { [key]: ANNA } }, other), undefined, key);
      },
    ),
  );
});

Deno.test("docker config: of all entries for a repository the longest path wins, in any order", async () => {
  await fc.assert(
    fc.asyncProperty(hosts, paths, fc.uniqueArray(paths), async (host, path, others) => {
      const keys = [...new Set([path.slice(0, 1), path, ...others].map((p) => p.join("/")))];
      const auths = Object.fromEntries(
        keys.map((key) => [`${host}/${key}`, { username: key, password: "p" }]),
      );
      const repository = [...path, "model"].join("/");
      const matching = keys.filter((key) => `${repository}/`.startsWith(`${key}/`));
      const longest = matching.reduce((best, key) => key.length > best.length ? key : best);
      assert.equal((await answerTo({ auths }, { host, repository }))?.username, longest);
    }),
  );
});

Deno.test("docker config: any user without a colon and any password arrive as they were", async () => {
  const users = words.filter((text) => !text.includes(":"));
  await fc.assert(fc.asyncProperty(users, words, async (user, password) => {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    // What is no UTF-8, as one half of a pair of surrogates, has no form in base64 either.
    fc.pre(user.isWellFormed() && password.isWellFormed() && !user.startsWith("\ufeff"));
    const auths = { "ghcr.io": { auth: bytes.toBase64() } };
    const credentials = await answerTo({ auths }, { host: "ghcr.io", repository: "a" });
    assert.deepEqual([credentials?.username, credentials?.password.reveal()], [user, password]);
  }));
});

Deno.test("docker config: whatever is in it, the answer is credentials, none, or a failure without a secret", async () => {
  const secret = "hunter2-secret";
  const leaf = fc.constantFrom(secret, "", null, 7, true, btoa(`user:${secret}`), btoa(secret));
  const entry = fc.dictionary(
    fc.constantFrom("auth", "username", "password", "identitytoken", "registrytoken", "x"),
    leaf,
  );
  const keys = fc.constantFrom("ghcr.io", "https://ghcr.io/v2/", "*.io", "", "/", "__proto__", "*");
  const auths = fc.oneof(fc.dictionary(keys, fc.oneof(entry, leaf)), leaf);
  const configs = fc.oneof(
    fc.record({ auths, credHelpers: auths, credsStore: leaf }, { requiredKeys: [] }),
    auths,
  );
  await fc.assert(fc.asyncProperty(configs, async (config) => {
    try {
      await answerTo(config, { host: "ghcr.io", repository: "a/b" });
    } catch (error) {
      assert.ok(error instanceof Failure, String(error));
      const said = `${error.message} ${error.hint}`;
      // A helper's name is said, since it is what is missing.
      const isHelper = said.includes(`docker-credential-${secret}`);
      assert.ok(isHelper || !said.includes(secret), said);
    }
  }));
});
