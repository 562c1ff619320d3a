// Every command in a shell block of the documents is run: here, or by another test or step of CI that is really there.
import assert from "node:assert/strict";
import { ROOT } from "../../tools/program.ts";
import { commandsOf, documents, snippets } from "../support/documents.ts";
import { snapshot, TestWorld } from "../support/world.ts";

/** Who runs a command: this file, or the parts of other files, each of them a text that must be there. */
type Holder = ((command: string) => Promise<unknown>) | Record<string, string | RegExp>;

const WORKFLOW = ".github/workflows/pull_request.yml";
const CI = ".ci/run";
const LAUNCHER = "tools/launch.ts";

/** A page's commands of kit are run one after the other, below. */
const KIT_REGEXP = /^kit (init|pack|push) .*/;

/** The first that matches the whole command counts. */
const HOLDERS: [command: RegExp, holder: Holder][] = [
  // Of the project.
  [/npx -y deno@[\d.]+ task test/, { [CI]: /^deno="npx -y deno@[\d.]+"$[^]*\$deno task test /m }],
  [/(npx -y deno@[\d.]+|deno) task demo/, { "tests/e2e/demo_test.ts": "await recordDemo()" }],
  [/deno task ok/, { [WORKFLOW]: /^ +task: \[.*"ok"/m }],
  [/deno task test:(deploy|image)/, { [WORKFLOW]: /^ +task: \[.*"test:deploy", "test:image"/m }],
  [/deno task bench( --smoke)?/, { [WORKFLOW]: /^ +task: \[.*"bench --smoke"/m }],
  [/deno task check/, { [CI]: "$deno task check", [LAUNCHER]: '...TASKS["check"]([])' }],
  [/deno task compile/, { Dockerfile: "RUN deno task compile" }],
  [/STORAGE_INITIALIZER_BIN=\$PWD\/dist\/storage-initializer deno task test tests\/e2e/, {
    [CI]:
      /^NO_COLOR=1 STORAGE_INITIALIZER_BIN="\$PWD\/dist\/storage-initializer" \\\n.* task test tests\/e2e/m,
  }],
  [/FUZZ_RUNS=\d+ deno task test tests\/fuzz/, {
    [CI]: /^FUZZ_RUNS=\d+ NO_COLOR=1 \$deno task test tests\/fuzz /m,
  }],
  [/deno fmt/, { [LAUNCHER]: '["fmt", "--check"]' }],
  [/deno task test tests\/config_test\.ts/, runTests],
  // Of all tests, those in one file.
  [
    /deno task test --filter "second start"/,
    (command) => runTests(`${command} tests/destination_test.ts`),
  ],
  [/deno run -A tools\/docs\.ts/, (command) => succeeds(`${command} --check`)],
  [/deno run -A tools\/recording\.ts/, {
    "tests/e2e/demo_test.ts": /recordDemo\(\)[^]*draw\(lines\)/,
    "tools/recording.ts": "await Deno.writeTextFile(RECORDING, draw(await recordDemo()));",
  }],
  [/deno task run kit:\/\/localhost:5000\/models\/iris:v1 \.\/model/, runFromSource],

  // Of a cluster, an engine, and other programs.
  [/(.*\| )?(kubectl|helm) .*/, {
    "tests/deploy/commands_test.ts": 'snippets(page, "sh").flatMap(commandsOf)',
    [WORKFLOW]: '"test:deploy"',
  }],
  [/docker build -t \$KIT_KSERVE_IMAGE( --build-arg \w+=\S+)? \./, buildsAnImage],
  [KIT_REGEXP, { "tests/docs/commands_test.ts": "KIT_REGEXP.test(command)" }],
  [/cosign sign --key cosign\.key registry\.example\.com\/\S+@sha256:…/, {
    "tests/cosign/cosign_test.ts": '["sign", "--yes", "--key", `${key}.key`, flag]',
    [CI]: "$deno task test:cosign",
  }],
];

const used = new Set<Holder>();
for (const document of await documents()) {
  const page = await Deno.readTextFile(`${ROOT}/${document}`);
  for (const command of new Set(snippets(page, "sh").flatMap(commandsOf))) {
    const [, holder] = HOLDERS.find(([pattern]) => isWhole(pattern, command)) ?? [];
    if (holder !== undefined) used.add(holder);
    Deno.test(`${document}: ${command}`, async () => {
      assert.ok(holder !== undefined, "no test runs it: give it one in HOLDERS");
      if (typeof holder === "function") {
        await holder(command);
        return;
      }
      for (const [file, part] of Object.entries(holder)) {
        const text = await Deno.readTextFile(`${ROOT}/${file}`);
        const isThere = typeof part === "string" ? text.includes(part) : part.test(text);
        assert.ok(isThere, `${file} does not run it: there is no ${part}`);
      }
    });
  }
}

Deno.test("every holder holds a command", () => {
  for (const [pattern, holder] of HOLDERS) assert.ok(used.has(holder), `no command is ${pattern}`);
});

Deno.test("commands: what a person would type, without comments", () => {
  const block = "# first\na b   # why\nc '#' |\n  d\ne \\\n  f\n\n";
  assert.deepEqual(commandsOf(block), ["a b", "c '#' | d", "e f"]);
});

for (const document of await documents()) {
  const page = await Deno.readTextFile(`${ROOT}/${document}`);
  const commands = snippets(page, "sh").flatMap(commandsOf)
    .filter((command) => KIT_REGEXP.test(command));
  if (commands.length === 0) continue;
  Deno.test(`${document}: kit packs and pushes what we then unpack as it was`, async () => {
    await using world = await TestWorld.create();
    await Deno.mkdir(`${world.folder}/iris/config`, { recursive: true });
    await Deno.writeTextFile(`${world.folder}/iris/model.joblib`, `payload of ${document}`);
    await Deno.writeTextFile(`${world.folder}/iris/config/labels.json`, "[]");
    const script = commands.join("\n")
      .replaceAll("registry.example.com", world.host)
      .replaceAll(/^(kit push .*)$/gm, "$1 --plain-http")
      .replaceAll(/^kit /gm, `'${world.kit}' `);
    await succeeds(script, { cwd: world.folder, env: { KITOPS_HOME: `${world.folder}/kit-home` } });

    const destination = world.destination("moved");
    const ended = await world.run([`kit://${world.host}/models/iris:v1`, destination]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(Object.keys(await snapshot(destination)), [
      ...["Kitfile", "config", "config/labels.json", "model.joblib"],
    ]);
    const model = await Deno.readTextFile(`${destination}/model.joblib`);
    assert.equal(model, `payload of ${document}`);
  });
}

function isWhole(pattern: RegExp, command: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`).test(command);
}

/** Runs the command in a shell, in the project's folder; answers with what it wrote. */
async function succeeds(command: string, options: Deno.CommandOptions = {}): Promise<string> {
  // Deno may be on PATH under another name, or not at all.
  const deno = await Deno.makeTempDir({ prefix: "deno-" });
  try {
    await Deno.symlink(Deno.execPath(), `${deno}/deno`);
    const { success, stdout, stderr } = await new Deno.Command("bash", {
      // npx sets it, and it would say where the tests were started.
      args: ["-euo", "pipefail", "-c", `unset INIT_CWD\n${command}`],
      cwd: ROOT,
      ...options,
      env: { PATH: `${deno}:${Deno.env.get("PATH")}`, NO_COLOR: "1", ...options.env },
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.ok(success, said);
    return said;
  } finally {
    await Deno.remove(deno, { recursive: true });
  }
}

async function runTests(command: string): Promise<void> {
  assert.match(await succeeds(command), /^ok \| [1-9]\d* passed/m);
}

/** The command as it is, in a folder of its own, with a registry at another port. */
async function runFromSource(command: string): Promise<void> {
  await using world = await TestWorld.create();
  await world.push("models/iris:v1", { "model.bin": "payload of the run from source" });
  const here = command.replace("localhost:5000", world.host)
    .replace("deno task", `deno task --config='${ROOT}/deno.json'`);
  const env = { KIT_BIN: world.kit, KIT_UNPACK_FLAGS: "--plain-http" };
  await succeeds(here, { cwd: world.folder, env });
  const model = await Deno.readTextFile(`${world.folder}/model/model.bin`);
  assert.equal(model, "payload of the run from source");
}

/** What the tests of the image build is the same Dockerfile, by the same command with other values. */
async function buildsAnImage(command: string): Promise<void> {
  const read = (path: string) => Deno.readTextFile(`${ROOT}/${path}`);
  const [dockerfile, build] = await Promise.all([read("Dockerfile"), read("tools/image/build.ts")]);
  for (const part of ['"build",', "`--build-arg=${name}=${value}`", "`--tag=${image}`", "ROOT,"]) {
    assert.ok(build.includes(part), `tools/image/build.ts has no ${part}`);
  }
  const [, argument] = /--build-arg (\w+)=/.exec(command) ?? [];
  if (argument !== undefined) assert.match(dockerfile, new RegExp(`^ARG ${argument}=`, "m"));
  assert.match(await read(WORKFLOW), /"test:image"/);
}
