import { Failure } from "../errors.ts";
import { awsFailure } from "./aws_error.ts";
import {
  awsEndpoint,
  type AwsIdentity,
  describeIdentity,
  findAwsIdentity,
  hasS3Secret,
  missingHalf,
} from "./aws_identity.ts";
import { type EcrRegistry, parseEcrHost, REGION_REGEXP } from "./ecr_host.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "AWS ECR";

/** Whether `host` is a registry of ECR, private or public. */
export function matches(host: string): boolean {
  return parseEcrHost(host) !== undefined;
}

/**
 * A token for an ECR host, when an AWS identity is present. Account and region come from the host, so that a role of
 * one account can read from another's registry.
 */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
): Promise<Credentials | undefined> {
  const registry = parseEcrHost(scope.host);
  if (registry === undefined) return undefined;
  if (registry.account !== undefined) return await signIn(registry, scope, context);
  try {
    return await signIn(registry, scope, context);
  } catch (error) {
    // Everybody may read there, and a token only raises the limits: a role for a private registry need not have the
    // right to ask for one, nor a locked network a way to us-east-1. No other source falls back in this way.
    if (!(error instanceof Failure) || !["auth", "unavailable"].includes(error.outcome)) {
      throw error;
    }
    context.log.warn(
      `${error.message}: reading without signing in, within AWS's lower limits. ${error.hint}`,
      { host: scope.host },
    );
  }
}

async function signIn(
  registry: EcrRegistry,
  scope: Scope,
  context: AuthContext,
): Promise<Credentials | undefined> {
  const { environment } = context.config;
  const isPublic = registry.account === undefined;
  const identity = await identityFor(scope, context, { instance: !isPublic });
  if (identity === undefined) {
    const missing = missingHalf(environment);
    if (missing === undefined) return undefined;
    throw new Failure("auth", `Cannot sign in to "${scope.host}": ${name}: ${missing}`, {
      hint: "Set both, or neither; IRSA sets them when the pod is created with the service account",
      host: scope.host,
    });
  }
  if (hasS3Secret(environment) && environment.AWS_ENDPOINT_URL !== undefined) {
    context.log.info(
      "S3_ENDPOINT is set: AWS_ENDPOINT_URL is taken for its address, and not used for ECR",
    );
  }
  checkSettings(environment);
  const useDualStack = isOn(environment.AWS_USE_DUALSTACK_ENDPOINT);
  // Loading it costs some 20 MB of memory and 50 ms: only for runs that need it.
  const { requestToken } = await import("./ecr_client.ts");
  const token = await requestToken({
    host: scope.host,
    account: registry.account,
    region: isPublic ? registry.region : environment.AWS_ECR_REGION ?? registry.region,
    useFips: registry.isFips || isOn(environment.AWS_USE_FIPS_ENDPOINT),
    useDualStack,
    identity,
    endpoints: {
      ecr: isPublic
        ? awsEndpoint("ECR_PUBLIC", environment) ?? publicEndpoint(registry.region, useDualStack)
        : awsEndpoint("ECR", environment),
      sts: awsEndpoint("STS", environment),
    },
  }, context);
  return { ...token, source: `${name} (${describeIdentity(identity)})` };
}

async function identityFor(
  { host }: Scope,
  context: AuthContext,
  options: { instance: boolean },
): Promise<AwsIdentity | undefined> {
  try {
    return await findAwsIdentity(context, options);
  } catch (error) {
    context.signal.throwIfAborted();
    const identity = { kind: "instance", endpoint: "", role: "" } as const;
    throw awsFailure(error, { host, service: "the instance's metadata service", identity });
  }
}

/** https://docs.aws.amazon.com/general/latest/gr/ecr-public.html */
function publicEndpoint(region: string, useDualStack: boolean): string {
  return useDualStack
    ? `https://ecr-public.${region}.api.aws`
    : `https://api.ecr-public.${region}.amazonaws.com`;
}

/** Mistakes that the SDK would report as if AWS could not be reached. */
function checkSettings(environment: Readonly<Record<string, string>>): void {
  const { AWS_ECR_REGION } = environment;
  if (AWS_ECR_REGION !== undefined && !REGION_REGEXP.test(AWS_ECR_REGION)) {
    throw new Failure(
      "usage",
      `Cannot use AWS_ECR_REGION "${AWS_ECR_REGION}": it is not a region`,
      {
        hint: "Give a region such as eu-west-1, or leave it to the registry's host",
      },
    );
  }
  for (const service of ["ECR", "ECR_PUBLIC", "STS"] as const) {
    const endpoint = awsEndpoint(service, environment);
    if (endpoint === undefined || /^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) continue;
    throw new Failure("usage", `Cannot use the address of AWS ${service}: it is not an HTTP URL`, {
      hint: `Correct AWS_ENDPOINT_URL_${service} or AWS_ENDPOINT_URL`,
    });
  }
}

function isOn(value: string | undefined): boolean {
  return value?.toLowerCase() === "true";
}
