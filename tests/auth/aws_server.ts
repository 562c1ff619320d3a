/** One request as a test reads it. */
export interface RecordedRequest {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

/** What a fake service answers with; `undefined` answers with what AWS says on success. */
export type Answer = (
  request: RecordedRequest,
  call: number,
) => Response | Promise<Response> | undefined;

/** A fake of STS, ECR, a container credentials endpoint and EC2's metadata, one path each, on a free port. */
export interface AwsServer extends AsyncDisposable {
  url: string;
  environment: Record<
    "AWS_ENDPOINT_URL_STS" | "AWS_ENDPOINT_URL_ECR" | "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    string
  >;
  sts: RecordedRequest[];
  ecr: RecordedRequest[];
  container: RecordedRequest[];
  instance: RecordedRequest[];
}

export const TOKEN_OF_ECR = "token:with:colons";
export const EXPIRES_AT = new Date("2100-01-01T00:00:00Z");

export function serveAws(
  answers: { sts?: Answer; ecr?: Answer; container?: Answer; instance?: Answer } = {},
): AwsServer {
  const recorded = { sts: [], ecr: [], container: [], instance: [] } as Record<
    keyof typeof answers,
    RecordedRequest[]
  >;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const service = pathname.startsWith("/sts")
      ? "sts"
      : pathname.startsWith("/ecr")
      ? "ecr"
      : pathname.startsWith("/imds")
      ? "instance"
      : "container";
    const record = {
      method: request.method,
      path: pathname,
      headers: request.headers,
      body: await request.text(),
    };
    recorded[service].push(record);
    return await answers[service]?.(record, recorded[service].length) ?? success(service, record);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return {
    url,
    environment: {
      AWS_ENDPOINT_URL_STS: `${url}/sts`,
      AWS_ENDPOINT_URL_ECR: `${url}/ecr`,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `${url}/imds/`,
    },
    ...recorded,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html */
function success(
  service: "sts" | "ecr" | "container" | "instance",
  request: RecordedRequest,
): Response {
  switch (service) {
    case "sts":
      return new Response(
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <AssumeRoleWithWebIdentityResult>
            <AssumedRoleUser><Arn>arn:aws:sts::111111111111:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
            <Credentials><AccessKeyId>ASIAOFSTS</AccessKeyId><SecretAccessKey>secret-of-sts</SecretAccessKey>
              <SessionToken>session-of-sts</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>
          </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
        { headers: { "content-type": "text/xml" } },
      );
    case "ecr":
      return ecrToken(btoa(`AWS:${TOKEN_OF_ECR}`));
    case "container":
      return Response.json({
        AccessKeyId: "ASIAOFPOD",
        SecretAccessKey: "secret-of-pod",
        Token: "session-of-pod",
        Expiration: EXPIRES_AT.toISOString(),
      });
    case "instance":
      return instanceSuccess(request);
  }
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
function instanceSuccess({ method, path, headers }: RecordedRequest): Response {
  if (path === "/imds/latest/api/token") {
    const life = Number(headers.get("x-aws-ec2-metadata-token-ttl-seconds"));
    const isRight = method === "PUT" && life >= 1 && life <= 21600;
    return new Response(isRight ? "session-of-imds" : "", { status: isRight ? 200 : 400 });
  }
  if (method !== "GET" || headers.get("x-aws-ec2-metadata-token") !== "session-of-imds") {
    return new Response("", { status: 401 });
  }
  switch (path) {
    case "/imds/latest/meta-data/iam/security-credentials/":
      return new Response("node-role");
    case "/imds/latest/meta-data/iam/security-credentials/node-role":
      return Response.json({
        Code: "Success",
        Type: "AWS-HMAC",
        AccessKeyId: "ASIAOFNODE",
        SecretAccessKey: "secret-of-node",
        Token: "session-of-node",
        Expiration: EXPIRES_AT.toISOString(),
      });
    default:
      return new Response("", { status: 404 });
  }
}

/** https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html */
export function ecrToken(authorizationToken: string): Response {
  const expiresAt = EXPIRES_AT.getTime() / 1000;
  return Response.json({ authorizationData: [{ authorizationToken, expiresAt }] }, {
    headers: { "content-type": "application/x-amz-json-1.1" },
  });
}

export function stsError(status: number, code: string, message: string): Response {
  return new Response(
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
      <Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
    { status, headers: { "content-type": "text/xml" } },
  );
}

export function ecrError(status: number, code: string, message: string): Response {
  return Response.json({ __type: code, message }, {
    status,
    headers: { "content-type": "application/x-amz-json-1.1" },
  });
}
