// The workflows do what CONTRIBUTING says, with no more rights than they need.
import assert from "node:assert/strict";
import { parseDocument, visit } from "yaml";
import manifest from "../deno.json" with { type: "json" };
import { ROOT } from "../tools/program.ts";

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

interface Job {
  "runs-on"?: string;
  "timeout-minutes"?: number;
  permissions?: Record<string, string>;
  strategy?: { matrix: Record<string, unknown> };
  needs?: string | string[];
  env?: Record<string, string>;
  uses?: string;
  steps?: Step[];
}

interface Workflow {
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  env?: Record<string, string>;
  jobs: Record<string, Job>;
}

const FOLDER = `${ROOT}/.github/workflows`;
const FILES = (await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name)).sort();

/** All rights to write that any job has, and what for. */
const MAY_WRITE: Record<string, string[]> = {
  "release.yml build": ["packages"],
  "release.yml publish": ["contents", "id-token", "packages"],
};

const text = (path: string) => Deno.readTextFile(`${ROOT}/${path}`);

async function read(file: string): Promise<Workflow> {
  const document = parseDocument(await text(`.github/workflows/${file}`), { strict: true });
  assert.deepEqual([...document.errors, ...document.warnings], []);
  return document.toJS();
}

const steps = ({ jobs }: Workflow) => Object.values(jobs).flatMap(({ steps = [] }) => steps);

for (const file of FILES) {
  Deno.test(`${file}: every action is pinned by a commit, and says its version`, async () => {
    const document = parseDocument(await text(`.github/workflows/${file}`));
    let seen = 0;
    visit(document, {
      Pair(_, { key, value }) {
        if (String(key) !== "uses") return;
        const { value: action, comment } = value as { value: string; comment?: string };
        if (action.startsWith("./")) return;
        assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
        assert.match(comment ?? "", /^ v\d+\.\d+\.\d+$/, action);
        seen++;
      },
    });
    assert.ok(seen > 0);
  });

  Deno.test(`${file}: jobs may read, and write only what is listed here`, async () => {
    const { permissions, jobs } = await read(file);
    assert.ok(permissions !== undefined, "without it GitHub's default is much more");
    for (const [name, job] of Object.entries(jobs)) {
      const rights: Record<string, string> = job.permissions ?? permissions;
      const written = Object.keys(rights).filter((right) => rights[right] !== "read").sort();
      assert.deepEqual(written, MAY_WRITE[`${file} ${name}`] ?? [], name);
    }
  });

  Deno.test(`${file}: no secret but the job's token, and that only where it is masked`, async () => {
    const workflow = await read(file);
    assert.doesNotMatch(await text(`.github/workflows/${file}`), /\bsecrets\b/);
    for (const { run = "", env = {}, with: input = {}, uses } of steps(workflow)) {
      assert.doesNotMatch(run, /github\.token|GH_TOKEN|set -x|printenv|^env$/m);
      const holders = [...Object.entries(env), ...Object.entries(input)]
        .filter(([, value]) => String(value).includes("github.token")).map(([name]) => name);
      for (const name of holders) assert.match(name, /^(GH_TOKEN|password)$/);
      if (uses?.startsWith("actions/checkout@")) assert.equal(input["persist-credentials"], false);
    }
  });

  Deno.test(`${file}: no text of others becomes part of a script`, async () => {
    for (const { run = "" } of steps(await read(file))) {
      for (const [, expression] of run.matchAll(/\$\{\{\s*(.*?)\s*\}\}/g)) {
        assert.equal(expression, "matrix.task", "give it to the script in `env`");
      }
    }
  });

  Deno.test(`${file}: scripts can be read by bash, and name tasks and files that exist`, async () => {
    const workflow = await read(file);
    const matrices = Object.values(workflow.jobs).flatMap(({ strategy }) =>
      (strategy?.matrix.task ?? []) as string[]
    );
    for (const task of matrices) assert.ok(Object.hasOwn(manifest.tasks, task.split(" ")[0]), task);
    for (const { run = "", with: input = {} } of steps(workflow)) {
      const script = run.replaceAll(/\$\{\{.*?\}\}/g, "x");
      const { success, stderr } = await new Deno.Command("bash", { args: ["-n", "-c", script] })
        .output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const paths = [...script.matchAll(/\btools\/[\w./-]+/g)].map(([path]) => path);
      const modFile = input["go-version-file"];
      for (const path of [...paths, ...modFile ? [modFile] : []]) {
        await Deno.stat(`${ROOT}/${path}`);
      }
    }
  });

  Deno.test(`${file}: every job has a time limit`, async () => {
    for (const [name, job] of Object.entries((await read(file)).jobs)) {
      if (job.uses === undefined) assert.ok(job["timeout-minutes"]! <= 60, name);
      else await Deno.stat(`${ROOT}/${job.uses}`);
    }
  });

  Deno.test(`${file}: Deno is the Dockerfile's`, async () => {
    const [, image, version] = /^ARG DENO_IMAGE=(\S+-(\d+\.\d+\.\d+))$/m.exec(
      await text("Dockerfile"),
    )!;
    const workflow = await read(file);
    for (const { uses = "", with: input } of steps(workflow)) {
      if (uses.startsWith("denoland/setup-deno@")) assert.equal(input?.["deno-version"], version);
    }
    if (workflow.env?.DENO_IMAGE) assert.equal(workflow.env.DENO_IMAGE, image);
  });
}

