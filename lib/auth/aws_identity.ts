import { Secret } from "../secret.ts";
import { findInstanceRole, type InstanceRole } from "./aws_instance.ts";
import { findDefaultProfile } from "./aws_profile.ts";
import type { AuthContext } from "./source.ts";

/** How this program may prove to AWS who it is. */
export type AwsIdentity =
  | { kind: "keys"; accessKeyId: string; secretAccessKey: Secret; sessionToken?: Secret }
  | { kind: "web identity"; roleArn: string; tokenFile: string; sessionName?: string }
  | { kind: "container"; url: string; token?: Secret; tokenFile?: string }
  | { kind: "profile"; profile: string; from: string }
  | { kind: "instance" } & InstanceRole;

/**
 * The identity that the environment names, in the order of AWS's default chain:
 * https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 *
 * 1. a profile, when AWS_PROFILE names it
 * 2. static keys
 * 3. web identity: a role and a token file (IRSA)
 * 4. container credentials (EKS Pod Identity, ECS)
 * 5. the default profile of the shared files, which AWS has before 3: in a pod there is none
 * 6. the role of the EC2 instance, where `options.instance` wants it: looking for it takes up to a second
 *
 * With S3_ENDPOINT present the keys go to the end: they are then those of the S3 secret that KServe put there for
 * a model store which need not be AWS at all.
 *
 * @returns `undefined` when there is none
 */
export async function findAwsIdentity(
  context: AuthContext,
  options: { instance?: boolean } = {},
): Promise<AwsIdentity | undefined> {
  const { environment } = context.config;
  const { AWS_PROFILE } = environment;
  if (AWS_PROFILE !== undefined) {
    return { kind: "profile", profile: AWS_PROFILE, from: `AWS_PROFILE "${AWS_PROFILE}"` };
  }
  const keys = staticKeys(environment);
  if (keys !== undefined && !hasS3Secret(environment)) return keys;
  // Half an identity is a mistake to be told of, and no reason to take the node's.
  const mayBeInstance = options.instance && missingHalf(environment) === undefined;
  const own = webIdentity(environment) ?? container(environment) ?? await profile(context) ??
    (mayBeInstance ? await instance(context) : undefined);
  if (own === undefined || keys === undefined) return own ?? keys;
  context.log.info(
    `S3_ENDPOINT is set: AWS_ACCESS_KEY_ID is taken for its key, and AWS ECR uses ${
      describeIdentity(own)
    } instead`,
  );
  return own;
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
    case "instance":
      return `the role "${identity.role}" of the EC2 instance`;
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
  service: "ECR" | "ECR_PUBLIC" | "STS",
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

async function profile(context: AuthContext): Promise<AwsIdentity | undefined> {
  const path = await findDefaultProfile(context);
  return path === undefined
    ? undefined
    : { kind: "profile", profile: "default", from: `the default profile of "${path}"` };
}

async function instance(context: AuthContext): Promise<AwsIdentity | undefined> {
  const role = await findInstanceRole(context);
  return role === undefined ? undefined : { kind: "instance", ...role };
}
