import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/ecr.ts";
import { Failure } from "../../lib/errors.ts";
import { knownSecrets } from "../../lib/secret.ts";
import { type AwsServer, ecrError, EXPIRES_AT, serveAws, TOKEN_OF_ECR } from "./aws_server.ts";
import { testContext } from "./context.ts";
import { processEnvironment } from "./process_environment.ts";

const HOST = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";
const SCOPE = { host: HOST, repository: "org/model" };
const ROLE = "arn:aws:iam::111111111111:role/reader";
const KEYS = {
  AWS_ACCESS_KEY_ID: "AKIAOFTEST",
  AWS_SECRET_ACCESS_KEY: "secret-of-test",
  AWS_SESSION_TOKEN: "session-of-test",
};
const WEB = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token" };
const FILES = { "/var/run/token": "jwt.of.pod\n", "/var/run/pod-token": "token-of-pod\n" };

function contextFor(server: AwsServer, environment: Record<string, string>) {
  return testContext({
    environment: { ...server.environment, ...environment },
    files: FILES,
    fetch,
  });
}

Deno.test("a host that is not ECR is left alone, whatever the environment says", async () => {
  const context = testContext({ environment: { ...KEYS, ...WEB } });
  for (const host of ["ghcr.io", `${HOST}.example.com`]) {
    assert.equal(await credentialsFor({ host, repository: "a" }, context), undefined);
  }
});

Deno.test("without an identity an ECR host is left alone", async () => {
  assert.equal(
    await credentialsFor(SCOPE, testContext({ environment: { AWS_REGION: "eu-west-1" } })),
    undefined,
  );
});

Deno.test("static keys: ECR gets every field that it documents, and the token is decoded", async () => {
  await using server = serveAws();
  const credentials = await credentialsFor(SCOPE, contextFor(server, KEYS));

  assert.equal(credentials?.username, "AWS");
  assert.equal(credentials?.password.reveal(), TOKEN_OF_ECR);
  assert.equal(credentials?.expiresAt, EXPIRES_AT.getTime());
  assert.equal(credentials?.source, `AWS ECR (AWS_ACCESS_KEY_ID "AKIAOFTEST")`);
  assert.equal(server.sts.length, 0);
  assert.equal(server.ecr.length, 1);
  const [{ method, headers, body }] = server.ecr;
  assert.equal(method, "POST");
  assert.equal(headers.get("content-type"), "application/x-amz-json-1.1");
  assert.equal(
    headers.get("x-amz-target"),
    "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
  );
  assert.equal(headers.get("x-amz-security-token"), "session-of-test");
  assert.match(
    headers.get("authorization")!,
    /^AWS4-HMAC-SHA256 Credential=AKIAOFTEST\/\d{8}\/eu-west-3\/ecr\/aws4_request, /,
  );
  assert.deepEqual(JSON.parse(body), { registryIds: ["222222222222"] });
});

Deno.test("IRSA: STS gets role, token and session, and ECR is signed with what it gave", async () => {
  await using server = serveAws();
  const context = contextFor(server, { ...WEB, AWS_ROLE_SESSION_NAME: "session-name" });
  const credentials = await credentialsFor(SCOPE, context);

  assert.equal(credentials?.password.reveal(), TOKEN_OF_ECR);
  assert.equal(credentials?.source, `AWS ECR (the role "${ROLE}" (AWS_ROLE_ARN))`);
  assert.equal(server.sts.length, 1);
  const [sts] = server.sts;
  assert.equal(sts.method, "POST");
  assert.equal(sts.headers.get("content-type"), "application/x-www-form-urlencoded");
  assert.equal(sts.headers.get("authorization"), null, "the token is all that signs");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(sts.body)), {
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: ROLE,
    RoleSessionName: "session-name",
    WebIdentityToken: "jwt.of.pod",
  });
  assert.equal(server.ecr[0].headers.get("x-amz-security-token"), "session-of-sts");
  assert.match(
    server.ecr[0].headers.get("authorization")!,
    /Credential=ASIAOFSTS\/\d{8}\/eu-west-3\/ecr\//,
  );
  for (const secret of ["jwt.of.pod", "secret-of-sts", "session-of-sts", TOKEN_OF_ECR]) {
    assert.ok(knownSecrets().includes(secret), "the redaction knows it");
  }
});

