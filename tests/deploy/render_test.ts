// kustomize and helm make the same objects, and a cluster with KServe takes them.
import assert from "node:assert/strict";
import { ROOT } from "../../tools/program.ts";
import { example, helm, kustomize, OVERLAYS, validate } from "./rendered.ts";

const EXAMPLES = (await Array.fromAsync(
  Deno.readDir(`${ROOT}/deploy/examples`),
  ({ name }) => name,
)).sort();

Deno.test("the chart without values makes the objects of the base", async () => {
  const objects = await kustomize("base");
  assert.deepEqual(objects.map(({ metadata }) => metadata.name), ["kitops", "kitops-local-model"]);
  assert.deepEqual(await helm(), objects);
});

for (const overlay of OVERLAYS) {
  Deno.test(`the chart makes the objects of overlays/${overlay}`, async () => {
    const objects = await kustomize(`overlays/${overlay}`);
    assert.notDeepEqual(objects, await kustomize("base"));
    assert.deepEqual(
      await helm("--values", `${ROOT}/deploy/overlays/${overlay}/values.yaml`),
      objects,
    );
  });
}

for (const folder of ["base", ...OVERLAYS.map((name) => `overlays/${name}`)]) {
  Deno.test(`${folder}: both containers are the same, for pods and for download jobs`, async () => {
    const containers = (await kustomize(folder)).filter(({ kind }) =>
      kind === "ClusterStorageContainer"
    );
    assert.deepEqual(
      containers.map(({ spec }) => spec.workloadType),
      ["initContainer", "localModelDownloadJob"],
    );
    assert.deepEqual(containers[1].spec.container, containers[0].spec.container);
  });

  Deno.test(`${folder}: the CRDs of KServe take it`, async () => {
    assert.deepEqual(await validate(await kustomize(folder)), []);
  });
}

for (const file of EXAMPLES) {
  Deno.test(`examples/${file}: the CRDs and the webhook of KServe take it`, async () => {
    assert.deepEqual(await validate(await example(file)), []);
  });
}

// deno-lint-ignore no-explicit-any
const MISTAKES: Record<string, { change: (object: any) => void; problem: RegExp }> = {
  "an unknown field": {
    change: ({ spec }) => spec.container.volume = "models",
    problem: /unknown field "spec.container.volume" \(full CRD\)/,
  },
  "a number for a variable's value": {
    change: ({ spec }) => spec.container.env = [{ name: "KIT_CONNECTIONS", value: 8 }],
    problem: /spec\.container\.env\[0\]\.value: Invalid value: "integer".* \(full CRD\)/,
  },
  "no container": {
    change: ({ spec }) => delete spec.container,
    problem: /spec\.container: Required value/,
  },
  "a version that is not served": {
    change: (object) => object.apiVersion = "serving.kserve.io/v1beta1",
    problem: /serving.kserve.io\/v1beta1 is not served/,
  },
};
for (const [mistake, { change, problem }] of Object.entries(MISTAKES)) {
  Deno.test(`KServe's CRDs do not take ${mistake}`, async () => {
    const [object] = await kustomize("base");
    change(object);
    assert.match((await validate([object])).join("\n"), problem);
  });
}

Deno.test("KServe's webhook does not take folders without a common parent", async () => {
  const [service] = await example("several_models.yaml");
  service.spec.predictor.storageUris[1].mountPath = "/srv/adapter";
  assert.match((await validate([service])).join("\n"), /common parent directory.* \(KServe's web/);
});
