// Every command of kubectl and helm in the documents does what the page says, in a pretended cluster with KServe.
import assert from "node:assert/strict";
import { ROOT, sourceFlags } from "../../tools/program.ts";
import { commandsOf, documents, snippets } from "../support/documents.ts";
import type { Manifest } from "../support/manifests.ts";
import { containers, type State } from "./cluster.ts";
import { example, inject, kustomize, tools } from "./rendered.ts";

const IMAGE = "registry.example.com/team/kserve-kit:1";
/** A command that hangs must not hang the tests. */
const LIMIT_MS = 60_000;
const CLUSTER_REGEXP = /\b(kubectl|helm)\b/;

/** Pages that begin with a cluster that has KServe and nothing else; others find us there, and a model. */
const FROM_NOTHING = ["README.md", "docs/installing.md"];

async function clusterFor(document: string): Promise<State> {
  if (FROM_NOTHING.includes(document)) return {};
  const [service] = await example("inference_service.yaml");
  const isOld = document === "docs/moving.md";
  const objects = isOld ? oldContainers() : await kustomize("base");
  if (isOld) service.spec.predictor.model.storageUri = "s3://bucket/iris";
  return {
    ...Object.fromEntries(objects.map((one) => [`/${one.kind}/${one.metadata.name}`, one])),
    "default/InferenceService/iris": service,
    "models/InferenceService/iris": service,
  };
}

/** What must be true when a page's commands have been run. */
const AFTER: Record<string, (state: State) => Promise<void>> = {
  "README.md": async (state) => {
    const [{ spec }] = await inject([...containers(state), state["models/InferenceService/iris"]]);
    assert.equal(spec.initContainers[0].image, IMAGE);
  },
  "docs/moving.md": async (state) => {
    const { spec: { predictor } } = state["models/InferenceService/iris"];
    assert.equal(predictor.model.storageUri, "kit://registry.example.com/models/iris:v1");
    await Promise.resolve();
  },
};

let pages = 0;
for (const document of await documents()) {
  const page = await Deno.readTextFile(`${ROOT}/${document}`);
  const commands = snippets(page, "sh").flatMap(commandsOf).filter((line) =>
    CLUSTER_REGEXP.test(line)
  );
  if (commands.length === 0) continue;
  pages++;
  Deno.test(`${document}: its commands for a cluster, one after the other`, async (t) => {
    await using cluster = await Cluster.create(await clusterFor(document));
    for (const command of commands) {
      await t.step(command, async () => {
        await cluster.prepare(command);
        await cluster.run(command);
      });
    }
    await AFTER[document]?.(await cluster.state());
  });
}

Deno.test("the pages with commands for a cluster are found", () => assert.ok(pages >= 3));

const WRONG: [command: string, reason: RegExp][] = [
  ["kubectl apply -f deploy/examples/no_such_file.yaml", /No such file/],
  ["echo | kubectl apply -f -", /no objects/],
  ["kubectl kustomize deploy/overlays/no-such-overlay", /no-such-overlay/],
  ["kubectl describe -n models inferenceservice iris", /not found/],
  ["kubectl logs -n models -l app=iris -c storage-initializer", /is not/],
  ["kubectl logs -n models POD -c storage-initializer", /not found/],
  ["kubectl apply --server-side -f deploy/base", /has no --server-side/],
  ["kubectl drain node", /nothing plays/],
  ["helm install kitops deploy --set imagee=x", /imagee/],
  ["helm uninstall kitops", /not found/],
  ["kubectl kustomize deploy/base | sed s/image:/imagee:/ | kubectl apply -f -", /imagee/],
];
/** In a cluster that has us, and a model in the namespace "default". */
const WRONG_WITH_US: [command: string, reason: RegExp][] = [
  ["kubectl logs POD", /-c is there 0 times/],
  ["kubectl logs POD -c storage-init", /storage-init is not valid/],
  ["kubectl logs job/kit-doctor", /job "kit-doctor" not found/],
  [
    "kubectl get inferenceservice NAME -o jsonpath='{.status.lastFailureInfo}'",
    /has no status\.last/,
  ],
  ["kubectl exec deploy/iris-predictor -c kserve-container -- cat /etc/passwd", /on no volume/],
  ["kubectl exec deploy/other-predictor -c kserve-container -- cat /x", /"other" not found/],
];
const RIGHT_WITH_US = [
  "kubectl describe pod POD",
  "kubectl logs POD -c storage-initializer --previous",
  "kubectl get inferenceservice NAME -o jsonpath='{.status.modelStatus.lastFailureInfo}'",
  "kubectl exec deploy/iris-predictor -c kserve-container -- cat /mnt/models/.kit-storage.json",
];
for (const [command, reason] of WRONG_WITH_US) {
  Deno.test(`the pretended cluster refuses: ${command}`, async () => {
    await using cluster = await Cluster.create(await clusterFor("any other page"));
    await assert.rejects(cluster.run(command), reason);
  });
}
for (const command of RIGHT_WITH_US) {
  Deno.test(`the pretended cluster takes: ${command}`, async () => {
    await using cluster = await Cluster.create(await clusterFor("any other page"));
    await cluster.run(command);
  });
}

