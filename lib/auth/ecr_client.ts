import {
  type AuthorizationData,
  ECRClient,
  GetAuthorizationTokenCommand,
} from "@aws-sdk/client-ecr";
import { fromWebToken } from "@aws-sdk/credential-provider-web-identity";
import { FetchHttpHandler } from "@smithy/fetch-http-handler";
import { orAborted } from "../abort.ts";
import { Failure, messageOf } from "../errors.ts";
import { timeLimit } from "../http.ts";
import { Secret } from "../secret.ts";
import { containerKeys } from "./aws_container.ts";
import { awsFailure, type AwsService } from "./aws_error.ts";
import { identityFetch } from "./aws_fetch.ts";
import type { AwsIdentity } from "./aws_identity.ts";
import { instanceKeys } from "./aws_instance.ts";
import type { AwsKeys } from "./aws_keys.ts";
import { refusalError } from "./aws_refusal.ts";
import type { AuthContext } from "./source.ts";

// The only file that imports the SDK: ecr.ts loads it when a host needs it.

/** What is asked of AWS, and on whose behalf. */
export interface TokenRequest {
  /** The registry, for messages. */
  host: string;
  /** The registry's account, which need not be the identity's; absent for the public registry. */
  account?: string;
  region: string;
  useFips: boolean;
  useDualStack: boolean;
  identity: AwsIdentity;
  /** Addresses in the place of AWS's own, such as those of VPC endpoints. */
  endpoints: { ecr?: string; sts?: string };
}

/** What ECR gave: good for about twelve hours. */
export interface Token {
  username: string;
  password: Secret;
  expiresAt?: number;
}

/** In milliseconds: for one request, and for all of a sign-in with STS and repetitions. */
export const LIMITS = { request: 10_000, total: 14_000 };
/** For what everybody may read no longer wait is worth it. */
const PUBLIC_LIMITS = { request: 4_000, total: 5_000 };

/**
 * Signs in to one registry. Nothing is read from the environment here except by a profile's own chain.
 *
 * @param limits only tests give other ones
 * @throws {Failure} `auth` when AWS refuses, `unavailable` when it cannot be reached in time
 */
export async function requestToken(
  request: TokenRequest,
  context: AuthContext,
  limits: typeof LIMITS = request.account === undefined ? PUBLIC_LIMITS : LIMITS,
): Promise<Token> {
  using total = timeLimit(limits.total, context.signal);
  const fetch = identityFetch(context.fetch, total.signal, limits.request);
  const during = async <T>(service: AwsService, work: Promise<T>): Promise<T> => {
    try {
      // The SDK's waits between attempts do not know a signal.
      return await orAborted(work, total.signal);
    } catch (error) {
      context.signal.throwIfAborted();
      throw awsFailure(error, { ...request, service });
    }
  };

  const isPublic = request.account === undefined;
  const client = new ECRClient({
    ...settings(request, request.endpoints.ecr, { fetch, context }),
    credentials: await credentials(request, context, fetch, during),
    // Named, so that the SDK's chain does not take keys of the environment, which may be for S3.
    ...(request.identity.kind === "profile" && { profile: request.identity.profile }),
    ...(isPublic && { signingName: "ecr-public" }),
  });
  if (isPublic) askEcrPublic(client);
  try {
    const registryIds = request.account === undefined ? undefined : [request.account];
    const command = new GetAuthorizationTokenCommand({ registryIds });
    return await during(isPublic ? "ECR Public" : "ECR", client.send(command).then(decode));
  } finally {
    client.destroy();
  }
}

/**
 * ECR Public has a client of its own in the SDK. Its request differs from ECR's in the name, its answer in that there
 * is one token, and no list of them:
 * https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html
 */
function askEcrPublic({ middlewareStack }: ECRClient): void {
  middlewareStack.add((next) => async (args) => {
    const { headers } = args.request as { headers: Record<string, string> };
    headers["x-amz-target"] = "SpencerFrontendService.GetAuthorizationToken";
    const result = await next(args);
    const output = result.output as { authorizationData?: unknown };
    const { authorizationToken, expiresAt } = Object(output.authorizationData);
    const expires = Number.isFinite(expiresAt) ? new Date(expiresAt * 1000) : undefined;
    output.authorizationData = [{ authorizationToken, expiresAt: expires }];
    return result;
  }, { step: "build" });
}

