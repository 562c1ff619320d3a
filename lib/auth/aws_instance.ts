import { networkMessageOf, readBody, timeLimit } from "../http.ts";
import { Secret } from "../secret.ts";
import { isTransientStatus, refusalError, statusOf } from "./aws_refusal.ts";
import { type AwsKeys, requestKeys } from "./aws_keys.ts";
import type { AuthContext } from "./source.ts";

/** The role that an EC2 instance has. */
export interface InstanceRole {
  /** Of the instance's metadata service, without a slash at the end. */
  endpoint: string;
  role: string;
}

type Fetch = typeof globalThis.fetch;

/** In milliseconds, if AWS_METADATA_SERVICE_TIMEOUT says nothing else: the service is on the same machine. */
const PATIENCE_MS = 1000;
const MAX_BYTES = 4096;
const ROLES = "/latest/meta-data/iam/security-credentials/";
/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html: what another cloud answers is not like it. */
const ROLE_REGEXP = /^[\w+=,.@-]{1,64}$/;
/** Looking for it takes a second where it is not, and so is done once for a run. */
const found = new WeakMap<AuthContext, Promise<InstanceRole | undefined>>();

/**
 * The role of the EC2 instance that this pod runs on, by version 2 of its metadata service. None on other machines, nor
 * where the service is turned off or out of a pod's reach (a hop limit of 1).
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 *
 * @throws an error in the shape of the SDK's exceptions, when the service is there but fails
 */
export function findInstanceRole(context: AuthContext): Promise<InstanceRole | undefined> {
  const known = found.get(context);
  if (known !== undefined) return known;
  const search = look(context);
  found.set(context, search);
  search.catch(() => found.delete(context));
  return search;
}

/** The keys of the instance's role. */
export async function instanceKeys(
  { endpoint, role }: InstanceRole,
  fetch: Fetch,
  context: AuthContext,
): Promise<AwsKeys> {
  return await requestKeys(new URL(endpoint + ROLES + encodeURIComponent(role)), {
    headers: await sessionHeader(endpoint, fetch),
    fetch,
    context,
  });
}

async function look(context: AuthContext): Promise<InstanceRole | undefined> {
  const { config: { environment }, log, signal } = context;
  const { AWS_EC2_METADATA_DISABLED, AWS_METADATA_SERVICE_TIMEOUT } = environment;
  if (AWS_EC2_METADATA_DISABLED?.toLowerCase() === "true") return undefined;
  const endpoint = endpointOf(environment);
  using limit = timeLimit(Number(AWS_METADATA_SERVICE_TIMEOUT) * 1000 || PATIENCE_MS, signal);
  const fetch: Fetch = (url, init) => context.fetch(url, { ...init, signal: limit.signal });
  let why: string;
  try {
    const headers = await sessionHeader(endpoint, fetch);
    const role = (await ask(fetch, endpoint + ROLES, { headers })).split("\n")[0].trim();
    if (ROLE_REGEXP.test(role)) return { endpoint, role };
    why = "what answers is not EC2's";
  } catch (error) {
    signal.throwIfAborted();
    const status = statusOf(error);
    if (status !== undefined && isTransientStatus(status)) throw error;
    why = limit.isOver
      ? "no answer in time"
      : status === undefined
      ? networkMessageOf(error)
      : `it answered ${status}`;
  }
  log.debug(`Found no role of an EC2 instance at ${endpoint}: ${why}`);
}

function endpointOf(environment: Readonly<Record<string, string>>): string {
  const { AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE } = environment;
  const standard = AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === "ipv6"
    ? "http://[fd00:ec2::254]"
    : "http://169.254.169.254";
  return (AWS_EC2_METADATA_SERVICE_ENDPOINT ?? standard).replace(/(?<!\/)\/+$/, "");
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html */
async function sessionHeader(endpoint: string, fetch: Fetch): Promise<Headers> {
  const token = new Secret(
    await ask(fetch, `${endpoint}/latest/api/token`, {
      method: "PUT",
      headers: { "X-aws-ec2-metadata-token-ttl-seconds": "300" },
    }),
  );
  return new Headers({ "X-aws-ec2-metadata-token": token.reveal() });
}

async function ask(fetch: Fetch, url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const text = new TextDecoder().decode(await readBody(response, MAX_BYTES));
  if (response.status === 200) return text;
  throw refusalError({ name: "", message: text.slice(0, 500), status: response.status });
}
