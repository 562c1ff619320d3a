import assert from "node:assert/strict";
import { credentialsFor } from "../../lib/auth/mod.ts";
import { createFetch } from "../../lib/http.ts";
import { startMoto } from "../support/moto.ts";
import { testContext } from "./context.ts";

/** The role's account is not the registry's, and the region is the host's alone. */
const HOST = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";
const ROLE = "arn:aws:iam::111111111111:role/reader";

Deno.test("moto: IRSA signs in to another account's registry, in the region of its host", async () => {
  await using moto = await startMoto();
  using fetch = createFetch({ caCertificates: [] });
  const asked: string[] = [];
  const context = testContext({
    environment: {
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/token",
      AWS_ENDPOINT_URL: moto.url,
      AWS_REGION: "us-east-1",
    },
    files: { "/var/run/token": "header.payload.signature" },
    fetch: async (input, init) => {
      const request = input as Request;
      const clone = request.clone();
      asked.push(
        `${
          request.headers.get("x-amz-target") ??
            new URLSearchParams(await clone.text()).get("Action")
        }`,
      );
      return await fetch(request, init);
    },
  });

  const credentials = await credentialsFor({ host: HOST, repository: "org/model" }, context);

  assert.deepEqual(asked, [
    "AssumeRoleWithWebIdentity",
    "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
  ]);
  assert.equal(credentials?.username, "AWS");
  // moto puts the registry's account into the token: 222222222222-auth-token.
  assert.equal(credentials?.password.reveal(), "222222222222-auth-token");
  assert.equal(context.lines.length, 1);
  assert.match(
    context.lines[0],
    /Signing in to "222222222222.*" with AWS ECR \(the role "arn:aws:iam::111111111111:role\/reader"/,
  );
});
