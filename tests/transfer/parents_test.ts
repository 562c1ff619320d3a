import assert from "node:assert/strict";
import type { Component, ModelKit } from "../../lib/modelkit.ts";
import { formatReference } from "../../lib/reference.ts";
import { sizeOfParents } from "../../lib/transfer/parents.ts";

/** A ModelKit with a model and a dataset of its own, unless `components` says what it has. */
function modelkit(model: number, data: number, components: Component[] = []): ModelKit {
  const layers = [{ digest: "m", size: model }, { digest: "d", size: data }];
  return {
    digest: "sha256:00",
    layers,
    components: [
      ...components,
      { type: "model", name: "main", path: "m", digest: "m" },
      { type: "datasets", name: "rows", path: "d", digest: "d" },
    ],
  };
}

const child = (...references: Component[]) => modelkit(1, 2, references);
const modelFrom = (reference: string): Component => ({ type: "model", path: reference, reference });
const dataFrom = (reference: string, name = "far"): Component => ({
  ...{ type: "datasets", name, path: "far", reference },
});

const REGISTRY: Record<string, ModelKit> = {
  "r.test/one:v1": modelkit(10, 20),
  "r.test/two:v1": modelkit(100, 200, [modelFrom("r.test/one:v1")]),
  "r.test/three:v1": modelkit(1000, 2000, [modelFrom("r.test/two:v1")]),
  "r.test/plain:v1": { ...modelkit(10, 20), components: undefined },
  "r.test/self:v1": modelkit(10_000, 20_000, [modelFrom("r.test/self:v1")]),
};

interface Row {
  name: string;
  from: ModelKit;
  filters?: string[];
  includeRemote?: boolean;
  bytes: number;
}

const ROWS: Row[] = [
  { name: "no parent adds nothing", from: child(), bytes: 0 },
  { name: "a model's parent adds its model", from: child(modelFrom("r.test/one:v1")), bytes: 10 },
  { name: "parents three deep add theirs", from: child(modelFrom("r.test/three:v1")), bytes: 1110 },
  { name: "a circle ends", from: child(modelFrom("r.test/self:v1")), bytes: 10_000 },
  {
    name: "one that is named twice counts once",
    from: child(modelFrom("r.test/one:v1"), modelFrom("r.test/one:v1")),
    bytes: 10,
  },
  {
    name: "a dataset of another ModelKit adds its datasets with --include-remote",
    from: child(dataFrom("r.test/one:v1")),
    includeRemote: true,
    bytes: 20,
  },
  { name: "and nothing without it", from: child(dataFrom("r.test/one:v1")), bytes: 0 },
  {
    name: "a dataset in S3 adds nothing",
    from: child(dataFrom("s3://bucket/key")),
    includeRemote: true,
    bytes: 0,
  },
  {
    name: "a filter for something else leaves the parent out",
    from: child(modelFrom("r.test/one:v1")),
    filters: ["datasets"],
    bytes: 0,
  },
  {
    name: "a filter for its kind takes it",
    from: child(modelFrom("r.test/one:v1")),
    filters: ["datasets,model"],
    bytes: 10,
  },
  {
    name: "a filter's names count in the parent, too",
    from: child(modelFrom("r.test/one:v1")),
    filters: ["model:other"],
    bytes: 0,
  },
  {
    name: "a filter's names choose among datasets, here and there",
    from: child(dataFrom("r.test/one:v1", "rows"), dataFrom("r.test/two:v1", "far")),
    filters: ["datasets:rows"],
    includeRemote: true,
    bytes: 20,
  },
  {
    name: "a parent whose layers cannot be told apart adds nothing, since kit takes a part of it",
    from: child(modelFrom("r.test/plain:v1")),
    bytes: 0,
  },
  { name: "what is no reference is kit's to refuse", from: child(modelFrom("one:v1")), bytes: 0 },
];

for (const { name, from, filters = [], includeRemote = false, bytes } of ROWS) {
  Deno.test(`parents: ${name}`, async () => {
    const found = await sizeOfParents(
      from,
      { filters, includeRemote },
      (reference) => Promise.resolve(REGISTRY[formatReference(reference)]),
    );
    assert.equal(found, bytes);
  });
}

Deno.test("parents: a registry's failure is the failure", async () => {
  const flags = { filters: [], includeRemote: false };
  const failing = sizeOfParents(
    child(modelFrom("r.test/one:v1")),
    flags,
    () => Promise.reject(new Error("away")),
  );
  await assert.rejects(failing, /away/);
});

const ENDLESS: [name: string, named: number, asked: number][] = [
  ["a chain without an end is followed as far as kit does", 1, 10],
  ["a Kitfile that names very many is not followed to its end", 1000, 100],
];
for (const [name, named, asked] of ENDLESS) {
  Deno.test(`parents: ${name}`, async () => {
    let [count, questions] = [0, 0];
    const next = () =>
      child(...Array.from({ length: named }, () => dataFrom(`r.test/next:v${++count}`)));
    await sizeOfParents(next(), { filters: [], includeRemote: true }, () => {
      questions++;
      return Promise.resolve(next());
    });
    assert.equal(questions, asked);
  });
}
