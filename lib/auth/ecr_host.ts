/** What the name of an ECR registry says. */
export interface EcrRegistry {
  /** Absent for the public registry, which belongs to no account. */
  account?: string;
  /** Where its tokens come from. */
  region: string;
  /** Whether the name is that of an endpoint with FIPS cryptography. */
  isFips: boolean;
}

/** What a region is called, anywhere in AWS. */
export const REGION_REGEXP = /^[a-z]+(?:-[a-z]+)+-\d{1,2}$/;

/**
 * `123456789012.dkr.ecr.eu-west-1.amazonaws.com` in all partitions, with FIPS and dual-stack names:
 * https://docs.aws.amazon.com/general/latest/gr/ecr.html
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
 * https://github.com/awslabs/amazon-ecr-credential-helper/blob/main/ecr-login/api/client.go
 *
 * Anchored at both ends: a host that only begins like one of AWS's is not AWS's.
 */
const PRIVATE_REGEXP = new RegExp(
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

/**
 * The public registry, with its dual-stack name. Tokens for it come from us-east-1 alone:
 * https://docs.aws.amazon.com/AmazonECR/latest/public/public-registry-auth.html
 */
const PUBLIC_REGEXP = /^(?:public\.ecr\.aws|ecr-public\.aws\.com)(?::443)?$/;
const PUBLIC_REGION = "us-east-1";

/** What `host` says about the registry, or `undefined` when it is not one of ECR. */
export function parseEcrHost(host: string): EcrRegistry | undefined {
  const lower = host.toLowerCase();
  if (PUBLIC_REGEXP.test(lower)) return { region: PUBLIC_REGION, isFips: false };
  const groups = PRIVATE_REGEXP.exec(lower)?.groups;
  if (groups === undefined) return undefined;
  return { account: groups.account, region: groups.region, isFips: groups.fips !== undefined };
}
