// `deno task bench [--smoke | --start | --sign-in] [rounds]`: the program beside plain kit, in one run. Ways take turns, so
// that whatever else the machine does meets all of them. Writes docs/bench.md and docs/bench.svg, unless it is only smoke.
import { makeCertificate } from "../tests/support/certificate.ts";
import { acquire } from "./acquire.ts";
import { type Command, type IsVerified, measure } from "./bench/measure.ts";
import { startLimited } from "./bench/nginx.ts";
import { markdown, plot, type Row } from "./bench/report.ts";
import { pushShape, type Shape, shapes } from "./bench/shapes.ts";
import { findAws, measureSignIn } from "./bench/sign_in.ts";
import { programCommand, ROOT } from "./program.ts";
import { startRegistry } from "./registry.ts";
import { note, step } from "./steps.ts";

const isSmoke = Deno.args.includes("--smoke");
/** Only what a start costs beside the kit commands that it runs. */
const isStart = Deno.args.includes("--start");
/** Only the sign-in to ECR beside the aws command's. */
const isSignIn = Deno.args.includes("--sign-in");
const rounds = Number(Deno.args.find((arg) => !arg.startsWith("-")) ?? (isSmoke ? 1 : 3));
const START: Shape = { name: "a few bytes", layers: 1, size: 16 };

/** A pod with so much memory must not be killed, whatever the model's size. */
const MAX_BYTES = 112 * 2 ** 20;

interface Way {
  name: string;
  commands(reference: string, flags: string, folder: string): Command[];
  env?: Record<string, string>;
  /** Ways that compare layers with their digests: whether one has been, in whole. */
  isVerified?: IsVerified;
}

const { kit, registry: binary } = await acquire();
const program = programCommand();
const ours = (reference: string, _flags: string, folder: string) => [
  { ...program, args: [...program.args, `kit://${reference}`, `${folder}/model`] },
];
const UNPACK: Way = {
  name: "kit unpack (unverified)",
  commands: (reference, flags, folder) => [
    { command: kit, args: ["version"] },
    { command: kit, args: ["unpack", reference, flags, "-d", `${folder}/model`] },
  ],
};
const PULL: Way = {
  name: "kit pull, kit unpack",
  commands: (reference, flags, folder) => [
    { command: kit, args: ["version"] },
    { command: kit, args: ["pull", reference, flags] },
    { command: kit, args: ["unpack", reference, "-d", `${folder}/model`] },
  ],
  // What is being pulled has another name until its digest is known to be right.
  isVerified: (folder) => hasLargeBlob(`${folder}/storage`),
};
const OURS: Way = {
  name: "ours, verified",
  commands: ours,
  // The Kitfile is a blob too, and a small one.
  isVerified: (_, stderr) => /"Verified sha256:[^}]*"bytes":\d{5,}/.test(stderr),
};
const DIRECT: Way = { name: "ours, direct", commands: ours, env: { KIT_TRANSFER: "direct" } };
/** As we leave it behind: on the disk, also when the machine loses its power. */
const PULL_AND_SYNC: Way = {
  name: "kit pull, kit unpack, sync",
  commands: (reference, flags, folder) => [
    ...PULL.commands(reference, flags, folder),
    { command: "sync", args: ["--file-system", `${folder}/model`] },
  ],
};
const WAYS: Way[] = [UNPACK, PULL, PULL_AND_SYNC, OURS, DIRECT];

/** What direct transfer runs, without us: the difference is what the program itself costs. */
const SAME_COMMANDS: Way = {
  name: "kit version, inspect, unpack",
  commands: (reference, flags, folder) => [
    { command: kit, args: ["version"] },
    { command: kit, args: ["inspect", "--remote", reference, flags] },
    { command: kit, args: ["unpack", reference, flags, "-d", `${folder}/model`] },
  ],
};

