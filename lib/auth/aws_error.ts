import { Failure, messageOf } from "../errors.ts";
import { type AwsIdentity, describeIdentity } from "./aws_identity.ts";
import { type AwsRefusal, isTransientStatus, statusOf } from "./aws_refusal.ts";

/** The part of AWS that was asked. */
export type AwsService =
  | "ECR"
  | "ECR Public"
  | "STS"
  | "the container credentials endpoint"
  | "the instance's metadata service";

/**
 * Turns what went wrong into the failure that a person can act on: `auth` when AWS refused, `unavailable` when it
 * could not be reached or failed itself.
 */
export function awsFailure(
  error: unknown,
  { host, service, identity }: { host: string; service: AwsService; identity: AwsIdentity },
): Failure {
  if (error instanceof Failure) return error;
  const refusal = refusalOf(error);
  const prefix = `Cannot sign in to "${host}": AWS ECR: `;
  if (refusal !== undefined) {
    const { name, message, status } = refusal;
    // The cause of a foreign answer would quote it in the debug log.
    const cause = message === FOREIGN_MESSAGE ? undefined : error;
    const said = `${service} answered ${[status, name].filter(Boolean).join(" ")}: ${message}`;
    return isTransient(refusal)
      ? new Failure("unavailable", prefix + said, { hint: RETRY_HINT, host, cause })
      : new Failure("auth", prefix + said, {
        hint: remedy(refusal, service, identity),
        host,
        cause,
      });
  }
  // The SDK's own chain, for profiles: it found nothing usable.
  if (error instanceof Error && error.name === "CredentialsProviderError") {
    return new Failure("auth", `${prefix}${describeIdentity(identity)}: ${messageOf(error)}`, {
      hint: "Correct the profile, or give the pod a role or keys",
      host,
      cause: error,
    });
  }
  return new Failure(
    "unavailable",
    `${prefix}cannot reach ${service}: ${messageOf(error)}`,
    {
      hint: UNREACHABLE_HINTS[service] ??
        "Check the pod's DNS, its way to AWS (NAT or VPC endpoint), proxy and CA settings",
      host,
      cause: error,
    },
  );
}

const RETRY_HINT = "Try again later";
const UNREACHABLE_HINTS: Partial<Record<AwsService, string>> = {
  "the container credentials endpoint":
    "Check the Pod Identity agent of the node, and let NO_PROXY have the endpoint's address",
  "the instance's metadata service":
    "Give the pod a role of its own (IRSA, Pod Identity), or let NO_PROXY have 169.254.169.254",
};

/** AWS has throttling under several names, some of them with status 400. */
function isTransient({ name, status }: AwsRefusal): boolean {
  return isTransientStatus(status) ||
    /throttl|TooManyRequests|RequestLimitExceeded|IDPCommunication/i.test(name);
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors */
function remedy({ name, message }: AwsRefusal, service: AwsService, identity: AwsIdentity): string {
  const who = describeIdentity(identity);
  if (message === FOREIGN_MESSAGE) {
    return "Look for what answers in the place of AWS: a proxy, or AWS_ENDPOINT_URL*";
  }
  if (
    /Signature expired|Signature not yet current|RequestTimeTooSkewed|RequestExpired/.test(
      name + message,
    )
  ) {
    return `Set the node's clock: AWS refuses requests whose time is off by more than 5 minutes`;
  }
  if (service === "STS" && identity.kind === "web identity") {
    if (/^ExpiredToken/.test(name)) {
      return `Restart the pod: the token in "${identity.tokenFile}" is too old, kubelet should have renewed it`;
    }
    if (/^RegionDisabled/.test(name)) {
      return `Activate STS for the registry's region in the account settings of IAM`;
    }
    if (/^InvalidIdentityToken/.test(name)) {
      return `Register the cluster's OIDC provider in the account of ${who}, with the audience sts.amazonaws.com`;
    }
    return `Let the trust policy of ${who} accept this pod's service account, and check the ARN`;
  }
  if (service === "the container credentials endpoint") {
    return `Check the Pod Identity association of this pod's service account, and its role`;
  }
  if (service === "the instance's metadata service") {
    return `Check the instance profile of the node, or give the pod a role of its own`;
  }
  if (/^AccessDenied/.test(name)) {
    return service === "ECR"
      ? `Allow the action ecr:GetAuthorizationToken to ${who}`
      : `Allow the actions ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken to ${who}`;
  }
  if (/^ExpiredToken/.test(name)) return `Renew the credentials of ${who}: they have expired`;
  if (/UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch/.test(name)) {
    return `Check ${who} and the secret that goes with it: AWS does not know them`;
  }
  return `Look at what AWS answered, and check ${who}`;
}

function refusalOf(error: unknown): AwsRefusal | undefined {
  if (!(error instanceof Error)) return undefined;
  const status = statusOf(error);
  if (status !== undefined) {
    return FOREIGN_REGEXP.test(error.name)
      ? { name: "", message: FOREIGN_MESSAGE, status }
      : { name: error.name, message: messageOf(error) || "no message", status };
  }
  // STS's client says only this of an answer without keys.
  if (error.message.startsWith("Invalid response from STS")) {
    return { name: "", message: FOREIGN_MESSAGE, status: 200 };
  }
}

/**
 * What the SDK's errors are called when the answer is not in AWS's form. Their messages quote the answer, which
 * may be a piece of a token.
 */
const FOREIGN_REGEXP = /^(Error|SyntaxError|TypeError|Unknown|UnknownError)$/;
const FOREIGN_MESSAGE = "an answer that is not in AWS's form";
