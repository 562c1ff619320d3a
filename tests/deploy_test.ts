// The manifests do what they say, as far as that can be known without a cluster.
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { readCredentialFile } from "../lib/auth/google_file.ts";
import { readConfig } from "../lib/config.ts";
import { VARIABLES } from "../lib/environment.ts";
import { parseReference } from "../lib/reference.ts";
import { ROOT } from "../tools/program.ts";
import { testContext } from "./auth/context.ts";
import { addedEntries, type EnvEntry, type Manifest, parseManifests } from "./support/manifests.ts";

const PLAIN = "base/cluster_storage_container.yaml";
const EXAMPLES = (await files("examples")).map((name) => `examples/${name}`);
const OVERLAYS = await files("overlays");
const objects = (await Promise.all(EXAMPLES.map(manifests))).flat();

Deno.test("the plain ClusterStorageContainer is what KServe and a restricted pod want", async () => {
  const [object] = await manifests(PLAIN);
  checkStorageContainer(object);
});

for (const overlay of OVERLAYS) {
  Deno.test(`overlays/${overlay} says to the program what it is meant to`, async () => {
    const folder = `overlays/${overlay}`;
    const entries = addedEntries(await read(`${folder}/kustomization.yaml`));
    assert.ok(entries.length > 0);
    for (const entry of entries) checkEntry(entry);
    assert.deepEqual(readEntries(entries).warnings, []);
    for (const name of await files(folder)) {
      if (!/^(kustomization|values)\.yaml$/.test(name)) await checkAll(`${folder}/${name}`);
    }
  });
}

for (const file of EXAMPLES) {
  Deno.test(`${file} is valid, and of kinds that we know`, () => checkAll(file));
}

async function checkAll(file: string): Promise<void> {
  for (const object of await manifests(file)) {
    assert.match(object.metadata.name, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
    const check = CHECKS[`${object.apiVersion} ${object.kind}`];
    assert.ok(check !== undefined, `nothing checks ${object.apiVersion} ${object.kind}`);
    await check(object);
  }
}

/** https://github.com/kserve/kserve/blob/master/pkg/credentials/gcs/gcs_secret.go */
const GOOGLE_KEY = "gcloud-application-credentials.json";

const ANNOTATIONS: Record<string, RegExp> = {
  "eks.amazonaws.com/role-arn": /^arn:aws:iam::\d{12}:role\/[\w+=,.@-]+$/,
  "iam.gke.io/gcp-service-account": /^[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com$/,
  "azure.workload.identity/client-id": /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

const CHECKS: Record<string, (object: Manifest) => void | Promise<void>> = {
  "serving.kserve.io/v1beta1 InferenceService": ({ spec }) => {
    const { model, storageUris = [{ uri: model.storageUri }] } = spec.predictor;
    for (const { uri } of storageUris) checkUri(uri);
    assert.ok(model.modelFormat.name);
  },
  "serving.kserve.io/v1alpha1 LocalModelCache": ({ spec }) => checkUri(spec.sourceModelUri),
  "batch/v1 Job": async ({ spec }) => {
    const { containers: [container], restartPolicy, volumes } = spec.template.spec;
    // Pod Security admits the container of the base, as tests/deploy shows by its own code.
    const [{ spec: { container: ours } }] = await manifests(PLAIN);
    const { args, volumeMounts, ...same } = container;
    assert.deepEqual(same, ours);
    assert.equal(restartPolicy, "Never");
    assert.deepEqual(volumeMounts, [{ name: volumes[0].name, mountPath: "/mnt/models" }]);
    const config = readConfig(args, {});
    assert.deepEqual([config.action, config.mistakes], ["doctor", []]);
    assert.equal(config.pairs[0].destination, "/mnt/models");
  },
  "v1 ServiceAccount": ({ metadata, secrets = [] }) => {
    assert.equal(metadata.name, "model-reader", "the InferenceServices name it so");
    for (const [name, value] of Object.entries(metadata.annotations ?? {})) {
      assert.match(value, ANNOTATIONS[name] ?? assert.fail(`nothing knows ${name}`));
    }
    for (const { name } of secrets) assert.ok(find("Secret", name));
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

function checkUri(uri: string): void {
  assert.match(uri, /^kit:\/\//);
  parseReference(uri);
}

function checkStorageContainer({ apiVersion, kind, spec }: Manifest): void {
  assert.equal(`${apiVersion} ${kind}`, "serving.kserve.io/v1alpha1 ClusterStorageContainer");
  const { container } = spec;
  assert.equal(container.name, "storage-initializer");
  // What KServe passes would be replaced.
  assert.equal(container.args, undefined);
  assert.equal(container.command, undefined);
  assert.equal(container.image, `registry.example.com/kitops-kserve:${manifest.version}`);
  assert.equal(spec.workloadType, "initContainer");
  assert.equal(spec.supportsMultiModelDownload, true);
  assert.deepEqual(spec.supportedUriFormats, [{ prefix: "kit://" }]);
  assert.deepEqual(container.env, []);
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
}

function checkEntry({ name, value, valueFrom }: EnvEntry): void {
  assert.ok(VARIABLES.some((variable) => variable.name === name), `${name} means nothing`);
  assert.ok((value === undefined) !== (valueFrom === undefined), `${name} has one source`);
  if (value !== undefined) assert.equal(typeof value, "string");
  const secret = valueFrom?.secretKeyRef;
  if (secret !== undefined) {
    const example = find("Secret", secret.name)?.stringData?.[secret.key];
    assert.ok(example !== undefined, `${name} is of ${secret.name}, which has no ${secret.key}`);
  }
  // A namespace without the Secret or ConfigMap may have public models.
  const ref = secret ?? valueFrom?.configMapKeyRef;
  if (ref !== undefined) assert.equal(ref.optional, true, name);
}

/** What the program makes of the container's environment. */
function readEntries(entries: EnvEntry[]) {
  const environment = Object.fromEntries(
    entries.map(({ name, value, valueFrom }) => {
      const ref = valueFrom?.secretKeyRef;
      const text = ref === undefined ? undefined : find("Secret", ref.name)?.stringData?.[ref.key];
      return [name, value ?? text ?? "-----BEGIN CERTIFICATE-----"];
    }),
  );
  return readConfig(["kit://registry.example.com/models/iris:v1", "/mnt/models"], environment);
}

/** An object of the examples. */
function find(kind: string, name: string): Manifest | undefined {
  return objects.find((object) => object.kind === kind && object.metadata.name === name);
}

async function manifests(file: string): Promise<Manifest[]> {
  return parseManifests(await read(file));
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(`${ROOT}/deploy/${file}`);
}

async function files(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(`${ROOT}/deploy/${folder}`), ({ name }) => name))
    .sort();
}
