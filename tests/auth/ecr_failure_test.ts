import assert from "node:assert/strict";
import { awsFailure } from "../../lib/auth/aws_error.ts";
import type { AwsIdentity } from "../../lib/auth/aws_identity.ts";
import { credentialsFor } from "../../lib/auth/ecr.ts";
import { LIMITS, requestToken } from "../../lib/auth/ecr_client.ts";
import { Failure, type FailureName } from "../../lib/errors.ts";
import { Secret } from "../../lib/secret.ts";
import { failureOf } from "../support/failure.ts";
import { type Answer, ecrError, ecrToken, serveAws, stsError } from "./aws_server.ts";
import { testContext } from "./context.ts";

const HOST = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";
const SCOPE = { host: HOST, repository: "org/model" };
const ROLE = "arn:aws:iam::111111111111:role/reader";
const SECRETS = ["hunter2-secret", "jwt-of-pod", "secret-of-test", "token-of-pod"];
const KEYS = { AWS_ACCESS_KEY_ID: "AKIAOFTEST", AWS_SECRET_ACCESS_KEY: "secret-of-test" };
const WEB = { AWS_ROLE_ARN: ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token" };
const POD = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: "POD",
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/var/run/pod-token",
};

type Asked = Omit<Parameters<typeof awsFailure>[1], "host">;

interface Row {
  name: string;
  environment: Record<string, string>;
  files?: Record<string, string>;
  sts?: Answer;
  ecr?: Answer;
  container?: Answer;
  instance?: Answer;
  outcome: FailureName;
  /** What follows `Cannot sign in to "HOST": AWS ECR: `. */
  message: RegExp;
  hint: RegExp;
  /** How many requests all services got together. */
  requests: number;
}

