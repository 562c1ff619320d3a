import { Failure } from "../errors.ts";
import {
  awsEndpoint,
  describeIdentity,
  findAwsIdentity,
  hasS3Secret,
  missingHalf,
} from "./aws_identity.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "AWS ECR";

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
  const { environment } = context.config;
  const identity = await findAwsIdentity(context);
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
  // Loading it costs some 20 MB of memory and 50 ms: only for runs that need it.
  const { requestToken } = await import("./ecr_client.ts");
  const token = await requestToken({
    host: scope.host,
    account: registry.account,
    region: environment.AWS_ECR_REGION ?? registry.region,
    useFips: registry.isFips || isOn(environment.AWS_USE_FIPS_ENDPOINT),
    useDualStack: isOn(environment.AWS_USE_DUALSTACK_ENDPOINT),
    identity,
    endpoints: { ecr: awsEndpoint("ECR", environment), sts: awsEndpoint("STS", environment) },
  }, context);
  return { ...token, source: `${name} (${describeIdentity(identity)})` };
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
  for (const service of ["ECR", "STS"] as const) {
    const endpoint = awsEndpoint(service, environment);
    if (endpoint === undefined || /^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) continue;
    throw new Failure("usage", `Cannot use the address of AWS ${service}: it is not an HTTP URL`, {
      hint: `Correct AWS_ENDPOINT_URL_${service} or AWS_ENDPOINT_URL`,
    });
  }
}

/** What the name of a private ECR registry says. */
export interface EcrRegistry {
  account: string;
  region: string;
  /** Whether the name is that of an endpoint with FIPS cryptography. */
  isFips: boolean;
}

const REGION_REGEXP = /^[a-z]+(?:-[a-z]+)+-\d{1,2}$/;

/**
 * `123456789012.dkr.ecr.eu-west-1.amazonaws.com` in all partitions, with FIPS and dual-stack names:
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
 * https://github.com/awslabs/amazon-ecr-credential-helper/blob/main/ecr-login/api/client.go
 *
 * Anchored at both ends: a host that only begins like one of AWS's is not AWS's. public.ecr.aws is another service,
 * readable without a token.
 */
const ECR_HOST_REGEXP = new RegExp(
  String
    .raw`^(?<account>\d{12})\.dkr[.-]ecr(?<fips>-fips)?\.(?<region>${
    REGION_REGEXP.source.slice(1, -1)
  })\.` +
    "(?:" + [
    String.raw`amazonaws\.com`,
    String.raw`amazonaws\.com\.cn`, // China
    String.raw`amazonaws\.eu`, // European Sovereign Cloud
    String.raw`on\.aws`, // dual stack
    String.raw`on\.amazonwebservices\.com\.cn`, // dual stack in China
    String.raw`c2s\.ic\.gov`, // iso
    String.raw`sc2s\.sgov\.gov`, // iso-b
    String.raw`cloud\.adc-e\.uk`, // iso-e
    String.raw`csp\.hci\.ic\.gov`, // iso-f
  ].join("|") + ")" + String.raw`(?::443)?$`,
);

/** What `host` says about the registry, or `undefined` when it is not a private ECR registry. */
export function parseEcrHost(host: string): EcrRegistry | undefined {
  const groups = ECR_HOST_REGEXP.exec(host.toLowerCase())?.groups;
  if (groups === undefined) return undefined;
  return { account: groups.account, region: groups.region, isFips: groups.fips !== undefined };
}

function isOn(value: string | undefined): boolean {
  return value?.toLowerCase() === "true";
}
