// deploy/ as kustomize and helm render it, and what KServe makes of the result.
import { stringify } from "yaml";
import { acquireDeploy, type DeployTools } from "../../tools/acquire_deploy.ts";
import { ROOT } from "../../tools/program.ts";
import { type Manifest, parseManifests } from "../support/manifests.ts";

/** Paths of the programs, and of KServe's Go module. */
export const tools: DeployTools = await acquireDeploy();

/** The folders of deploy/overlays. */
export const OVERLAYS: string[] =
  (await Array.fromAsync(Deno.readDir(`${ROOT}/deploy/overlays`), ({ name }) => name)).sort();

/** The objects of a kustomization: "base" or "overlays/NAME". */
export function kustomize(folder: string): Promise<Manifest[]> {
  return kustomizeAt(`${ROOT}/deploy/${folder}`);
}

/** The objects of a kustomization, by the path of its folder. */
export async function kustomizeAt(path: string): Promise<Manifest[]> {
  return sorted(await run(tools.kustomize, ["build", path]));
}

/** The objects of the chart; `args` are helm's, such as `--set`. */
export async function helm(...args: string[]): Promise<Manifest[]> {
  return sorted(await run(tools.helm, ["template", "kitops", `${ROOT}/deploy`, ...args]));
}

/** The objects of a file in deploy/examples. */
export async function example(file: string): Promise<Manifest[]> {
  return parseManifests(await Deno.readTextFile(`${ROOT}/deploy/examples/${file}`));
}

/** What a cluster with KServe has against the objects: its CRDs, full and minimal, and its webhook. */
export async function validate(objects: unknown[]): Promise<string[]> {
  return JSON.parse(await run(tools["kserve-check"], ["validate", tools.kserve], objects));
}

/** The pod that comes of an InferenceService, or of a container for download jobs. */
export interface Injected {
  name: string;
  // deno-lint-ignore no-explicit-any
  spec: { containers: any[]; initContainers: any[]; volumes?: any[] };
  /** What Pod Security has against it at the level "restricted". */
  forbidden: string[];
}

/**
 * Runs KServe's own injection.
 *
 * @throws {Error} where KServe refuses, with its message
 */
export async function inject(objects: unknown[]): Promise<Injected[]> {
  return JSON.parse(await run(tools["kserve-check"], ["inject", tools.kserve], objects));
}

/** Both print objects in an order of their own. */
function sorted(text: string): Manifest[] {
  const key = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;
  return parseManifests(text).filter((object) => object !== null)
    .sort((a, b) => key(a) < key(b) ? -1 : 1);
}

async function run(program: string, args: string[], objects: unknown[] = []): Promise<string> {
  const child = new Deno.Command(program, {
    args,
    // helm reads its owner's settings and plugins from there.
    env: { HOME: "/nonexistent" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = objects.map((object) => stringify(object)).join("---\n");
  // A program that refuses its arguments does not read.
  const written = new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const [{ success, stdout, stderr }] = await Promise.all([child.output(), written]);
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