const rows: Row[] = [
  {
    name: "a role without its token file",
    environment: { AWS_ROLE_ARN: ROLE },
    outcome: "auth",
    message: /^AWS_ROLE_ARN is set, but AWS_WEB_IDENTITY_TOKEN_FILE is not$/,
    hint: /IRSA/,
    requests: 0,
  },
  {
    name: "a key without its secret",
    environment: { AWS_ACCESS_KEY_ID: "AKIAOFTEST" },
    outcome: "auth",
    message: /^AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not$/,
    hint: /Set both/,
    requests: 0,
  },
  {
    name: "a token file that is missing",
    environment: WEB,
    files: {},
    outcome: "auth",
    message: /^AWS_WEB_IDENTITY_TOKEN_FILE "\/var\/run\/token" cannot be read: No such file/,
    hint: /projected volumes/,
    requests: 0,
  },
  {
    name: "a token file that is empty",
    environment: WEB,
    files: { "/var/run/token": "\n" },
    outcome: "auth",
    message: /^AWS_WEB_IDENTITY_TOKEN_FILE "\/var\/run\/token" is empty$/,
    hint: /projected volumes/,
    requests: 0,
  },
  {
    name: "STS denies the role",
    environment: WEB,
    sts: () =>
      stsError(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
    outcome: "auth",
    message:
      /^STS answered 403 AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity$/,
    hint: /trust policy of the role "arn:aws:iam::111111111111:role\/reader" \(AWS_ROLE_ARN\)/,
    requests: 1,
  },
  {
    name: "the token has expired",
    environment: WEB,
    sts: () =>
      stsError(400, "ExpiredTokenException", "Token expired: current date/time 1 must be before 0"),
    outcome: "auth",
    message: /^STS answered 400 ExpiredTokenException: Token expired/,
    hint: /"\/var\/run\/token" is too old/,
    requests: 1,
  },
  {
    name: "the account does not know the cluster",
    environment: WEB,
    sts: () =>
      stsError(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account"),
    outcome: "auth",
    message: /^STS answered 400 InvalidIdentityToken(Exception)?: No OpenIDConnect provider/,
    hint: /OIDC provider/,
    requests: 1,
  },
  {
    name: "STS is down",
    environment: WEB,
    sts: () => stsError(503, "ServiceUnavailable", "busy"),
    outcome: "unavailable",
    message: /^STS answered 503/,
    hint: /^Try again later$/,
    requests: 3,
  },
  {
    name: "STS answers with a page that is not AWS's",
    environment: WEB,
    sts: () => new Response("<html>Blocked by the proxy</html>", { status: 403 }),
    outcome: "auth",
    message: /^STS answered 403: an answer that is not in AWS's form$/,
    hint: /in the place of AWS: a proxy/,
    requests: 1,
  },
  {
    name: "STS says yes, but not in AWS's form",
    environment: WEB,
    sts: () => new Response("<html>Please log in</html>"),
    outcome: "auth",
    message: /^STS answered 200: an answer that is not in AWS's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "ECR's answer is cut: the message does not quote the token",
    environment: KEYS,
    ecr: () => new Response('{"authorizationData":[{"authorizationToken":"hunter2-secret", x'),
    outcome: "auth",
    message: /^ECR answered 200: an answer that is not in AWS's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "STS redirects: the token does not follow",
    environment: WEB,
    sts: ({ path }) => path === "/sts/" ? Response.redirect("http://127.0.0.1:1/", 307) : undefined,
    outcome: "auth",
    message: /^STS answered 307: an answer that is not in AWS's form$/,
    hint: /a proxy/,
    requests: 1,
  },
  {
    name: "ECR denies the role of the container",
    environment: POD,
    ecr: () =>
      ecrError(
        400,
        "AccessDeniedException",
        "User is not authorized to perform: ecr:GetAuthorizationToken",
      ),
    outcome: "auth",
    message: /^ECR answered 400 AccessDeniedException: User is not authorized/,
    hint: /Allow the action ecr:GetAuthorizationToken to the role of the pod's service account/,
    requests: 2,
  },
  {
    name: "ECR does not know the key",
    environment: KEYS,
    ecr: () =>
      ecrError(
        400,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
      ),
    outcome: "auth",
    message: /^ECR answered 400 UnrecognizedClientException: The security token/,
    hint: /Check AWS_ACCESS_KEY_ID "AKIAOFTEST"/,
    requests: 1,
  },
  {
    name: "the session of the key has expired",
    environment: { ...KEYS, AWS_SESSION_TOKEN: "old" },
    ecr: () =>
      ecrError(
        400,
        "ExpiredTokenException",
        "The security token included in the request is expired",
      ),
    outcome: "auth",
    message: /^ECR answered 400 ExpiredTokenException/,
    hint: /Renew the credentials of AWS_ACCESS_KEY_ID/,
    requests: 1,
  },
  {
    name: "the clock is wrong",
    environment: KEYS,
    ecr: () =>
      ecrError(
        403,
        "InvalidSignatureException",
        "Signature expired: 20200101T000000Z is now earlier than",
      ),
    outcome: "auth",
    message: /^ECR answered 403 InvalidSignatureException: Signature expired/,
    hint: /^Set the node's clock: AWS refuses requests/,
    requests: 3,
  },
  {
    name: "ECR throttles",
    environment: KEYS,
    ecr: () => ecrError(400, "ThrottlingException", "Rate exceeded"),
    outcome: "unavailable",
    message: /^ECR answered 400 ThrottlingException: Rate exceeded$/,
    hint: /Try again/,
    requests: 3,
  },
  {
    name: "ECR gives no token",
    environment: KEYS,
    ecr: () => ecrToken("AAAA"),
    outcome: "auth",
    message: /^ECR answered 200: no token in the answer$/,
    hint: /^Look at what AWS answered, and check AWS_ACCESS_KEY_ID "AKIAOFTEST"$/,
    requests: 1,
  },
  {
    name: "ECR's answer has no end",
    environment: KEYS,
    ecr: () => new Response("x".repeat(300_000)),
    outcome: "unavailable",
    message: /^cannot reach ECR: The answer is longer than/,
    hint: /DNS/,
    requests: 3,
  },
  {
    name: "nobody listens at ECR",
    environment: { ...KEYS, AWS_ENDPOINT_URL_ECR: closedAddress() },
    outcome: "unavailable",
    message: /^cannot reach ECR: .*[Cc]onnection refused/,
    hint: /^Check the pod's DNS, its way to AWS/,
    requests: 0,
  },
  {
    name: "a container token file that is missing",
    environment: POD,
    files: {},
    outcome: "auth",
    message: /^cannot read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE "\/var\/run\/pod-token"/,
    hint: /Pod Identity/,
    requests: 0,
  },
  {
    name: "a container endpoint on a stranger's host",
    environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23.example.com/v1" },
    outcome: "auth",
    message: /^AWS_CONTAINER_CREDENTIALS_FULL_URI is neither HTTPS nor on this host$/,
    hint: /AWS_CONTAINER_CREDENTIALS_FULL_URI/,
    requests: 0,
  },
  {
    name: "Pod Identity refuses, in plain text",
    environment: POD,
    container: () =>
      new Response("AccessDeniedException: Unauthorized Exception!", { status: 400 }),
    outcome: "auth",
    message:
      /^the container credentials endpoint answered 400: AccessDeniedException: Unauthorized Exception!$/,
    hint: /association/,
    requests: 1,
  },
  {
    name: "Pod Identity refuses, in JSON",
    environment: POD,
    container: () => Response.json({ Code: "Forbidden", Message: "no" }, { status: 403 }),
    outcome: "auth",
    message: /^the container credentials endpoint answered 403 Forbidden: no$/,
    hint: /association/,
    requests: 1,
  },
  {
    name: "Pod Identity is down",
    environment: POD,
    container: () => new Response("down", { status: 500 }),
    outcome: "unavailable",
    message: /^the container credentials endpoint answered 500: down$/,
    hint: /Try again/,
    requests: 3,
  },
  {
    name: "Pod Identity gives no keys",
    environment: POD,
    container: () => Response.json({ SecretAccessKey: "secret-of-test" }),
    outcome: "auth",
    message:
      /^the container credentials endpoint answered 200: no AccessKeyId and SecretAccessKey in the answer$/,
    hint: /association/,
    requests: 1,
  },
  {
    name: "the instance's metadata service fails",
    environment: {},
    instance: () => new Response("busy", { status: 503 }),
    outcome: "unavailable",
    message: /^the instance's metadata service answered 503: busy$/,
    hint: /Try again/,
    requests: 1,
  },
  {
    name: "the instance cannot assume its role",
    environment: {},
    instance: ({ path }) =>
      path.endsWith("/node-role")
        ? Response.json({ Code: "AssumeRoleUnauthorizedAccess", Message: "EC2 cannot assume" })
        : undefined,
    outcome: "auth",
    message:
      /^the instance's metadata service answered 200 AssumeRoleUnauthorizedAccess: EC2 cannot assume$/,
    hint: /instance profile/,
    requests: 4,
  },
  {
    name: "the instance's role is gone when its keys are asked for",
    environment: {},
    instance: ({ path }) =>
      path.endsWith("/node-role") ? new Response("", { status: 404 }) : undefined,
    outcome: "auth",
    message: /^the instance's metadata service answered 404: no message$/,
    hint: /instance profile/,
    requests: 4,
  },
  {
    name: "ECR denies the instance's role",
    environment: {},
    ecr: () => ecrError(400, "AccessDeniedException", "not authorized"),
    outcome: "auth",
    message: /^ECR answered 400 AccessDeniedException: not authorized$/,
    hint: /ecr:GetAuthorizationToken to the role "node-role" of the EC2 instance/,
    requests: 5,
  },
  {
    name: "STS does not know the role",
    environment: WEB,
    sts: () => stsError(400, "ValidationError", "Request ARN is invalid"),
    outcome: "auth",
    message: /^STS answered 400 ValidationError: Request ARN is invalid$/,
    hint: /check the ARN/,
    requests: 1,
  },
  {
    name: "STS cannot reach the cluster's OIDC provider",
    environment: WEB,
    sts: () => stsError(400, "IDPCommunicationError", "could not reach the provider"),
    outcome: "unavailable",
    message: /^STS answered 400 IDPCommunicationError/,
    hint: /Try again/,
    requests: 3,
  },
  {
    name: "STS is turned off in the region",
    environment: WEB,
    sts: () => stsError(403, "RegionDisabledException", "STS is not activated in this region"),
    outcome: "auth",
    message: /^STS answered 403 RegionDisabledException: STS is not activated/,
    hint: /Activate STS/,
    requests: 1,
  },
  {
    name: "nobody listens at STS",
    environment: { ...WEB, AWS_ENDPOINT_URL_STS: closedAddress() },
    outcome: "unavailable",
    message: /^cannot reach STS: .*[Cc]onnection refused/,
    hint: /DNS/,
    requests: 0,
  },
  {
    name: "nobody listens at the container endpoint",
    environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${closedAddress()}/v1` },
    outcome: "unavailable",
    message: /^cannot reach the container credentials endpoint: .*[Cc]onnection refused/,
    hint: /Pod Identity agent.*NO_PROXY/,
    requests: 0,
  },
  {
    name: "the secret does not fit the key",
    environment: KEYS,
    ecr: () => ecrError(400, "InvalidSignatureException", "does not match the signature"),
    outcome: "auth",
    message: /^ECR answered 400 InvalidSignatureException: does not match/,
    hint: /Check AWS_ACCESS_KEY_ID "AKIAOFTEST" and the secret that goes with it/,
    requests: 1,
  },
  {
    name: "an endpoint policy refuses the account",
    environment: KEYS,
    ecr: () =>
      ecrError(403, "AccessDeniedException", "with an explicit deny in a VPC endpoint policy"),
    outcome: "auth",
    message: /^ECR answered 403 AccessDeniedException: with an explicit deny/,
    hint: /Allow the action ecr:GetAuthorizationToken/,
    requests: 1,
  },
];

const FILES = { "/var/run/token": "jwt-of-pod", "/var/run/pod-token": "token-of-pod" };

for (
  const { name, environment, files = FILES, outcome, message, hint, requests, ...answers } of rows
) {
  Deno.test(`ECR fails: ${name}: ${outcome}`, async () => {
    await using server = serveAws(answers);
    const own: Record<string, string> = environment.AWS_CONTAINER_CREDENTIALS_FULL_URI === "POD"
      ? { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url}/v1/credentials` }
      : {};
    const context = testContext({
      environment: { ...server.environment, ...environment, ...own },
      files,
      fetch,
    });
    await assert.rejects(credentialsFor(SCOPE, context), (error) => {
      assert.ok(error instanceof Failure, `a failure, and not ${error}`);
      const prefix = `Cannot sign in to "${HOST}": AWS ECR: `;
      assert.ok(error.message.startsWith(prefix), error.message);
      assert.match(error.message.slice(prefix.length), message);
      assert.match(error.hint ?? "", hint);
      assert.equal(error.outcome, outcome);
      assert.equal(error.host, HOST);
      for (const secret of SECRETS) {
        assert.ok(!`${error.message} ${error.hint} ${error.cause}`.includes(secret));
      }
      return true;
    });
    assert.equal(
      [...server.sts, ...server.ecr, ...server.container, ...server.instance].length,
      requests,
    );
  });
}

