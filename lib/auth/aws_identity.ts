import { Secret } from "../secret.ts";
import type { AuthContext } from "./source.ts";

/** How this program may prove to AWS who it is. */
export type AwsIdentity =
  | { kind: "keys"; accessKeyId: string; secretAccessKey: Secret; sessionToken?: Secret }
  | { kind: "web identity"; roleArn: string; tokenFile: string; sessionName?: string }
  | { kind: "container"; url: string; token?: Secret; tokenFile?: string }
  | { kind: "profile"; from: string };

/**
 * The identity that the environment names, in the order of AWS's default chain:
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 *
 * 1. a profile, when AWS_PROFILE names it
 * 2. static keys
 * 3. web identity: a role and a token file (IRSA)
 * 4. container credentials (EKS Pod Identity, ECS)
 * 5. the shared credentials file, which AWS has before 3: in a pod there is none
 *
 * With S3_ENDPOINT present the keys go behind 4: they are then those of the S3 secret that KServe put there for
 * a model store which need not be AWS at all. The instance's metadata service (IMDS) is not asked.
 *
 * @returns `undefined` when there is none
 */
export async function findAwsIdentity(context: AuthContext): Promise<AwsIdentity | undefined> {
  const { environment } = context.config;
  const keys = staticKeys(environment);
  const pod = webIdentity(environment) ?? container(environment);
  if (environment.AWS_PROFILE !== undefined) {
    return { kind: "profile", from: `AWS_PROFILE "${environment.AWS_PROFILE}"` };
  }
  if (keys !== undefined && pod !== undefined && hasS3Secret(environment)) {
    context.log.info(
      `S3_ENDPOINT is set: AWS_ACCESS_KEY_ID is taken for its key, and AWS ECR uses ${
        describeIdentity(pod)
      } instead`,
    );
    return pod;
  }
  return keys ?? pod ?? await sharedFile(context);
}

/** Names an identity in messages. */
export function describeIdentity(identity: AwsIdentity): string {
  switch (identity.kind) {
    case "keys":
      return `AWS_ACCESS_KEY_ID "${identity.accessKeyId}"`;
    case "web identity":
      return `the role "${identity.roleArn}" (AWS_ROLE_ARN)`;
    case "container":
      return `the role of the pod's service account (Pod Identity, "${identity.url}")`;
    case "profile":
      return identity.from;
  }
}

/** The half of a web identity or of a key pair that is missing, for the message about it. */
export function missingHalf(environment: Readonly<Record<string, string>>): string | undefined {
  const pairs = [
    ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"],
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
  ];
  for (const [one, other] of [...pairs, ...pairs.map((pair) => pair.toReversed())]) {
    if (environment[one] !== undefined && environment[other] === undefined) {
      return `${one} is set, but ${other} is not`;
    }
  }
}

/**
 * The address that AWS's `service` is reached under, when the environment names one:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 *
 * AWS_ENDPOINT_URL, the one for all services, does not count when S3_ENDPOINT is present: KServe then sets it to
 * the S3 store.
 */
export function awsEndpoint(
  service: "ECR" | "STS",
  environment: Readonly<Record<string, string>>,
): string | undefined {
  const own = environment[`AWS_ENDPOINT_URL_${service}`];
  if (own !== undefined) return own;
  if (environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS?.toLowerCase() === "true") return undefined;
  return hasS3Secret(environment) ? undefined : environment.AWS_ENDPOINT_URL;
}

/** Whether KServe added the variables of an S3 secret. */
export function hasS3Secret(environment: Readonly<Record<string, string>>): boolean {
  return environment.S3_ENDPOINT !== undefined;
}

function staticKeys(environment: Readonly<Record<string, string>>): AwsIdentity | undefined {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (AWS_ACCESS_KEY_ID === undefined || AWS_SECRET_ACCESS_KEY === undefined) return undefined;
  return {
    kind: "keys",
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: new Secret(AWS_SECRET_ACCESS_KEY),
    ...(AWS_SESSION_TOKEN && { sessionToken: new Secret(AWS_SESSION_TOKEN) }),
  };
}

function webIdentity(environment: Readonly<Record<string, string>>): AwsIdentity | undefined {
  const { AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_SESSION_NAME } = environment;
  if (AWS_ROLE_ARN === undefined || AWS_WEB_IDENTITY_TOKEN_FILE === undefined) return undefined;
  return {
    kind: "web identity",
    roleArn: AWS_ROLE_ARN,
    tokenFile: AWS_WEB_IDENTITY_TOKEN_FILE,
    sessionName: AWS_ROLE_SESSION_NAME,
  };
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
function container(environment: Readonly<Record<string, string>>): AwsIdentity | undefined {
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  const url = relative === undefined
    ? environment.AWS_CONTAINER_CREDENTIALS_FULL_URI
    : `http://169.254.170.2${relative}`;
  if (url === undefined) return undefined;
  const token = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN;
  return {
    kind: "container",
    url,
    tokenFile: environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
    ...(token && { token: new Secret(token) }),
  };
}

async function sharedFile(
  { config: { environment }, readTextFile }: AuthContext,
): Promise<AwsIdentity | undefined> {
  const path = environment.AWS_SHARED_CREDENTIALS_FILE ??
    (environment.HOME && `${environment.HOME}/.aws/credentials`);
  if (!path) return undefined;
  try {
    await readTextFile(path);
    return { kind: "profile", from: `the credentials file "${path}"` };
  } catch {
    return undefined; // Nobody asked for it, as far as can be known.
  }
}