Deno.test("pull requests run all tasks that CONTRIBUTING asks for, without anybody's secrets", async () => {
  const { on, jobs: { checks } } = await read("pull_request.yml");
  assert.ok("pull_request" in on && !("pull_request_target" in on));
  assert.deepEqual(checks.strategy?.matrix.task, [
    "ok",
    "test:deploy",
    "test:image",
    "bench --smoke",
  ]);
});

Deno.test("a release is made of a tag alone, after the tests, and after the tag was compared", async () => {
  const { on, jobs } = await read("release.yml");
  assert.deepEqual(on, { push: { tags: ["v*"] } });
  assert.equal(jobs.test.uses, "./.github/workflows/pull_request.yml");
  assert.deepEqual(jobs.build.needs, ["test", "prepare"]);
  assert.deepEqual(jobs.publish.needs, ["prepare", "build"]);
  assert.ok(jobs.prepare.steps!.some(({ run }) => run?.includes('version.ts "$GITHUB_REF_NAME"')));
});

Deno.test("a release has both architectures, SBOM, provenance and a signature of the digest", async () => {
  const { jobs: { build, publish }, env } = await read("release.yml");
  const architectures = (build.strategy!.matrix.include as { architecture: string }[])
    .map(({ architecture }) => architecture);
  assert.deepEqual(architectures, ["amd64", "arm64"]);
  const push = build.steps!.find(({ uses }) => uses?.startsWith("docker/build-push-action@"))!;
  const { sbom, provenance, push: pushes, "build-args": args } = push.with!;
  assert.deepEqual({ sbom, provenance, pushes }, {
    sbom: true,
    provenance: "mode=max",
    pushes: true,
  });
  const dockerfile = await text("Dockerfile");
  for (const [, name] of String(args).matchAll(/^(\w+)=/gm)) {
    // The commit is a label that the Dockerfile may take.
    if (name !== "REVISION") assert.match(dockerfile, new RegExp(`^ARG ${name}=`, "m"));
  }
  const script = publish.steps!.map(({ run = "" }) => run).join("\n");
  for (const architecture of architectures) assert.ok(script.includes(`$VERSION-${architecture}`));
  assert.match(script, /^cosign sign .*"\$IMAGE@\$digest"$/m);
  // The image is built on the kit that the tests ran with.
  const kit = /github\.com\/kitops-ml\/kitops (v\S+)/.exec(await text("tools/go/go.mod"))![1];
  assert.ok(env!.KIT_BASE_IMAGE.endsWith(`:${kit}`));
});
