import assert from "node:assert/strict";
import { snapshot, TestWorld } from "../support/world.ts";

/** A component of each kind, several of one, with names and without, and two that are the same bytes. */
const KITFILE = {
  manifestVersion: "1.0.0",
  package: { name: "all" },
  model: {
    name: "net",
    path: "model.bin",
    parts: [{ name: "lora", path: "adapters/lora.bin" }, { path: "vocab.txt" }],
  },
  datasets: [
    { name: "train", path: "data/train.csv" },
    { name: "test", path: "data/test.csv" },
    { name: "copy", path: "data/copy.csv" },
  ],
  code: [{ path: "src" }, { path: "tools/run.py" }],
  docs: [{ path: "README.md" }, { path: "docs" }],
  prompts: [{ path: "prompts/system.md" }],
};
const FILES = {
  "model.bin": "weights of filters",
  "adapters/lora.bin": "an adapter",
  "vocab.txt": "words",
  "data/train.csv": "1",
  "data/test.csv": "2",
  "data/copy.csv": "1",
  "src/main.py": "main",
  "tools/run.py": "run",
  "README.md": "read me",
  "docs/more.md": "more",
  "prompts/system.md": "be kind",
};

const FLAGS = [
  ...["", "--filter=model", "--filter=datasets", "--filter=code", "--filter=docs"],
  ...[
    "--filter=prompts",
    "--filter=kitfile",
    "--filter=model,datasets",
    "--filter=code,docs,kitfile",
  ],
  ...["--filter=model:net", "--filter=model:lora", "--filter=model:vocab.txt", "--filter=model:x"],
  ...["--filter=datasets:train", "--filter=datasets:train,test", "--filter=datasets:data/test.csv"],
  ...[
    "--filter=datasets:copy",
    "--filter=code:src",
    "--filter=code:tools/run.py",
    "--filter=docs:docs",
  ],
  ...[
    "--filter=model,datasets:train",
    "--filter=datasets,code:src",
    "--filter=prompts:prompts/system.md",
  ],
  ...["-f model -f docs", "-f datasets:test -f code:src", "--filter=model:net --filter=model:lora"],
  ...["--model", "--code", "--datasets", "--docs", "--kitfile", "--model --docs"],
];

for (const packFlags of [[], ["--use-model-pack"]]) {
  const format = packFlags.length === 0 ? "a ModelKit" : "a ModelPack";
  Deno.test(`filters: of ${format} verified transfer takes what kit itself takes`, async (t) => {
    await using world = await TestWorld.create();
    const kitfile = JSON.stringify(KITFILE);
    const { uri } = await world.push("team/all:v1", FILES, { kitfile, packFlags });
    for (const [index, flags] of FLAGS.entries()) {
      await t.step(flags || "none", async () => {
        const env = { KIT_UNPACK_FLAGS: `--plain-http ${flags}` };
        const verified = world.destination(`${index}-verified`);
        const direct = world.destination(`${index}-direct`);
        const ended = await world.run([uri, verified], { env });
        assert.equal(ended.code, 0, ended.stderr);
        const own = await world.run([uri, direct], { env: { ...env, KIT_TRANSFER: "direct" } });
        assert.equal(own.code, 0, own.stderr);
        assert.deepEqual(await snapshot(verified), await snapshot(direct));
      });
    }
  });
}

Deno.test("filters: skills are what kit chooses, which is not every layer", async () => {
  await using world = await TestWorld.create();
  const kitfile = JSON.stringify({
    manifestVersion: "1.0.0",
    package: { name: "skills" },
    model: { name: "net", path: "model.bin" },
    prompts: [{ path: "greet" }, { path: "system.md" }],
  });
  const { uri } = await world.push("team/skills:v1", {
    "model.bin": "weights of skills",
    "greet/SKILL.md": "---\nname: greet\ndescription: Says hello\n---\nSay hello.\n",
    "system.md": "be kind",
  }, { kitfile });
  const env = { KIT_UNPACK_FLAGS: "--plain-http --as-skill=claude-code" };
  const folder = world.destination("skills");
  const ended = await world.run([uri, folder], { env });
  assert.equal(ended.code, 0, ended.stderr);
  const found = Object.keys(await snapshot(folder));
  assert.ok(found.includes(".claude/skills/greet/SKILL.md"), found.join());
  assert.ok(!found.includes("model.bin"));
});
