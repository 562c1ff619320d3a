// What renders deploy/ and judges the result, in the versions that tools/go-deploy/go.mod pins.
import { acquireAll, type Tool } from "./acquire.ts";
import { ROOT } from "./program.ts";

const GO_MODULE = "tools/go-deploy";

/** Paths of the programs, and of KServe's Go module, which has the CRDs and the default configuration. */
export interface DeployTools {
  kustomize: string;
  helm: string;
  "kserve-check": string;
  kserve: string;
}

const KUSTOMIZE: Tool<"kustomize"> = {
  name: "kustomize",
  version: "5.8.1",
  variable: "KUSTOMIZE_BIN",
  probe: { args: ["version"], pattern: /^v5\./m },
  goPackage: "sigs.k8s.io/kustomize/kustomize/v5",
  built: "kustomize",
};

const HELM: Tool<"helm"> = {
  name: "helm",
  version: "3.19.4",
  variable: "HELM_BIN",
  probe: { args: ["version", "--short"], pattern: /^v3\./m },
  goPackage: "helm.sh/helm/v3/cmd/helm",
  built: "helm",
};

/** Finds kustomize, helm and kserve-check, or builds them with Go; Go also has KServe's module. */
export async function acquireDeploy(): Promise<DeployTools> {
  const check: Tool<"kserve-check"> = {
    name: "kserve-check",
    // Its source is ours and changes, and the program in the cache must be that of today's source.
    version: await sourceDigest(),
    variable: "KSERVE_CHECK_BIN",
    probe: { args: ["version"], pattern: /^kserve-check$/m },
    goPackage: "./kserve-check",
    built: "kserve-check",
  };
  const programs = await acquireAll([KUSTOMIZE, HELM, check], GO_MODULE);
  return { ...programs, kserve: await moduleFolder("github.com/kserve/kserve") };
}

async function sourceDigest(): Promise<string> {
  const folder = `${ROOT}/${GO_MODULE}`;
  const files = [`${folder}/go.mod`, `${folder}/go.sum`];
  for await (const { name } of Deno.readDir(`${folder}/kserve-check`)) {
    files.push(`${folder}/kserve-check/${name}`);
  }
  const texts = await Promise.all(files.sort().map((file) => Deno.readFile(file)));
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(texts).arrayBuffer());
  return new Uint8Array(digest).toHex().slice(0, 12);
}

/** Where Go keeps a module of go.mod, which it downloads when it has not. */
async function moduleFolder(path: string): Promise<string> {
  const go = new Deno.Command("go", {
    args: ["mod", "download", "-C", `${ROOT}/${GO_MODULE}`, "-json", path],
    env: { GOWORK: "off" },
  });
  const { success, stdout, stderr } = await go.output().catch((cause) => {
    throw new Error(`Cannot get ${path}: Go is missing. Install Go 1.26 or newer`, { cause });
  });
  const said = new TextDecoder().decode(stdout);
  // With -json the reason of a failure is in the answer.
  if (!success) throw new Error(`Cannot get ${path}: ${said}${new TextDecoder().decode(stderr)}`);
  return JSON.parse(said).Dir;
}