Deno.test("Pod Identity: the endpoint gets the token, and ECR is signed with what it gave", async () => {
  await using server = serveAws();
  const context = contextFor(server, {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/var/run/pod-token",
  });
  const credentials = await credentialsFor(SCOPE, context);

  assert.equal(credentials?.password.reveal(), TOKEN_OF_ECR);
  assert.deepEqual(server.container.map(({ method, path }) => [method, path]), [[
    "GET",
    "/v1/credentials",
  ]]);
  assert.equal(server.container[0].headers.get("authorization"), "token-of-pod");
  assert.equal(server.ecr[0].headers.get("x-amz-security-token"), "session-of-pod");
});

Deno.test("EC2: the instance's role signs in to a private registry, without any setting", async () => {
  await using server = serveAws();
  const credentials = await credentialsFor(SCOPE, contextFor(server, {}));
  assert.equal(credentials?.password.reveal(), TOKEN_OF_ECR);
  assert.equal(credentials?.source, `AWS ECR (the role "node-role" of the EC2 instance)`);
  assert.equal(server.ecr[0].headers.get("x-amz-security-token"), "session-of-node");
});

const regions: [name: string, environment: Record<string, string>, region: string][] = [
  ["the host's", {}, "eu-west-3"],
  ["the host's goes before AWS_REGION", { AWS_REGION: "us-east-2" }, "eu-west-3"],
  ["AWS_ECR_REGION goes before the host's", { AWS_ECR_REGION: "us-east-2" }, "us-east-2"],
];
for (const [name, environment, region] of regions) {
  Deno.test(`the region: ${name}`, async () => {
    await using server = serveAws();
    await credentialsFor(SCOPE, contextFor(server, { ...KEYS, ...environment }));
    assert.ok(server.ecr[0].headers.get("authorization")?.includes(`/${region}/ecr/aws4_request`));
  });
}

/** Without an endpoint of one's own: where the requests would go. */
const addresses: [
  name: string,
  host: string,
  environment: Record<string, string>,
  expected: string[],
][] = [
  ["STS and ECR of the host's region", HOST, {}, [
    "https://sts.eu-west-3.amazonaws.com/",
    "https://api.ecr.eu-west-3.amazonaws.com/",
  ]],
  ["a FIPS host", "222222222222.dkr.ecr-fips.us-gov-west-1.amazonaws.com", {}, [
    "https://sts.us-gov-west-1.amazonaws.com/",
    "https://api.ecr-fips.us-gov-west-1.amazonaws.com/",
  ]],
  ["a FIPS host elsewhere", "222222222222.dkr.ecr-fips.us-east-1.amazonaws.com", {}, [
    "https://sts-fips.us-east-1.amazonaws.com/",
    "https://api.ecr-fips.us-east-1.amazonaws.com/",
  ]],
  ["dual stack by AWS_USE_DUALSTACK_ENDPOINT", HOST, { AWS_USE_DUALSTACK_ENDPOINT: "true" }, [
    "https://sts.eu-west-3.api.aws/",
    "https://ecr.eu-west-3.api.aws/",
  ]],
  ["China", "222222222222.dkr.ecr.cn-north-1.amazonaws.com.cn", {}, [
    "https://sts.cn-north-1.amazonaws.com.cn/",
    "https://api.ecr.cn-north-1.amazonaws.com.cn/",
  ]],
  ["the European Sovereign Cloud", "222222222222.dkr.ecr.eusc-de-east-1.amazonaws.eu", {}, [
    "https://sts.eusc-de-east-1.amazonaws.eu/",
    "https://api.ecr.eusc-de-east-1.amazonaws.eu/",
  ]],
  ["an S3 store's address is not used", HOST, {
    S3_ENDPOINT: "minio:9000",
    AWS_ENDPOINT_URL: "http://minio:9000",
    ...KEYS,
  }, [
    "https://sts.eu-west-3.amazonaws.com/",
    "https://api.ecr.eu-west-3.amazonaws.com/",
  ]],
  ["AWS_ENDPOINT_URL is used without an S3 store", HOST, {
    AWS_ENDPOINT_URL: "http://aws.test:1/x",
  }, [
    "http://aws.test:1/x/",
    "http://aws.test:1/x/",
  ]],
];
for (const [name, host, environment, expected] of addresses) {
  Deno.test(`the addresses: ${name}`, async () => {
    await using server = serveAws();
    using _process = processEnvironment({ AWS_ENDPOINT_URL: "http://of-the-process.test" });
    const urls: string[] = [];
    const context = testContext({
      environment: { ...WEB, ...environment },
      files: FILES,
      fetch: (input, init) => {
        const request = input as Request;
        urls.push(request.url);
        return fetch(`${server.url}/${urls.length === 1 ? "sts" : "ecr"}`, {
          ...init,
          method: request.method,
          headers: request.headers,
          body: request.body,
        });
      },
    });
    await credentialsFor({ host, repository: "org/model" }, context);
    assert.deepEqual(urls, expected);
    const isSaid = context.lines.some((line) => line.includes("AWS_ENDPOINT_URL is taken for"));
    assert.equal(isSaid, name.includes("S3 store's"));
  });
}

