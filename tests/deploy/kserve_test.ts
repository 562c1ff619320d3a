// KServe's own injection code, with our ClusterStorageContainers: what a pod then starts.
import assert from "node:assert/strict";
import type { Manifest } from "../support/manifests.ts";
import { example, inject, kustomize, OVERLAYS } from "./rendered.ts";

/** KServe gives these to every storage initializer; they say nothing to ours. */
const OF_KSERVE = /^HF_/;

/** The InferenceService of each overlay, which names its service account; the plain one for the others. */
const SERVICES: Record<string, string> = {
  "ecr-irsa": "aws.yaml",
  "ecr-pod-identity": "aws.yaml",
  google: "google.yaml",
  azure: "azure.yaml",
};

for (const folder of ["base", ...OVERLAYS.map((name) => `overlays/${name}`)]) {
  const one = SERVICES[folder.slice("overlays/".length)] ?? "inference_service.yaml";
  for (const file of [one, "several_models.yaml"]) {
    Deno.test(`${folder}: KServe starts our container as it is, for ${file}`, async () => {
      const objects = await kustomize(folder);
      const [service] = await example(file);
      const { container } = objects.find(isForPods)!.spec;
      const [{ spec, forbidden }] = await inject([...objects, service]);

      assert.equal(spec.initContainers.length, 1);
      const [{ args, env, volumeMounts: [mount], ...rest }] = spec.initContainers;
      const { env: ours, ...expected } = container;
      assert.deepEqual(rest, expected);
      assert.deepEqual(
        env.filter(({ name }: { name: string }) => !OF_KSERVE.test(name)),
        ours,
      );
      assert.deepEqual(args, pairs(service));
      assert.deepEqual(mount, { name: mount.name, mountPath: "/mnt/models" });
      // The model server sees the same volume, and cannot write to it.
      const [server] = spec.containers;
      assert.deepEqual(server.volumeMounts, [{ ...mount, readOnly: true }]);
      assert.deepEqual(forbidden, [], "Pod Security admits it");
    });
  }

  Deno.test(`${folder}: Pod Security admits the download job`, async () => {
    const [{ name, spec, forbidden }] = await inject(await kustomize(folder));
    assert.equal(name, "kitops-local-model");
    assert.equal(spec.containers.length, 1);
    assert.deepEqual(forbidden, []);
  });
}

Deno.test("a Google key on the service account reaches our container as file and variable", async () => {
  const [{ spec: { initContainers: [{ env, volumeMounts }] } }] = await inject([
    ...await kustomize("base"),
    ...await example("google_key.yaml"),
  ]);
  const { value } = env.find(({ name }: { name: string }) =>
    name === "GOOGLE_APPLICATION_CREDENTIALS"
  );
  const { mountPath } = volumeMounts[1];
  assert.equal(value, `${mountPath}gcloud-application-credentials.json`);
});

Deno.test("without our ClusterStorageContainer it is KServe's own, which Pod Security refuses", async () => {
  const [{ spec, forbidden }] = await inject(await example("inference_service.yaml"));
  assert.match(spec.initContainers[0].image, /^kserve\/storage-initializer:/);
  assert.equal(forbidden.length, 4, forbidden.join("\n"));
});

Deno.test("without workloadType KServe passes ours over: that it is written out is not for show", async () => {
  const objects = await kustomize("base");
  delete objects.find(isForPods)!.spec.workloadType;
  const [{ spec }] = await inject([...objects, ...await example("inference_service.yaml")]);
  assert.match(spec.initContainers[0].image, /^kserve\/storage-initializer:/);
});

Deno.test("without supportsMultiModelDownload KServe panics at several URIs", async () => {
  const objects = await kustomize("base");
  delete objects.find(isForPods)!.spec.supportsMultiModelDownload;
  const service = await example("several_models.yaml");
  await assert.rejects(inject([...objects, ...service]), /nil pointer dereference/);
});

const WEAKENED: Record<string, [(security: Record<string, unknown>) => void, RegExp]> = {
  "a root user": [(security) => security.runAsNonRoot = false, /runAsNonRoot/],
  "more privileges": [(security) => security.allowPrivilegeEscalation = true, /allowPrivilege/],
  "all of its capabilities": [(security) => delete security.capabilities, /capabilities/],
  "no seccomp profile": [(security) => delete security.seccompProfile, /seccompProfile/],
};
for (const [title, [weaken, reason]] of Object.entries(WEAKENED)) {
  Deno.test(`Pod Security would refuse our container with ${title}`, async () => {
    const objects = await kustomize("base");
    for (const { spec } of objects) weaken(spec.container.securityContext);
    const pods = await inject([...objects, ...await example("inference_service.yaml")]);
    assert.equal(pods.length, 2);
    for (const { forbidden } of pods) assert.match(forbidden.join("\n"), reason);
  });
}

function isForPods({ spec }: Manifest): boolean {
  return spec?.workloadType === "initContainer";
}

/** The arguments that the URIs of an InferenceService must become. */
function pairs({ spec: { predictor } }: Manifest): string[] {
  const many: { uri: string; mountPath: string }[] = predictor.storageUris ??
    [{ uri: predictor.model.storageUri, mountPath: "/mnt/models" }];
  return many.flatMap(({ uri, mountPath }) => [uri, mountPath]);
}
