// ECR with the real names: moto plays STS and ECR, the real registry the registry, all behind TLS and a proxy.
import assert from "node:assert/strict";
import { serveAws } from "../auth/aws_server.ts";
import { makeCertificate } from "../support/certificate.ts";
import { ConnectProxy } from "../support/connect_proxy.ts";
import { startMoto } from "../support/moto.ts";
import { snapshot, TestWorld } from "../support/world.ts";

/** The registry's account is not the role's, and its region is nowhere but in the name. */
const REGISTRY = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";
const ROLE = "arn:aws:iam::111111111111:role/reader";
const APIS = ["sts.eu-west-3.amazonaws.com", "api.ecr.eu-west-3.amazonaws.com"];
/** What moto gives for that account. */
const LOGIN = { user: "AWS", password: "222222222222-auth-token" };
const POD_TOKEN = "header.payload-of-the-pod.signature";

Deno.test("ECR by IRSA, with the role in another account than the registry", async (t) => {
  const { cert, key, ca } = await makeCertificate([REGISTRY, ...APIS]);
  const folder = await Deno.makeTempDir({ prefix: "ecr-" });
  const paths = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, ca: `${folder}/ca.pem` };
  await Deno.writeTextFile(paths.cert, cert);
  await Deno.writeTextFile(paths.key, key);
  await Deno.writeTextFile(paths.ca, ca);
  await Deno.writeTextFile(`${folder}/token`, POD_TOKEN);
  {
    await using moto = await startMoto();
    const asked: { body: string; headers: Headers }[] = [];
    await using aws = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
      async (request) => {
        const { method, headers } = request;
        const body = await request.text();
        asked.push({ body, headers });
        return await fetch(moto.url, { method, headers, body });
      },
    );
    // Its token is none that the registry knows.
    await using other = serveAws();
    await using world = await TestWorld.create({ tls: paths, ca: paths.ca, htpasswd: [LOGIN] });
    await using proxy = new ConnectProxy({
      [REGISTRY]: world.host,
      ...Object.fromEntries(APIS.map((name) => [name, `127.0.0.1:${aws.addr.port}`])),
    });
    const { reference, digest } = await world.push("team/model:v1", {
      "model.bin": "payload of ECR",
    });
    const uri = `kit://${reference.replace(world.host, REGISTRY)}`;
    const env = {
      HTTPS_PROXY: proxy.url,
      KIT_CA_BUNDLE: paths.ca,
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/token`,
      AWS_REGION: "us-east-1",
      KIT_LOG_LEVEL: "debug",
    };

    for (const transfer of ["verified", "direct"]) {
      await t.step(`${transfer}: account and region come from the host`, async () => {
        asked.length = proxy.names.length = 0;
        const destination = world.destination(transfer);
        const ended = await world.run([uri, destination], {
          env: { ...env, KIT_TRANSFER: transfer },
        });
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(await Deno.readTextFile(`${destination}/model.bin`), "payload of ECR");
        assert.deepEqual(new Set(proxy.names), new Set([REGISTRY, ...APIS]));

        assert.equal(asked.length, 2, "each once");
        const sts = new URLSearchParams(asked[0].body);
        assert.equal(sts.get("Action"), "AssumeRoleWithWebIdentity");
        assert.deepEqual([sts.get("RoleArn"), sts.get("WebIdentityToken")], [ROLE, POD_TOKEN]);
        assert.deepEqual(JSON.parse(asked[1].body), { registryIds: ["222222222222"] });
        assert.match(asked[1].headers.get("authorization")!, /\/eu-west-3\/ecr\/aws4_request/);

        assert.ok(ended.stderr.includes(`Signing in to "${REGISTRY}" with AWS ECR (the role`));
        const written = ended.stderr + ended.sentence + await world.kitCalls();
        for (const secret of [LOGIN.password, btoa(`AWS:${LOGIN.password}`), POD_TOKEN]) {
          assert.ok(!written.includes(secret), "a secret is readable");
        }
      });
    }

    await t.step("a second start of a complete digest asks nobody", async () => {
      asked.length = proxy.names.length = 0;
      const byDigest = uri.replace(":v1", `@${digest}`);
      const destination = world.destination("digest");
      assert.equal((await world.run([byDigest, destination], { env })).code, 0);
      assert.equal(asked.length, 2);
      assert.equal((await world.run([byDigest, destination], { env })).code, 0);
      assert.equal(asked.length, 2);
    });

    const failing: [name: string, env: Record<string, string>, code: number, says: RegExp][] = [
      [
        "a token file that is not there",
        { AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/none` },
        3,
        /AWS_WEB_IDENTITY_TOKEN_FILE ".*none" cannot be read.*projected volumes/,
      ],
      [
        "an STS that the proxy has no way to",
        { AWS_ECR_REGION: "eu-west-1" },
        5,
        /cannot reach STS.*Check the pod's DNS, its way to AWS/,
      ],
      [
        "credentials that the registry refuses",
        { AWS_ENDPOINT_URL_ECR: other.environment.AWS_ENDPOINT_URL_ECR },
        3,
        /401.*AWS ECR \(the role .*must be valid for/,
      ],
    ];
    for (const [name, more, code, says] of failing) {
      await t.step(`${name}: exit ${code} in under 15 s, and never anonymous`, async () => {
        const destination = world.destination("failing");
        const ended = await world.run([uri, destination], {
          env: { ...env, ...more, KIT_RETRIES: "6" },
        });
        assert.equal(ended.code, code, ended.stderr);
        assert.match(ended.sentence, says);
        assert.ok(ended.sentence.startsWith(`Cannot `) && ended.sentence.includes(REGISTRY));
        assert.ok(ended.elapsed < 15_000);
        assert.doesNotMatch(ended.stderr, /without signing in/);
        assert.deepEqual(await snapshot(destination), {});
      });
    }
  }
  await Deno.remove(folder, { recursive: true });
});
