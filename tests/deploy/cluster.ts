// Plays `kubectl` and `helm` for the commands in the documents: cluster.ts FILE kubectl|helm ARGS… keeps the objects of a
// pretended cluster with KServe in FILE. kustomize, helm's templates, KServe's CRDs, webhook and injection are the real ones.
import { stringify } from "yaml";
import type { Manifest } from "../support/manifests.ts";
import { parseManifests } from "../support/manifests.ts";
import { helm, inject, kustomizeAt, tools, validate } from "./rendered.ts";

/** Objects by namespace, kind and name; those of the whole cluster have no namespace. */
export type State = Record<string, Manifest>;

/** What kubectl calls the kinds that the documents name. */
const KINDS: Record<string, string> = {
  clusterstoragecontainer: "ClusterStorageContainer",
  inferenceservice: "InferenceService",
  job: "Job",
};
const OF_THE_CLUSTER = ["ClusterStorageContainer"];

/** The flags of each command; there are no others. Those with "=" take a value. */
const FLAGS: Record<string, string[]> = {
  "kubectl apply": ["-n=", "-f="],
  "kubectl kustomize": [],
  "kubectl get": ["-n=", "-o="],
  "kubectl describe": ["-n="],
  "kubectl logs": ["-n=", "-l=", "-c=", "-f", "--previous"],
  "kubectl exec": ["-n=", "-c="],
  "kubectl patch": ["-n=", "--type=", "-p="],
  "kubectl delete": ["-n="],
  "helm install": ["-n=", "--set=", "--values="],
  "helm uninstall": ["-n="],
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
  "kubectl get": async ({ words: [kind, name], flags, namespace }, state) => {
    const found = find([kind, name], namespace, state);
    const [, path] = /^jsonpath=\{((?:\.\w+)+)\}$/.exec(only(flags, "-o")) ?? [];
    if (path === undefined) throw new Error("only a jsonpath of names is played");
    return await explain(found, path.slice(1).split("."));
  },
  "kubectl describe": async (call, state) =>
    call.words[0] === "pod"
      ? stringify(await podOf({ ...call, words: call.words.slice(1) }, state))
      : stringify(find(call.words, call.namespace, state)),
  "kubectl logs": async (call, state) => {
    const { initContainers = [], containers } = await podOf(call, state);
    const all = [...initContainers, ...containers].map(({ name }) => name);
    // Where there is one there is no need to name it.
    const wanted = all.length === 1 ? all[0] : only(call.flags, "-c");
    if (!all.includes(wanted)) throw new Error(`container ${wanted} is not valid for the pod`);
    return `the log of ${wanted}`;
  },
  "kubectl exec": async (call, state) => {
    const { containers } = await podOf(call, state);
    const container = containers.find(({ name }) => name === only(call.flags, "-c"));
    const [program, path] = call.words.slice(call.words.indexOf("--") + 1);
    expect(program, "cat");
    const isMounted = container?.volumeMounts.some(({ mountPath }) =>
      path.startsWith(`${mountPath}/`)
    );
    if (!isMounted) throw new Error(`${path} is on no volume of the container`);
    return path;
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

interface PodSpec {
  initContainers?: { name: string }[];
  containers: { name: string; volumeMounts: { mountPath: string }[] }[];
}

/**
 * What a command means by `-l LABEL=NAME`, `job/NAME`, `deploy/NAME-predictor` or POD: the pod that KServe makes of the
 * InferenceService, or that of the job.
 */
async function podOf({ words: [target], flags, namespace }: Call, state: State): Promise<PodSpec> {
  const [kind, name] = target?.split("/") ?? [];
  if (kind === "job") return find(["job", name], namespace, state).spec.template.spec;
  let service = "NAME";
  if (target === undefined) {
    const [label, value] = only(flags, "-l").split("=");
    expect(label, "serving.kserve.io/inferenceservice");
    service = value;
  } else if (kind === "deploy") service = name.replace(/-predictor$/, "");
  else expect(target, "POD");
  const found = find(["inferenceservice", service], namespace, state);
  const [{ spec }] = await inject([...containers(state), found]);
  return spec;
}

/** The type of a path in the object's CRD, and not of what is there: nobody sets a status here. */
async function explain({ apiVersion, kind }: Manifest, path: string[]): Promise<string> {
  const [group, version] = apiVersion.split("/");
  const file = `${tools.kserve}/config/crd/full/${group}_${kind.toLowerCase()}s.yaml`;
  const [{ spec }] = parseManifests(await Deno.readTextFile(file));
  let schema = spec.versions.find(({ name }: { name: string }) => name === version)
    .schema.openAPIV3Schema;
  for (const name of path) {
    schema = schema.properties?.[name];
    if (schema === undefined) throw new Error(`${kind} has no ${path.join(".")}`);
  }
  return schema.type;
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
  // In capitals it is for the reader to put in: here it is the first.
  const wanted = /^[A-Z]+$/.test(names[0])
    ? Object.keys(state).find((name) => name.startsWith(key(KINDS[kind], "", namespace)))
    : key(KINDS[kind], names[0], namespace);
  const found = wanted === undefined ? undefined : state[wanted];
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
    else if (args[index] === "--") {
      words.push(...args.slice(index));
      break;
    } else if (FLAGS[command].includes(name)) flags.push([name, "true"]);
    else if (!FLAGS[command].includes(`${name}=`)) throw new Error(`${command} has no ${name}`);
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
