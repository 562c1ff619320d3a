import { Failure, messageOf } from "../errors.ts";
import { readBody } from "../http.ts";
import { Secret } from "../secret.ts";
import { refusalError } from "./aws_error.ts";
import type { AwsIdentity } from "./aws_identity.ts";
import type { AuthContext } from "./source.ts";

/** Temporary keys as AWS gives them. */
export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

type Container = Extract<AwsIdentity, { kind: "container" }>;

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 3;

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

  for (let attempt = 1;; attempt++) {
    try {
      const response = await fetch(url, { headers, redirect: "manual" });
      const text = new TextDecoder().decode(await readBody(response, MAX_ANSWER_BYTES));
      if (response.status === 200) return parseKeys(text);
      throw refusalOf(response.status, text);
    } catch (error) {
      const status = (error as { $metadata?: { httpStatusCode: number } }).$metadata
        ?.httpStatusCode;
      const isFinal = status !== undefined && status < 500 && status !== 429;
      if (isFinal || attempt === MAX_ATTEMPTS || context.signal.aborted) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt * Math.random()));
    }
  }
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

function parseKeys(text: string): AwsKeys {
  let answer: Record<string, unknown> = {};
  try {
    answer = JSON.parse(text);
  } catch {
    // Said below; the parser's message would quote the keys.
  }
  const { AccessKeyId, SecretAccessKey, Token } = answer ?? {};
  if (typeof AccessKeyId !== "string" || typeof SecretAccessKey !== "string") {
    throw refusalError({
      name: "",
      message: "no AccessKeyId and SecretAccessKey in the answer",
      status: 200,
    });
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(typeof Token === "string" && { sessionToken: Token }),
  };
}

/** EKS answers with plain text, ECS with JSON. */
function refusalOf(status: number, text: string): Error {
  let [name, message] = ["", text];
  try {
    const { Code, Message, code, message: lower } = JSON.parse(text);
    [name, message] = [String(Code ?? code ?? ""), String(Message ?? lower ?? text)];
  } catch {
    // Plain text.
  }
  return refusalError({ name, message: message.slice(0, 500) || "no message", status });
}