type During = <T>(service: AwsService, work: Promise<T>) => Promise<T>;

/** The keys that requests are signed with; `undefined` leaves it to the SDK's own chain. */
async function credentials(
  request: TokenRequest,
  context: AuthContext,
  fetch: typeof globalThis.fetch,
  during: During,
): Promise<AwsKeys | undefined> {
  const { identity, host } = request;
  switch (identity.kind) {
    case "keys":
      return {
        accessKeyId: identity.accessKeyId,
        secretAccessKey: identity.secretAccessKey.reveal(),
        sessionToken: identity.sessionToken?.reveal(),
      };
    case "web identity": {
      const provider = fromWebToken({
        roleArn: identity.roleArn,
        roleSessionName: identity.sessionName ?? `kit-storage-initializer-${Date.now()}`,
        webIdentityToken: (await readToken(identity.tokenFile, host, context)).reveal(),
        clientConfig: settings(request, request.endpoints.sts, { fetch, context }),
      });
      return remember(await during("STS", provider()));
    }
    case "container":
      return remember(
        await during(
          "the container credentials endpoint",
          containerKeys(identity, { host, fetch, context }),
        ),
      );
    case "instance":
      return remember(
        await during(
          "the instance's metadata service",
          instanceKeys(identity, fetch, context),
        ),
      );
    case "profile":
      return undefined;
  }
}

/**
 * The settings of a client of the SDK. All of them are given, since the SDK would take what is not given from the
 * process's environment, where it may be meant for S3. STS is asked in the registry's region: its global endpoint is one region
 * away from an outage.
 */
function settings(
  { region, useFips, useDualStack }: TokenRequest,
  endpoint: string | undefined,
  { fetch, context }: { fetch: typeof globalThis.fetch; context: AuthContext },
) {
  return {
    region,
    endpoint,
    ignoreConfiguredEndpointUrls: true,
    // Together with an endpoint of one's own they are refused: the address already says it.
    useFipsEndpoint: endpoint === undefined && useFips,
    useDualstackEndpoint: endpoint === undefined && useDualStack,
    maxAttempts: context.config.attempts,
    retryMode: "standard",
    defaultsMode: "standard",
    userAgentAppId: "kit-storage-initializer",
    // It would write its warnings to the console otherwise.
    logger: SILENT,
    // Not node:http: it knows neither proxy nor CA of ours, and hangs in Deno 2.6.8 when the server closes.
    requestHandler: new FetchHttpHandler({ customFetch: fetch } as object),
  } as const;
}

const nothing = () => {};
const SILENT = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

async function readToken(
  path: string,
  host: string,
  { readTextFile }: AuthContext,
): Promise<Secret> {
  const failure = (problem: string, cause?: unknown) =>
    new Failure(
      "auth",
      `Cannot sign in to "${host}": AWS ECR: AWS_WEB_IDENTITY_TOKEN_FILE "${path}" ${problem}`,
      {
        hint: "Check the service account's annotation and the pod's projected volumes",
        host,
        cause,
      },
    );
  let text: string;
  try {
    text = (await readTextFile(path)).trim();
  } catch (error) {
    throw failure(`cannot be read: ${messageOf(error)}`, error);
  }
  if (text === "") throw failure("is empty");
  return new Secret(text);
}

/** Registers what AWS gave with the log's redaction. */
function remember(keys: AwsKeys): AwsKeys {
  new Secret(keys.secretAccessKey);
  if (keys.sessionToken !== undefined) new Secret(keys.sessionToken);
  return keys;
}

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html */
function decode({ authorizationData }: { authorizationData?: AuthorizationData[] }): Token {
  const { authorizationToken, expiresAt } = authorizationData?.[0] ?? {};
  let decoded = "";
  try {
    decoded = atob(authorizationToken ?? "");
  } catch {
    // Said below.
  }
  const colon = decoded.indexOf(":");
  if (colon < 1) {
    throw refusalError({ name: "", message: "no token in the answer", status: 200 });
  }
  return {
    username: decoded.slice(0, colon),
    password: new Secret(decoded.slice(colon + 1)),
    expiresAt: expiresAt?.getTime(),
  };
}