const BY_THEMSELVES: [name: string, error: Error, asked: Asked, message: RegExp, hint: RegExp][] = [
  [
    "a profile that leads to nothing",
    Object.assign(new Error("Could not resolve credentials"), { name: "CredentialsProviderError" }),
    { service: "ECR", identity: { kind: "profile", profile: "x", from: 'AWS_PROFILE "x"' } },
    /: AWS ECR: AWS_PROFILE "x": Could not resolve credentials$/,
    /^Correct the profile, or give the pod a role or keys$/,
  ],
  [
    "the instance's metadata service does not answer any more",
    new Error("connection refused"),
    {
      service: "the instance's metadata service",
      identity: { kind: "instance", endpoint: "", role: "r" },
    },
    /: AWS ECR: cannot reach the instance's metadata service: connection refused$/,
    /^Give the pod a role of its own \(IRSA, Pod Identity\), or let NO_PROXY have 169\.254/,
  ],
];
for (const [name, error, asked, message, hint] of BY_THEMSELVES) {
  Deno.test(`AWS errors: ${name}`, () => {
    const failure = awsFailure(error, { host: HOST, ...asked });
    assert.match(failure.message, message);
    assert.match(failure.hint ?? "", hint);
  });
}

Deno.test("one transient answer of each service does not matter", async () => {
  await using server = serveAws({
    sts: (_, call) => call === 1 ? stsError(500, "InternalFailure", "once") : undefined,
    ecr: (_, call) => call === 1 ? ecrError(500, "ServerException", "once") : undefined,
  });
  const context = testContext({
    environment: { ...server.environment, ...WEB },
    files: FILES,
    fetch,
  });
  assert.equal((await credentialsFor(SCOPE, context))?.username, "AWS");
  assert.deepEqual([server.sts.length, server.ecr.length], [2, 2]);
});