for (const [command, reason] of WRONG) {
  Deno.test(`the pretended cluster refuses: ${command}`, async () => {
    await using cluster = await Cluster.create({});
    await assert.rejects(cluster.run(command), reason);
  });
}

/** As KitOps' manifest has it, and a second one that only ours has. */
function oldContainers(): Manifest[] {
  return ["kitops", "kitops-local-model"].map((name) => ({
    apiVersion: "serving.kserve.io/v1alpha1",
    kind: "ClusterStorageContainer",
    metadata: { name },
    spec: {
      container: { name: "storage-initializer", image: "ghcr.io/kitops-ml/kitops-kserve:1" },
      supportedUriFormats: [{ prefix: "kit://" }],
      workloadType: "initContainer",
    },
  }));
}

/** A folder with `kubectl` and `helm` of ours, first on PATH. */
class Cluster implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(state: State): Promise<Cluster> {
    const folder = await Deno.makeTempDir({ prefix: "cluster-" });
    const play = [Deno.execPath(), "run", "-A", "--quiet", ...sourceFlags()];
    await Deno.writeTextFile(`${folder}/state.json`, JSON.stringify(state));
    for (const program of ["kubectl", "helm"]) {
      const words = [...play, `${ROOT}/tests/deploy/cluster.ts`, `${folder}/state.json`, program];
      const script = `#!/bin/sh
# The helm behind this one must not be this one.
PATH='${Deno.env.get("PATH")}' exec ${words.map((word) => `'${word}'`).join(" ")} "$@"
`;
      await Deno.writeTextFile(`${folder}/${program}`, script, { mode: 0o755 });
    }
    return new Cluster(folder);
  }

  async state(): Promise<State> {
    return JSON.parse(await Deno.readTextFile(`${this.#folder}/state.json`));
  }

  /** A page may name a way back for each of two installs: the chart's own is installed before it is removed. */
  async prepare(command: string): Promise<void> {
    const release = /^helm uninstall (\S+)$/.exec(command)?.[1];
    if (release !== undefined) await this.run(`helm install ${release} deploy`);
  }

  /** @throws {Error} with what it said, where it fails, and also where it fails within a pipeline */
  async run(command: string): Promise<void> {
    // What it writes stays in the folder; the project's own folders are where they are named.
    const shell = new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", command],
      cwd: this.#folder,
      env: {
        PATH: `${this.#folder}:${Deno.env.get("PATH")}`,
        KIT_KSERVE_IMAGE: IMAGE,
        KUSTOMIZE_BIN: tools.kustomize,
        HELM_BIN: tools.helm,
        KSERVE_CHECK_BIN: tools["kserve-check"],
      },
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    await Deno.symlink(`${ROOT}/deploy`, `${this.#folder}/deploy`).catch(() => {});
    const { success, stderr } = await shell.output();
    if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
