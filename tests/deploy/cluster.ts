// Plays `kubectl` and `helm` for the commands in the documents: cluster.ts FILE kubectl|helm ARGS… keeps the objects of a
// pretended cluster with KServe in FILE. kustomize, helm's templates, KServe's CRDs, webhook and injection are the real ones.
import { stringify } from "yaml";
import type { Manifest } from "../support/manifests.ts";
import { parseManifests } from "../support/manifests.ts";
import { helm, inject, kustomizeAt, validate } from "./rendered.ts";

/** Objects by namespace, kind and name; those of the whole cluster have no namespace. */
export type State = Record<string, Manifest>;

/** What kubectl calls the kinds that the documents name. */
const KINDS: Record<string, string> = {
  clusterstoragecontainer: "ClusterStorageContainer",
  inferenceservice: "InferenceService",
};
const OF_THE_CLUSTER = ["ClusterStorageContainer"];

/** Flags that take a value, by command; there are no others. */
const FLAGS: Record<string, string[]> = {
  "kubectl apply": ["-n", "-f"],
  "kubectl kustomize": [],
  "kubectl describe": ["-n"],
  "kubectl logs": ["-n", "-l", "-c"],
  "kubectl patch": ["-n", "--type", "-p"],
  "kubectl delete": ["-n"],
  "helm install": ["-n", "--set", "--values"],
  "helm uninstall": ["-n"],
};

interface Call {
  words: string[];
  flags: [name: string, value: string][];
  namespace: string;
}

/** Does what the command does; answers with what it would print. */
type Verb = (call: Call, state: State) => Promise<string> | string;

const VERBS: Record<string, Verb> = {
  "kubectl kustomize": async ({ words: [folder] }) =>
    (await kustomizeAt(folder)).map((object) => stringify(object)).join("---\n"),
  "kubectl apply": async ({ words: [subcommand, object], flags, namespace }, state) => {
    if (subcommand !== undefined) {
      expect(subcommand, "view-last-applied");
      return stringify(find(object.split("/"), namespace, state));
    }
    const file = only(flags, "-f");
    const source = file === "-" ? Deno.stdin.readable : (await Deno.open(file)).readable;
    return await apply(parseManifests(await new Response(source).text()), namespace, state);
  },
  "kubectl describe": ({ words, namespace }, state) => stringify(find(words, namespace, state)),
  "kubectl logs": async ({ flags, namespace }, state) => {
    const [label, name] = only(flags, "-l").split("=");
    expect(label, "serving.kserve.io/inferenceservice");
    const service = find(["inferenceservice", name], namespace, state);
    const [{ spec }] = await inject([...containers(state), service]);
    expect(spec.initContainers[0].name, only(flags, "-c"));
    return spec.initContainers[0].image;
  },
  "kubectl patch": async ({ words, flags, namespace }, state) => {
    expect(only(flags, "--type"), "merge");
    const patched = merge(find(words, namespace, state), JSON.parse(only(flags, "-p")));
    return await apply([patched as Manifest], namespace, state);
  },
  "kubectl delete": ({ words: [kind, ...names], namespace }, state) => {
    for (const name of names) {
      find([kind, name], namespace, state);
      delete state[key(KINDS[kind], name, namespace)];
    }
    return names.map((name) => `${kind} "${name}" deleted`).join("\n");
  },
  "helm install": async ({ words: [release, chart], flags, namespace }, state) => {
    expect(chart, "deploy");
    const args = flags.filter(([name]) => name !== "-n").flat();
    for (const object of await helm(...args)) {
      object.metadata.annotations = { ...object.metadata.annotations, release };
      await apply([object], namespace, state);
    }
    return `NAME: ${release}`;
  },
  "helm uninstall": ({ words: [release] }, state) => {
    const own = Object.keys(state).filter((key) =>
      state[key].metadata.annotations?.release === release
    );
    if (own.length === 0) throw new Error(`uninstall: Release not loaded: ${release}: not found`);
    for (const key of own) delete state[key];
    return `release "${release}" uninstalled`;
  },
};

/** The pods' and jobs' containers. */
export function containers(state: State): Manifest[] {
  return Object.values(state).filter(({ kind }) => kind === "ClusterStorageContainer");
}

async function apply(objects: Manifest[], namespace: string, state: State): Promise<string> {
  // What nothing was given to is no success: kubectl says "no objects passed to apply".
  if (objects.length === 0) throw new Error("error: no objects passed to apply");
  const problems = await validate(objects);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  for (const object of objects) {
    state[key(object.kind, object.metadata.name, namespace)] = object;
  }
  return objects.map(({ kind, metadata }) => `${kind}/${metadata.name} configured`).join("\n");
}

function key(kind: string, name: string, namespace: string): string {
  return `${OF_THE_CLUSTER.includes(kind) ? "" : namespace}/${kind}/${name}`;
}

function find([kind, ...names]: string[], namespace: string, state: State): Manifest {
  if (!Object.hasOwn(KINDS, kind)) throw new Error(`the server doesn't have a "${kind}"`);
  expect(names.length, 1);
  const found = state[key(KINDS[kind], names[0], namespace)];
  if (found === undefined) throw new Error(`${kind} "${names[0]}" not found in "${namespace}"`);
  return found;
}

/** https://datatracker.ietf.org/doc/html/rfc7386 */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...target as Record<string, unknown> };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(result[name], value);
  }
  return result;
}

function only(flags: Call["flags"], wanted: string): string {
  const values = flags.filter(([name]) => name === wanted).map(([, value]) => value);
  if (values.length !== 1) throw new Error(`${wanted} is there ${values.length} times`);
  return values[0];
}

function expect(is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`"${is}" is not "${wanted}"`);
}

function parse(command: string, args: string[]): Call {
  if (!Object.hasOwn(FLAGS, command)) throw new Error(`nothing plays "${command}"`);
  const words: string[] = [];
  const flags: Call["flags"] = [];
  for (let index = 0; index < args.length; index++) {
    const [name, value] = args[index].split(/=(.*)/s);
    if (!args[index].startsWith("-") || args[index] === "-") words.push(args[index]);
    else if (!FLAGS[command].includes(name)) throw new Error(`${command} has no flag ${name}`);
    else flags.push([name, value ?? args[++index]]);
  }
  const namespace = flags.find(([name]) => name === "-n")?.[1] ?? "default";
  return { words, flags, namespace };
}

if (import.meta.main) {
  const [file, program, verb, ...args] = Deno.args;
  const before = await Deno.readTextFile(file);
  const state: State = JSON.parse(before);
  try {
    const command = `${program} ${verb}`;
    console.log(await VERBS[command](parse(command, args), state));
    const after = JSON.stringify(state);
    // In a pipeline the others read it meanwhile.
    if (after !== before) await Deno.writeTextFile(file, after);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
