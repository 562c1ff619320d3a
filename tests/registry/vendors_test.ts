// Each row of the table of registries in docs/registries.md, against a server that asks for what the vendor's asks for.
import assert from "node:assert/strict";
import { Registries } from "../../lib/registry/registries.ts";
import { ROOT } from "../../tools/program.ts";
import { testContext } from "../auth/context.ts";
import { failureOf } from "../support/failure.ts";
import { type Site, TestNetwork } from "../support/network.ts";

const REPOSITORY = "models/iris";
const SCOPE = `repository:${REPOSITORY}:pull`;
const PASSWORD = "password-of-the-vendor";
const MANIFEST = JSON.stringify({ schemaVersion: 2, layers: [] });

interface Vendor {
  /** The key that the vendor's tools write into a docker config. */
  key: string;
  /** Where the API is, if not at the host itself. */
  api?: string;
  /** What the user name has to be like. */
  user: RegExp;
  /** The WWW-Authenticate header of a 401. */
  challenge: string;
  /** What the server of tokens answers with. */
  token?: (value: string) => object;
  /** Its answer to a wrong password. */
  refusal: [status: number, body: object];
}

const denied = (code: string, message: string) => ({ errors: [{ code, message }] });

const VENDORS: Record<string, Vendor> = {
  // https://docs.github.com/packages/working-with-a-github-packages-registry/working-with-the-container-registry
  "GitHub": {
    key: "ghcr.io",
    user: /^[a-z0-9-]+$/i,
    challenge: `Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="${SCOPE}"`,
    token: (token) => ({ token }),
    refusal: [403, denied("DENIED", "denied")],
  },
  // https://docs.gitlab.com/user/project/deploy_tokens/: tokens come from the host of GitLab, and not the registry's.
  "GitLab": {
    key: "registry.gitlab.com",
    user: /^gitlab\+deploy-token-\d+$/,
    challenge:
      `Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",scope="${SCOPE}"`,
    token: (token) => ({ token }),
    refusal: [403, denied("DENIED", "access forbidden")],
  },
  // https://goharbor.io/docs/latest/working-with-projects/project-configuration/create-robot-accounts/
  "Harbor": {
    key: "harbor.example.com",
    user: /^robot\$[a-z0-9-]+\+[a-z0-9-]+$/,
    challenge: 'Bearer realm="https://harbor.example.com/service/token",' +
      `service="harbor-registry",scope="${SCOPE}"`,
    token: (token) => ({ token, access_token: "", expires_in: 1800 }),
    refusal: [401, denied("UNAUTHORIZED", "unauthorized: authentication required")],
  },
  // https://docs.redhat.com/documentation/red_hat_quay/: its challenge may name no scope.
  "Quay": {
    key: "quay.io",
    user: /^[a-z0-9_-]+\+[a-z0-9_-]+$/,
    challenge: 'Bearer realm="https://quay.io/v2/auth",service="quay.io"',
    token: (token) => ({ token }),
    refusal: [401, { message: "Could not find robot with specified username" }],
  },
  // https://docs.docker.com/reference/api/registry/auth/
  "Docker Hub": {
    key: "https://index.docker.io/v1/",
    api: "https://registry-1.docker.io",
    user: /^[a-z0-9-]+$/,
    challenge:
      `Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="${SCOPE}"`,
    token: (token) => ({ token, access_token: token, expires_in: 300 }),
    refusal: [401, { details: "incorrect username or password" }],
  },
  // https://jfrog.com/help/r/jfrog-artifactory-documentation/docker-registry
  "JFrog": {
    key: "https://example.jfrog.io",
    user: /^\S+$/,
    challenge: 'Bearer realm="https://example.jfrog.io/artifactory/api/docker/null/v2/token",' +
      'service="example.jfrog.io"',
    token: (token) => ({ token, expires_in: 3600 }),
    refusal: [401, denied("UNAUTHORIZED", "Bad props auth token")],
  },
  "JFrog, without tokens": {
    key: "example.jfrog.io",
    user: /^\S+$/,
    challenge: 'Basic realm="Artifactory Realm"',
    refusal: [401, denied("UNAUTHORIZED", "authentication is required")],
  },
};

