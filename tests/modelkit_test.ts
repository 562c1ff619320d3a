import assert from "node:assert/strict";
import {
  type ModelKit,
  modelkitOf,
  namedPaths,
  parseInspection,
  selectLayers,
  sizeOf,
} from "../lib/modelkit.ts";
import { failureOf } from "./support/failure.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

function inspection(value: Record<string, unknown> = {}): string {
  return JSON.stringify({ digest: DIGEST, manifest: { layers: [] }, ...value });
}

Deno.test("modelkit: digest, layers and components are read from what kit inspect prints", () => {
  const text = inspection({
    manifest: {
      layers: [
        { digest: "sha256:a", size: 10, annotations: { "org.cncf.model.filepath": "weights" } },
        { digest: "sha256:b", size: 0 },
      ],
    },
    kitfile: {
      manifestVersion: "1.0.0",
      package: { name: "x" },
      model: {
        name: "m",
        path: "./model.bin",
        digest: "sha256:a",
        parts: [{ path: "part.bin", digest: "sha256:p" }],
      },
      datasets: [{ name: "d", path: "data", digest: "sha256:b" }],
      code: [{ path: "src", digest: "sha256:c" }],
      docs: [{ path: "README.md", digest: "sha256:d" }],
      prompts: [{ path: "p.txt", digest: "sha256:e" }],
      mcpServers: [{ path: "mcp", digest: "sha256:f" }],
    },
  });
  assert.deepEqual(parseInspection(text), {
    digest: DIGEST,
    layers: [
      { digest: "sha256:a", size: 10, path: "weights" },
      { digest: "sha256:b", size: 0, path: undefined },
    ],
    components: [
      { type: "model", name: "m", path: "./model.bin", digest: "sha256:a" },
      { type: "model", name: undefined, path: "part.bin", digest: "sha256:p" },
      { type: "datasets", name: "d", path: "data", digest: "sha256:b" },
      { type: "code", name: undefined, path: "src", digest: "sha256:c" },
      { type: "docs", name: undefined, path: "README.md", digest: "sha256:d" },
      { type: "prompts", name: undefined, path: "p.txt", digest: "sha256:e" },
      { type: "mcpservers", name: undefined, path: "mcp", digest: "sha256:f" },
    ],
  });
});

const TOLERATED: [name: string, text: string, components: boolean][] = [
  ["lines in front of the JSON", `[WARN] something\n${inspection()}`, false],
  ["no Kitfile, as a ModelPack has none", inspection(), false],
  ["a Kitfile that is no object", inspection({ kitfile: "x" }), false],
  [
    "a Kitfile without digests, as kit before 1.0 packed",
    inspection({ kitfile: { model: { path: "m" } } }),
    false,
  ],
  [
    "lists that are none",
    inspection({ kitfile: { model: { digest: "sha256:a", parts: 7 }, code: {} } }),
    true,
  ],
  [
    "names that are no text",
    inspection({ kitfile: { model: { digest: "sha256:a", name: 1, path: [] } } }),
    true,
  ],
];
for (const [name, text, components] of TOLERATED) {
  Deno.test(`modelkit: ${name} is no mistake`, () => {
    const modelkit = parseInspection(text);
    assert.equal(modelkit.digest, DIGEST);
    assert.equal(modelkit.components !== undefined, components);
  });
}

Deno.test("modelkit: null is kit's way to say that there is no layer", () => {
  assert.deepEqual(parseInspection(inspection({ manifest: { layers: null } })).layers, []);
});

const REFUSED: [name: string, text: string, why: RegExp][] = [
  ["nothing", "", /not JSON/],
  ["a text", "hello", /not JSON/],
  ["cut JSON", inspection().slice(0, -1), /^Cannot read what kit inspect says: it is not JSON$/],
  ["no digest", inspection({ digest: undefined }), /: it has no digest$/],
  ["a digest that is a path", inspection({ digest: "sha256:../../x" }), /no digest/],
  ["no manifest", inspection({ manifest: undefined }), /no layers/],
  ["layers that are no list", inspection({ manifest: { layers: {} } }), /: it has no layers$/],
  [
    "a layer without a digest",
    inspection({ manifest: { layers: [{ size: 1 }] } }),
    /: a layer has no digest$/,
  ],
  ["a layer that is null", inspection({ manifest: { layers: [null] } }), /no digest/],
];
for (const [name, text, why] of REFUSED) {
  Deno.test(`modelkit: ${name} is a failure of kit`, async () => {
    const failure = await failureOf(() => parseInspection(text));
    assert.equal(failure.outcome, "kit");
    assert.match(failure.message, why);
  });
}

