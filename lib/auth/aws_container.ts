import { Failure, messageOf } from "../errors.ts";
import { Secret } from "../secret.ts";
import type { AwsIdentity } from "./aws_identity.ts";
import { type AwsKeys, requestKeys } from "./aws_keys.ts";
import type { AuthContext } from "./source.ts";

type Container = Extract<AwsIdentity, { kind: "container" }>;

/**
 * Asks the credentials endpoint of EKS Pod Identity or ECS. The SDK's provider for it cannot be given a fetch: it
 * always uses node:http, which hangs in Deno 2.6.8 when the server closes the connection.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 *
 * @param fetch with its time limit
 * @throws an error in the shape of the SDK's exceptions, when the endpoint refuses
 */
export async function containerKeys(
  identity: Container,
  { host, fetch, context }: { host: string; fetch: typeof globalThis.fetch; context: AuthContext },
): Promise<AwsKeys> {
  const url = checkedUrl(identity.url, host);
  const headers = new Headers({ accept: "application/json" });
  const token = await authorization(identity, host, context);
  if (token !== undefined) headers.set("authorization", token.reveal());
  return await requestKeys(url, { headers, fetch, context });
}

/**
 * Plain HTTP is accepted only for this machine and the link-local addresses of ECS and EKS, as every AWS SDK does:
 * elsewhere the token and the keys could be read on the way.
 */
function checkedUrl(text: string, host: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLocal = /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]|169\.254\.170\.(2|23)|\[fd00:ec2::23\])$/;
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLocal.test(url.hostname))) {
    return url;
  }
  throw new Failure(
    "auth",
    `Cannot sign in to "${host}": AWS ECR: AWS_CONTAINER_CREDENTIALS_FULL_URI is neither HTTPS nor on this host`,
    { hint: "Correct AWS_CONTAINER_CREDENTIALS_FULL_URI; EKS and ECS set it by themselves", host },
  );
}

async function authorization(
  { token, tokenFile }: Container,
  host: string,
  { readTextFile }: AuthContext,
): Promise<Secret | undefined> {
  if (tokenFile === undefined) return token;
  try {
    return new Secret((await readTextFile(tokenFile)).trim());
  } catch (error) {
    throw new Failure(
      "auth",
      `Cannot sign in to "${host}": AWS ECR: cannot read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE "${tokenFile}": ${
        messageOf(error)
      }`,
      {
        hint: "Check the Pod Identity association and the pod's projected volumes",
        host,
        cause: error,
      },
    );
  }
}