/** Name, host and user name of each other row. */
async function tableRows(): Promise<{ name: string; host: string; user: string }[]> {
  const page = await Deno.readTextFile(`${ROOT}/docs/registries.md`);
  const [table] = /^\| registry \| host \| user name \|.*\n(?:\|.*\n)+/m.exec(page) ?? [""];
  return table.trimEnd().split("\n").slice(2).map((line) => {
    const [, name, host, user] = line.split("|").map((cell) => cell.trim());
    const example = (cell: string) => /`([^`]+)`/.exec(cell)?.[1] ?? "";
    return { name, host: example(host), user: example(user) };
  });
}

/** The vendor's registry and its server of tokens, and what the program makes of them. */
function worldOf({ challenge, api, token, refusal }: Vendor, { host, user }: {
  host: string;
  user: string;
}) {
  const basic = `Basic ${btoa(`${user}:${PASSWORD}`)}`;
  const isBasic = challenge.startsWith("Basic");
  const refuse = () => Response.json(refusal[1], { status: refusal[0] });
  const right = isBasic ? basic : "Bearer token-of-the-vendor";
  const registry: Site = ({ headers, path }) => {
    if (headers.get("Authorization") === right) {
      return new Response(path === `/v2/${REPOSITORY}/manifests/v1` ? MANIFEST : null);
    }
    return new Response(null, { status: 401, headers: { "WWW-Authenticate": challenge } });
  };
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
  const realm = isBasic ? undefined : new URL(parameter("realm"));
  const tokens: Site = ({ headers, url }) => {
    const { pathname, searchParams } = new URL(url);
    const isAsked = pathname === realm!.pathname &&
      searchParams.get("service") === parameter("service") && searchParams.get("scope") === SCOPE;
    if (!isAsked) return new Response(null, { status: 400 });
    if (headers.get("Authorization") !== basic) return refuse();
    return Response.json(token!("token-of-the-vendor"));
  };
  const origin = api ?? `https://${host}`;
  return new TestNetwork({
    [origin]: (visit) =>
      realm?.origin === origin && new URL(visit.url).pathname === realm.pathname
        ? tokens(visit)
        : registry(visit),
    ...(realm !== undefined && realm.origin !== origin && { [realm.origin]: tokens }),
  });
}

function read(network: TestNetwork, host: string, environment: Record<string, string>) {
  const context = testContext({ environment });
  const registries = new Registries({
    ...{ plainHttp: false, fetch: network.fetch, auth: context, attempts: 1, mirrors: new Map() },
    ...{ stallTimeout: 60_000, log: context.log, signal: context.signal, onRetry: () => {} },
  });
  return registries.manifest(host, REPOSITORY, "v1");
}

const rows = await tableRows();

for (const [name, vendor] of Object.entries(VENDORS)) {
  const row = rows.find((row) => row.name === name.split(",")[0]) ?? { host: "", user: "" };
  const { host, user } = row;
  const config = (password: string) =>
    JSON.stringify({
      auths: { [vendor.key]: { username: user, password, auth: btoa(`${user}:${password}`) } },
    });

  Deno.test(`${name}: its row has a user name of the form that the vendor wants`, () => {
    assert.match(user, vendor.user);
  });

  Deno.test(`${name}: signed in to by KIT_USER and KIT_PASSWORD`, async () => {
    await using network = worldOf(vendor, row);
    await read(network, host, { KIT_USER: user, KIT_PASSWORD: PASSWORD, KIT_REGISTRY: host });
    assert.deepEqual(network.strays, []);
  });

  Deno.test(`${name}: signed in to by the docker config of the vendor's own tools`, async () => {
    await using network = worldOf(vendor, row);
    await read(network, host, { KIT_DOCKER_CONFIG_JSON: config(PASSWORD) });
    assert.deepEqual(network.strays, []);
  });

  Deno.test(`${name}: a wrong password is an auth failure, and is not sent twice`, async () => {
    await using network = worldOf(vendor, row);
    const failure = await failureOf(() =>
      read(network, host, { KIT_DOCKER_CONFIG_JSON: config("wrong-password") })
    );
    assert.deepEqual([failure.outcome, failure.host], ["auth", host]);
    const sent = network.visits.filter(({ headers }) => headers.has("Authorization"));
    assert.equal(sent.length, 1);
  });
}

Deno.test("each row of the table of registries is tested", () => {
  const tested = Object.keys(VENDORS).map((name) => name.split(",")[0]);
  assert.ok(rows.length > 0);
  for (const { name } of rows) assert.ok(tested.includes(name), name);
});