for (const size of [undefined, -1, 2 ** 53, 1.5, "5"]) {
  Deno.test(`modelkit: a layer of ${size} bytes is not what was pushed`, async () => {
    const text = inspection({ manifest: { layers: [{ digest: "x", size }] } });
    const failure = await failureOf(() => parseInspection(text));
    assert.equal(failure.outcome, "integrity");
    assert.match(failure.message, /^Cannot trust the manifest: the layer x has (no|the) size/);
  });
}

Deno.test("modelkit: what is elsewhere has no layer: a model's parent, and remote datasets", () => {
  const kitfile = {
    model: {
      path: "r.test/org/parent:v1",
      digest: "m",
      parts: [{ path: "r.test/org/x:v1", digest: "p" }],
    },
    datasets: [{ name: "far", path: "far", remotePath: "s3://bucket/key", digest: "d" }],
    code: [{ name: "kit has no names here", path: "src", digest: "c" }],
  };
  assert.deepEqual(modelkitOf(DIGEST, [], kitfile).components, [
    {
      type: "model",
      name: undefined,
      path: "r.test/org/parent:v1",
      reference: "r.test/org/parent:v1",
    },
    { type: "model", name: undefined, path: "r.test/org/x:v1", digest: "p" },
    { type: "datasets", name: "far", path: "far", reference: "s3://bucket/key" },
    { type: "code", name: undefined, path: "src", digest: "c" },
  ]);
  const onlyParent = { model: { path: "r.test/org/parent:v1" } };
  assert.equal(modelkitOf(DIGEST, [], onlyParent).components?.length, 1);
  const legacy = { ...onlyParent, datasets: [{ path: "data" }] };
  assert.equal(modelkitOf(DIGEST, [], legacy).components, undefined);
});

const MODELKIT: ModelKit = {
  digest: DIGEST,
  layers: ["m", "p", "d1", "d2", "c", "r"].map((digest, index) => ({ digest, size: 10 ** index })),
  components: [
    { type: "model", name: "main", path: "model.bin", digest: "m" },
    { type: "model", name: "adapter", path: "lora", digest: "p" },
    { type: "datasets", name: "train", path: "data/train", digest: "d1" },
    { type: "datasets", name: "test", path: "data/test", digest: "d2" },
    { type: "code", path: "src", digest: "c" },
    { type: "docs", path: "./README.md", digest: "r" },
  ],
};

const FILTERS: [filters: string[], selected: string[]][] = [
  [[], ["m", "p", "d1", "d2", "c", "r"]],
  [["model"], ["m", "p"]],
  [["datasets"], ["d1", "d2"]],
  [["model,docs"], ["m", "p", "r"]],
  [["datasets:train"], ["d1"]],
  [["datasets:train,test"], ["d1", "d2"]],
  [["datasets:data/test"], ["d2"]],
  [["model,datasets:train"], ["d1"]],
  [["model:main", "code"], ["m", "c"]],
  [["code:"], []],
  [["kitfile"], []],
  [["datasets:nosuch"], []],
];
for (const [filters, selected] of FILTERS) {
  Deno.test(`modelkit: the filters [${filters}] select [${selected}]`, () => {
    assert.deepEqual(selectLayers(MODELKIT, filters).map(({ digest }) => digest), selected);
  });
}

Deno.test("modelkit: without components every layer counts, whatever the filters", () => {
  const modelkit = { ...MODELKIT, components: undefined };
  assert.equal(selectLayers(modelkit, ["docs"]).length, 6);
});

const PATHS: [name: string, filters: string[], paths: string[]][] = [
  ["without filters all and the Kitfile", [], [
    "Kitfile",
    "model.bin",
    "lora",
    "data/train",
    "data/test",
    "src",
    "README.md",
  ]],
  ["of a filter only its own", ["docs"], ["README.md"]],
  ["with the Kitfile where it is asked for", ["docs,kitfile"], ["Kitfile", "README.md"]],
];
for (const [name, filters, paths] of PATHS) {
  Deno.test(`modelkit: the named paths are, ${name}`, () => {
    assert.deepEqual(namedPaths(MODELKIT, filters), paths);
  });
}

Deno.test("modelkit: of a layer that says its path, that one counts", () => {
  const modelkit = { ...MODELKIT, layers: [{ digest: "m", size: 1, path: "./a//b/" }] };
  assert.deepEqual(namedPaths(modelkit, ["model"]), ["a/b"]);
});

Deno.test("modelkit: a path that leads out, or to the folder itself, is not named", () => {
  for (const path of ["../x", "a/../../x", ".", "./", ""]) {
    const modelkit = { ...MODELKIT, layers: [{ digest: "m", size: 1, path }] };
    assert.deepEqual(namedPaths(modelkit, ["model"]), []);
  }
});

Deno.test("modelkit: the size counts a layer that is there twice once", () => {
  assert.equal(
    sizeOf([{ digest: "a", size: 5 }, { digest: "b", size: 7 }, { digest: "a", size: 5 }]),
    12,
  );
  assert.equal(sizeOf([]), 0);
});