const PUBLIC = { host: "public.ecr.aws", repository: "org/model" };
const publicToken = () =>
  Response.json({
    authorizationData: { authorizationToken: btoa(`AWS:${TOKEN_OF_ECR}`), expiresAt: 4102444800 },
  });

Deno.test("the public registry: IRSA and ECR Public are asked, both in us-east-1", async () => {
  await using server = serveAws({ ecr: publicToken });
  const urls: string[] = [];
  const context = testContext({
    environment: { ...WEB, AWS_REGION: "eu-west-1", AWS_ECR_REGION: "eu-west-2" },
    files: FILES,
    fetch: (input, init) => {
      const { url, method, headers, body } = input as Request;
      urls.push(url);
      const path = urls.length === 1 ? "sts" : "ecr";
      return fetch(`${server.url}/${path}`, { ...init, method, headers, body });
    },
  });
  const credentials = await credentialsFor(PUBLIC, context);
  assert.deepEqual(urls, [
    "https://sts.us-east-1.amazonaws.com/",
    "https://api.ecr-public.us-east-1.amazonaws.com/",
  ]);
  assert.equal(credentials?.username, "AWS");
  assert.equal(credentials?.password.reveal(), TOKEN_OF_ECR);
  assert.equal(credentials?.expiresAt, EXPIRES_AT.getTime());
  const [{ headers, body }] = server.ecr;
  assert.equal(headers.get("x-amz-target"), "SpencerFrontendService.GetAuthorizationToken");
  assert.match(headers.get("authorization")!, /\/us-east-1\/ecr-public\/aws4_request, /);
  assert.deepEqual(JSON.parse(body), {});
});

const publicEndpoints: [environment: Record<string, string>, expected: string][] = [
  [{ AWS_USE_DUALSTACK_ENDPOINT: "true" }, "https://ecr-public.us-east-1.api.aws/"],
  [{ AWS_ENDPOINT_URL_ECR_PUBLIC: "http://public.test" }, "http://public.test/"],
  [
    { AWS_ENDPOINT_URL_ECR: "http://private.test" },
    "https://api.ecr-public.us-east-1.amazonaws.com/",
  ],
];
for (const [environment, expected] of publicEndpoints) {
  Deno.test(`the public registry: ${Object.keys(environment)} leads to ${expected}`, async () => {
    const urls: string[] = [];
    const context = testContext({
      environment: { ...KEYS, ...environment },
      fetch: (input) => {
        urls.push((input as Request).url);
        return Promise.resolve(publicToken());
      },
    });
    assert.equal((await credentialsFor(PUBLIC, context))?.username, "AWS");
    assert.deepEqual(urls, [expected]);
  });
}

Deno.test("the public registry: without an identity of the pod's own nobody is asked", async () => {
  await using server = serveAws();
  const context = contextFor(server, {});
  assert.equal(await credentialsFor(PUBLIC, context), undefined);
  assert.deepEqual([server.instance.length, server.ecr.length, context.lines], [0, 0, []]);
});