// Without the sanitizers, and last in the file: the SDK's timers go on, they cannot be cancelled.
const UNSANITIZED = { sanitizeOps: false, sanitizeResources: false };

const silent: [
  service: "sts" | "ecr" | "container" | "instance",
  identity: AwsIdentity,
  name: string,
][] = [
  ["sts", { kind: "web identity", roleArn: ROLE, tokenFile: "/var/run/token" }, "STS"],
  ["ecr", { kind: "keys", accessKeyId: "A", secretAccessKey: new Secret("secret-of-test") }, "ECR"],
  ["container", { kind: "container", url: "POD" }, "the container credentials endpoint"],
  [
    "instance",
    { kind: "instance", endpoint: "IMDS", role: "r" },
    "the instance's metadata service",
  ],
];

for (const [service, given, name] of silent) {
  Deno.test({
    name: `${name} that never answers is given up in time, as unavailable`,
    ...UNSANITIZED,
  }, async () => {
    assert.ok(LIMITS.request <= 10_000 && LIMITS.total < 15_000);
    const silence = Promise.withResolvers<Response>();
    await using server = serveAws({ [service]: () => silence.promise });
    const identity = given.kind === "container"
      ? { ...given, url: `${server.url}/v1` }
      : given.kind === "instance"
      ? { ...given, endpoint: `${server.url}/imds` }
      : given;
    const request = {
      host: HOST,
      account: "222222222222",
      region: "eu-west-3",
      useFips: false,
      useDualStack: false,
      identity,
      endpoints: { sts: `${server.url}/sts`, ecr: `${server.url}/ecr` },
    };
    const context = testContext({ files: FILES, fetch });
    try {
      const failure = await failureOf(() =>
        requestToken(request, context, { request: 100, total: 150 })
      );
      assert.equal(failure.outcome, "unavailable");
      assert.match(failure.message, new RegExp(`cannot reach ${name}: No answer within 0.15? s$`));
      assert.ok(failure.hint);
    } finally {
      silence.resolve(new Response());
    }
  });
}

