// The manifests do what they say, as far as that can be known without a cluster.
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { readCredentialFile } from "../lib/auth/google_file.ts";
import { readConfig } from "../lib/config.ts";
import { VARIABLES } from "../lib/environment.ts";
import { parseReference } from "../lib/reference.ts";
import { ROOT } from "../tools/program.ts";
import { testContext } from "./auth/context.ts";
import { type EnvEntry, type Manifest, parseManifests } from "./support/manifests.ts";

const PLAIN = "cluster_storage_container.yaml";
const FILES = [
  PLAIN,
  ...(await Array.fromAsync(
    Deno.readDir(`${ROOT}/deploy/examples`),
    ({ name }) => `examples/${name}`,
  )).sort(),
];

const deployed: Record<string, Manifest[]> = {};
for (const file of FILES) {
  Deno.test(`deploy/${file} is valid, and of kinds that we know`, async () => {
    for (const object of await manifests(file)) {
      assert.match(object.metadata.name, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
      const check = CHECKS[`${object.apiVersion} ${object.kind}`];
      assert.ok(check !== undefined, `nothing checks ${object.apiVersion} ${object.kind}`);
      await check(object, await manifests(file));
    }
  });
}

Deno.test("the examples differ from the plain install in env alone", async () => {
  const [plain] = await manifests(PLAIN);
  for (const file of FILES) {
    for (const object of await manifests(file)) {
      if (object.kind !== "ClusterStorageContainer") continue;
      const { env: _, ...container } = object.spec.container;
      assert.deepEqual({ ...object, spec: { ...object.spec, container } }, plain, file);
    }
  }
});

/** https://github.com/kserve/kserve/blob/master/pkg/credentials/gcs/gcs_secret.go */
const GOOGLE_KEY = "gcloud-application-credentials.json";

const ANNOTATIONS: Record<string, RegExp> = {
  "eks.amazonaws.com/role-arn": /^arn:aws:iam::\d{12}:role\/[\w+=,.@-]+$/,
  "iam.gke.io/gcp-service-account": /^[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com$/,
  "azure.workload.identity/client-id": /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

const CHECKS: Record<string, (object: Manifest, all: Manifest[]) => void | Promise<void>> = {
  "serving.kserve.io/v1alpha1 ClusterStorageContainer": checkStorageContainer,
  "serving.kserve.io/v1beta1 InferenceService": ({ spec }, all) => {
    const { model, serviceAccountName } = spec.predictor;
    assert.match(model.storageUri, /^kit:\/\//);
    parseReference(model.storageUri);
    assert.ok(model.modelFormat.name);
    if (serviceAccountName !== undefined) {
      assert.ok(
        all.some(({ kind, metadata }) =>
          kind === "ServiceAccount" && metadata.name === serviceAccountName
        ),
      );
    }
  },
  "v1 ServiceAccount": ({ metadata, secrets = [] }, all) => {
    const annotations = Object.entries(metadata.annotations ?? {});
    assert.ok(annotations.length + secrets.length > 0, "it says who the pod is");
    for (const [name, value] of annotations) {
      assert.match(value, ANNOTATIONS[name] ?? assert.fail(`nothing knows ${name}`));
    }
    for (const { name } of secrets) {
      assert.ok(all.some((object) => object.kind === "Secret" && object.metadata.name === name));
    }
  },
  "v1 Secret": async (secret) => {
    const google = secret.stringData?.[GOOGLE_KEY];
    if (google !== undefined) {
      const context = testContext({ files: { [GOOGLE_KEY]: google } });
      await readCredentialFile({ path: GOOGLE_KEY, from: GOOGLE_KEY, host: "gcr.io" }, context);
    }
    for (const text of Object.values(secret.stringData ?? {})) assert.match(text, /fake-/);
    if (secret.type === "kubernetes.io/dockerconfigjson") {
      assert.deepEqual(Object.keys(secret.stringData!), [".dockerconfigjson"]);
      JSON.parse(secret.stringData![".dockerconfigjson"]);
    }
  },
};

function checkStorageContainer({ spec }: Manifest, all: Manifest[]): void {
  const { container } = spec;
  assert.equal(container.name, "storage-initializer");
  // What KServe passes would be replaced.
  assert.equal(container.args, undefined);
  assert.equal(container.command, undefined);
  assert.equal(container.image, `registry.example.com/kitops-kserve:${manifest.version}`);
  assert.equal(spec.workloadType, "initContainer");
  assert.equal(spec.supportsMultiModelDownload, true);
  assert.deepEqual(spec.supportedUriFormats, [{ prefix: "kit://" }]);
  assert.deepEqual(container.resources.requests, { memory: "100Mi", cpu: "100m" });
  assert.equal(container.resources.limits.memory, "1Gi");
  assert.ok(container.resources.limits.cpu);
  // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
  assert.deepEqual(container.securityContext, {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  });
  const entries: EnvEntry[] = container.env ?? [];
  for (const entry of entries) checkEntry(entry, all);
  assert.deepEqual(readEntries(entries, all).warnings, []);
}

function checkEntry({ name, value, valueFrom }: EnvEntry, all: Manifest[]): void {
  assert.ok(VARIABLES.some((variable) => variable.name === name), `${name} means nothing`);
  assert.ok((value === undefined) !== (valueFrom === undefined), `${name} has one source`);
  if (value !== undefined) assert.equal(typeof value, "string");
  if (valueFrom === undefined) return;
  const { name: secret, key } = valueFrom.secretKeyRef!;
  assert.ok(
    all.some((object) =>
      object.kind === "Secret" && object.metadata.name === secret &&
      object.stringData?.[key] !== undefined
    ),
    `${name} is taken from ${secret}, which has no ${key}`,
  );
}

/** What the program makes of the container's environment. */
function readEntries(entries: EnvEntry[], all: Manifest[]) {
  const environment = Object.fromEntries(
    entries.map(({ name, value, valueFrom }) => {
      const ref = valueFrom?.secretKeyRef;
      const secret = all.find(({ metadata }) => metadata.name === ref?.name);
      return [name, value ?? secret!.stringData![ref!.key]];
    }),
  );
  return readConfig(["kit://registry.example.com/models/iris:v1", "/mnt/models"], environment);
}

async function manifests(file: string): Promise<Manifest[]> {
  return deployed[file] ??= parseManifests(await Deno.readTextFile(`${ROOT}/deploy/${file}`));
}