Deno.test("the public registry: an identity that fails is a warning with a remedy, and no error", async () => {
  await using server = serveAws({
    ecr: () => ecrError(400, "AccessDeniedException", "not authorized"),
  });
  const context = contextFor(server, {
    ...KEYS,
    AWS_ENDPOINT_URL_ECR_PUBLIC: `${server.url}/ecr`,
  });
  assert.equal(await credentialsFor(PUBLIC, context), undefined);
  assert.equal(context.lines.length, 1);
  assert.match(context.lines[0], / WARN .*ECR Public answered 400 AccessDeniedException: /);
  assert.match(context.lines[0], /: reading without signing in, within AWS's lower limits\. Allow/);
  assert.match(context.lines[0], /ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken/);
});

Deno.test("nothing of the process's own environment reaches AWS", async () => {
  await using server = serveAws();
  const value = "http://of-the-process.test";
  using _process = processEnvironment({
    AWS_ACCESS_KEY_ID: value,
    AWS_SECRET_ACCESS_KEY: value,
    AWS_SESSION_TOKEN: value,
    AWS_REGION: value,
    AWS_ENDPOINT_URL: value,
    AWS_USE_FIPS_ENDPOINT: "true",
    AWS_MAX_ATTEMPTS: "nonsense",
  });
  await credentialsFor(SCOPE, contextFor(server, WEB));
  assert.equal(server.sts.length, 1);
  assert.equal(server.ecr.length, 1);
  assert.ok(server.ecr[0].headers.get("authorization")?.includes("ASIAOFSTS"));
});

const mistakes: [variable: string, value: string, message: RegExp][] = [
  ["AWS_ECR_REGION", "eu west", /^Cannot use AWS_ECR_REGION "eu west": it is not a region$/],
  ["AWS_ECR_REGION", "eu-west-1.example.com", /^Cannot use AWS_ECR_REGION/],
  ["AWS_ENDPOINT_URL_ECR", "api.ecr.test", /^Cannot use the address of AWS ECR: it is not an HTTP/],
  [
    "AWS_ENDPOINT_URL_STS",
    "file:///etc",
    /^Cannot use the address of AWS STS: it is not an HTTP URL/,
  ],
];
for (const [variable, value, message] of mistakes) {
  Deno.test(`${variable}="${value}" is a usage failure`, async () => {
    const context = testContext({ environment: { ...KEYS, [variable]: value } });
    await assert.rejects(credentialsFor(SCOPE, context), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.outcome, "usage");
      assert.match(error.message, message);
      return true;
    });
  });
}

const profiles: [name: string, profile: string, more: Record<string, string>, source: RegExp][] = [
  ["a profile that is named", "dev", { AWS_PROFILE: "dev" }, /^AWS ECR \(AWS_PROFILE "dev"\)$/],
  [
    "the default profile, beside the keys of an S3 secret",
    "default",
    { ...KEYS, S3_ENDPOINT: "minio:9000" },
    /^AWS ECR \(the default profile of ".*credentials"\)$/,
  ],
];
for (const [name, profile, more, source] of profiles) {
  Deno.test(`${name} is left to the SDK's chain, and asks STS through our fetch`, async () => {
    await using server = serveAws();
    const folder = await Deno.makeTempDir();
    const file = `${folder}/credentials`;
    const text =
      `[${profile}]\nrole_arn = ${ROLE}\nweb_identity_token_file = ${folder}/token\nrole_session_name = s\n`;
    await Deno.writeTextFile(`${folder}/token`, "jwt.of.profile");
    await Deno.writeTextFile(file, text);
    const environment = { ...more, AWS_SHARED_CREDENTIALS_FILE: file };
    using _process = processEnvironment({
      ...environment,
      AWS_CONFIG_FILE: `${folder}/none`,
      AWS_ENDPOINT_URL_STS: `${server.url}/sts`,
    });
    const calls: string[] = [];
    const context = testContext({
      environment: { ...server.environment, ...environment },
      files: { [file]: text },
      fetch: (input, init) => {
        calls.push(new URL((input as Request).url).pathname);
        return fetch(input, init);
      },
    });
    try {
      const credentials = await credentialsFor(SCOPE, context);
      assert.match(credentials?.source ?? "", source);
      assert.deepEqual(calls, ["/sts/", "/ecr/"]);
      assert.match(server.ecr[0].headers.get("authorization")!, /Credential=ASIAOFSTS/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a profile that does not exist is an auth failure that names it", async () => {
  await using server = serveAws();
  using _process = processEnvironment({
    AWS_PROFILE: "nobody",
    AWS_SHARED_CREDENTIALS_FILE: "/nonexistent/credentials",
    AWS_CONFIG_FILE: "/nonexistent/config",
    AWS_EC2_METADATA_DISABLED: "true",
  });
  const context = testContext({
    environment: { ...server.environment, AWS_PROFILE: "nobody" },
    fetch,
  });
  await assert.rejects(credentialsFor(SCOPE, context), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.outcome, "auth");
    assert.match(error.message, /: AWS ECR: AWS_PROFILE "nobody": /);
    return true;
  });
});
