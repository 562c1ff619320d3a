import { makeCertificate } from "../../tests/support/certificate.ts";
import { ConnectProxy } from "../../tests/support/connect_proxy.ts";
import { startMoto } from "../../tests/support/moto.ts";
import { TestWorld } from "../../tests/support/world.ts";
import { ROOT } from "../program.ts";
import { type Command, measure, type Measured, median } from "./measure.ts";
import type { Row } from "./report.ts";

const REGISTRY = "222222222222.dkr.ecr.eu-west-3.amazonaws.com";
const REGION = "eu-west-3";
/** What moto gives for that account. */
const LOGIN = { user: "AWS", password: "222222222222-auth-token" };
const SITUATION = "sign-in to ECR by IRSA, AWS on the same machine";

/** Pinned, so that two runs of the benchmark compare the same. */
const AWS_REQUIREMENT = "awscli==1.46.3";
const VENV = `${ROOT}/.cache/venv/awscli-1.46.3`;

/**
 * The aws command: that on PATH, or the one that was installed for the benchmark.
 *
 * @param install whether to install it with Python's venv and pip where there is none
 */
export async function findAws(install: boolean): Promise<string | undefined> {
  for (const path of ["aws", `${VENV}/bin/aws`]) {
    if (await succeeds(path, ["--version"])) return path;
  }
  if (!install) return undefined;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", AWS_REQUIREMENT];
  const isThere = await succeeds("python3", ["-m", "venv", "--clear", VENV]) &&
    await succeeds(`${VENV}/bin/python`, pip);
  if (!isThere) {
    throw new Error(
      `Cannot install ${AWS_REQUIREMENT}: it needs Python 3 with venv and a way to PyPI`,
    );
  }
  return `${VENV}/bin/aws`;
}

/**
 * What signing in costs the program, beside `aws ecr get-login-password`, in the same turns. Both exchange a pod's token
 * for keys with STS, and those for a token with ECR; moto plays both.
 *
 * The program has no command that only signs in. Measured is a whole run twice: with the role, and with the same token
 * out of a docker config. All the rest of the two is the same, so that their difference is the sign-in: loading AWS's
 * client, and the two requests. What the aws command needs to start counts for it, since a script pays it each time.
 */
export async function measureSignIn(
  { aws, program, kit, times }: { aws: string; program: Command; kit: string; times: number },
): Promise<{ rows: Row[]; ratio: number }> {
  const { cert, key, ca } = await makeCertificate([REGISTRY]);
  const folder = await Deno.makeTempDir({ prefix: "bench-sign-in-" });
  const files = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem`, ca: `${folder}/ca.pem` };
  try {
    for (const [path, text] of [[files.cert, cert], [files.key, key], [files.ca, ca]]) {
      await Deno.writeTextFile(path, text);
    }
    await Deno.writeTextFile(`${folder}/token`, "header.payload.signature");
    await using moto = await startMoto();
    await using world = await TestWorld.create({ tls: files, ca: files.ca, htpasswd: [LOGIN] });
    await using proxy = new ConnectProxy({ [REGISTRY]: world.host });
    const { reference } = await world.push("bench/sign-in:v1", { "model.bin": "a few bytes" });
    const uri = `kit://${reference.replace(world.host, REGISTRY)}`;

    const role = {
      AWS_ROLE_ARN: "arn:aws:iam::111111111111:role/reader",
      AWS_WEB_IDENTITY_TOKEN_FILE: `${folder}/token`,
      AWS_ENDPOINT_URL: moto.url,
      AWS_EC2_METADATA_DISABLED: "true",
    };
    const auth = btoa(`${LOGIN.user}:${LOGIN.password}`);
    const run = { HTTPS_PROXY: proxy.url, KIT_CA_BUNDLE: files.ca, KIT_BIN: kit };
    const config = JSON.stringify({ auths: { [REGISTRY]: { auth } } });
    const ways = {
      aws: { ...role, AWS_DEFAULT_REGION: REGION },
      signedIn: { ...run, ...role },
      given: { ...run, KIT_DOCKER_CONFIG_JSON: config },
    };
    const runs: Record<keyof typeof ways, Measured[]> = { aws: [], signedIn: [], given: [] };
    for (let round = 0; round < times; round++) {
      for (const [name, env] of Object.entries(ways) as [keyof typeof ways, object][]) {
        const scratch = await Deno.makeTempDir({ dir: folder, prefix: "run-" });
        const command = name === "aws"
          ? { command: aws, args: ["ecr", "get-login-password"] }
          : { ...program, args: [...program.args, uri, `${scratch}/model`] };
        const all = {
          PATH: Deno.env.get("PATH") ?? "",
          HOME: scratch,
          // A pod's is empty: what a run leaves there for the next one would make that faster.
          TMPDIR: scratch,
          DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
          ...env,
        };
        runs[name].push(
          await measure([command], { env: all, folder: scratch }),
        );
        await Deno.remove(scratch, { recursive: true });
      }
    }
    const added = runs.signedIn.map((signedIn, round) => less(signedIn, runs.given[round]));
    const rows = [
      { situation: SITUATION, way: "aws ecr get-login-password", runs: runs.aws },
      { situation: SITUATION, way: "ours: what it adds to a run", runs: added },
    ];
    return { rows, ratio: secondsOf(added) / secondsOf(runs.aws) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function secondsOf(runs: Measured[]): number {
  return median(runs.map(({ seconds }) => seconds));
}

/** Time is a difference; memory is that of the whole run. */
function less(signedIn: Measured, given: Measured): Measured {
  return {
    ...signedIn,
    seconds: signedIn.seconds - given.seconds,
    cpuSeconds: signedIn.cpuSeconds - given.cpuSeconds,
  };
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  try {
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(command, options).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