Deno.test({
  name: "the end of the run ends a sign-in at once, with the run's own reason",
  ...UNSANITIZED,
}, async () => {
  const silence = Promise.withResolvers<Response>();
  await using server = serveAws({ ecr: () => silence.promise });
  const run = new AbortController();
  const context = testContext({
    environment: { ...server.environment, ...KEYS },
    fetch,
    signal: run.signal,
  });
  const reason = new Error("SIGTERM");
  const answer = credentialsFor(SCOPE, context);
  const timer = setTimeout(() => run.abort(reason), 100);
  const before = performance.now();
  try {
    await assert.rejects(answer, reason);
    assert.ok(performance.now() - before < 2000);
  } finally {
    clearTimeout(timer);
    silence.resolve(new Response());
  }
});

Deno.test(
  { name: "the end of the run ends a wait between two attempts", ...UNSANITIZED },
  async () => {
    const run = new AbortController();
    const reason = new Error("SIGTERM");
    await using server = serveAws({
      ecr: () => {
        setTimeout(() => run.abort(reason), 50);
        return new Response("{}", { status: 503, headers: { "retry-after": "4" } });
      },
    });
    const environment = { ...server.environment, ...KEYS };
    const context = testContext({ environment, fetch, signal: run.signal });
    const before = performance.now();
    await assert.rejects(credentialsFor(SCOPE, context), reason);
    assert.ok(performance.now() - before < 2000);
  },
);

/** Where nobody listens any more. */
function closedAddress(): string {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return `http://127.0.0.1:${listener.addr.port}`;
}