const signInRows = isStart ? [] : await signIn();
if (isSignIn) {
  console.log(markdown(signInRows));
  Deno.exit();
}
const folder = await Deno.makeTempDir({ prefix: "bench-" });
const rows: Row[] = [];
try {
  const { cert, key, ca } = await makeCertificate();
  const tls = { cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  const caFile = `${folder}/ca.pem`;
  await Promise.all(
    [[tls.cert, cert], [tls.key, key], [caFile, ca]].map(([path, text]) =>
      Deno.writeTextFile(path, text)
    ),
  );
  await using plain = await startRegistry({ binary, root: `${folder}/registry` });
  await using encrypted = await startRegistry({ binary, root: `${folder}/registry`, tls });
  await using limited = await startLimited(plain.host);
  if (limited === undefined) {
    note("Without nginx the limited registry is left out: apt-get install nginx-light");
  }
  const shaped = isStart ? [] : shapes(isSmoke);
  for (const [index, shape] of [START, ...shaped].entries()) {
    const push = {
      kit,
      reference: `${plain.host}/bench/shape${index}:v1`,
      folder: `${folder}/pack`,
    };
    await step(`Pushing ${shape.name}`, () => pushShape(shape, push));
  }
  const start = `start: ${START.name}, plain HTTP`;
  const startWays = [SAME_COMMANDS, ...WAYS];
  await compare(start, `${plain.host}/bench/shape0:v1`, "--plain-http", 5 * rounds, startWays);
  for (const [index, shape] of shaped.entries()) {
    const name = `bench/shape${index + 1}:v1`;
    const situation = `${shape.name}, plain HTTP`;
    if (shape.isLarge) {
      await compare(situation, `${plain.host}/${name}`, "--plain-http", 1, [UNPACK, OURS]);
      continue;
    }
    await compare(situation, `${plain.host}/${name}`, "--plain-http", rounds);
    await compare(
      `${shape.name}, TLS`,
      `${encrypted.host}/${name}`,
      `--tls-cert=${caFile}`,
      rounds,
    );
    if (limited !== undefined && index === 0) {
      await compare(
        `${shape.name}, 50 MB/s a connection`,
        `${limited.host}/${name}`,
        "--plain-http",
        rounds,
        // Direct transfer is kit's own there, and takes as long.
        WAYS.filter(({ name }) => name !== DIRECT.name),
      );
    }
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
rows.push(...signInRows);
const subject = program.args.length === 0
  ? "the compiled program"
  : `the program from source (Deno ${Deno.version.deno})`;
const text =
  `Medians of ${rounds} rounds (${
    5 * rounds
  } for start and sign-in, 1 for 4 GB), and more for memory, disk and ` +
  `the first verified layer, since looking at them takes time; all in one run of ` +
  `\`deno task bench\` with ${subject} and kit 1.15.0, on ${navigator.hardwareConcurrency} cores, ` +
  `with the registry on the same machine.\n\n${markdown(rows)}\n`;
console.log(text);
const large = rows.filter(({ way, runs }) =>
  way === OURS.name && runs.some(({ peakBytes }) => peakBytes > MAX_BYTES)
);
if (program.args.length === 0 && large.length > 0) {
  const where = large.map(({ situation }) => situation).join("; ");
  note(`Too much memory, more than ${MAX_BYTES / 2 ** 20} MiB: ${where}`);
  Deno.exitCode = 1;
}
if (!isSmoke && !isStart) {
  await Deno.mkdir(`${ROOT}/docs`, { recursive: true });
  await Deno.writeTextFile(
    `${ROOT}/docs/bench.md`,
    `# Benchmark\n\n${text}\n![Times](bench.svg)\n`,
  );
  await Deno.writeTextFile(`${ROOT}/docs/bench.svg`, plot(rows));
}

/** The sign-in to ECR beside the aws command's, where that is to be had. */
async function signIn(): Promise<Row[]> {
  const aws = await findAws(isSignIn);
  if (aws === undefined) {
    note("Without aws the sign-in is left out: deno task bench --sign-in installs it");
    return [];
  }
  const options = { aws, program, kit, times: 5 * rounds };
  const { rows, ratio } = await step("Signing in to ECR", () => measureSignIn(options));
  note(`A sign-in takes ${ratio.toFixed(2)} × the time of aws ecr get-login-password`);
  return rows;
}

/** Whether below a folder there is a blob that is no manifest or configuration. */
function hasLargeBlob(folder: string): boolean {
  try {
    return [...Deno.readDirSync(folder)].some(({ name, isDirectory }) =>
      isDirectory
        ? hasLargeBlob(`${folder}/${name}`)
        : folder.endsWith("/blobs/sha256") && Deno.statSync(`${folder}/${name}`).size > 50e3
    );
  } catch {
    // Not yet, or renamed under our eyes.
    return false;
  }
}

/** All ways in one situation, taking turns: so many rounds for time, after those that look at something else. */
async function compare(
  situation: string,
  reference: string,
  flags: string,
  times: number,
  ways = WAYS,
): Promise<void> {
  const own = ways.map(({ name }): Row => ({ situation, way: name, runs: [] }));
  rows.push(...own);
  await step(situation, async () => {
    for (let round = -2; round < times; round++) {
      for (const [index, way] of ways.entries()) {
        const watch = round === -2 ? "memory and disk" : round === -1 ? way.isVerified : undefined;
        if (round === -1 && watch === undefined) continue;
        const scratch = await Deno.makeTempDir({ dir: folder, prefix: "run-" });
        // As the program does for itself: a release of kit looks for updates on every command.
        await Deno.writeTextFile(`${scratch}/disable-update-notifications`, "");
        const env = {
          PATH: Deno.env.get("PATH") ?? "",
          HOME: scratch,
          KITOPS_HOME: scratch,
          KIT_BIN: kit,
          KIT_UNPACK_FLAGS: flags,
          // A pod's is empty: what a run leaves there for the next one would make that faster.
          TMPDIR: scratch,
          DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
          ...(typeof watch === "function" && { KIT_LOG_LEVEL: "debug", KIT_LOG_FORMAT: "json" }),
          ...way.env,
        };
        const commands = way.commands(reference, flags, scratch);
        own[index].runs.push(await measure(commands, { env, folder: scratch, watch }));
        await Deno.remove(scratch, { recursive: true });
      }
    }
  });
}
