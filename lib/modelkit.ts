import { Failure } from "./errors.ts";
import { problemOfSize } from "./json.ts";
import { isReference } from "./reference.ts";

/** One layer of a ModelKit, as far as it matters here. */
export interface Layer {
  digest: string;
  /** Bytes in the registry. */
  size: number;
  /** Where it is unpacked to, relative to the destination. */
  path?: string;
}

/** One entry of a Kitfile that has a layer: the model, a part of it, a dataset, … */
export interface Component {
  /** In the words of `--filter`: `model`, `datasets`, `code`, `docs`, `prompts`, `mcpservers`. */
  type: string;
  name?: string;
  path?: string;
  /** Of its layer. Without one it is somewhere else: in the ModelKit that `reference` names, or in S3. */
  digest?: string;
  /** What the Kitfile says in the place of a layer; it need not be a reference to a ModelKit. */
  reference?: string;
}

/** A ModelKit that a Kitfile names in the place of a layer. */
export interface Parent {
  reference: string;
  /** What kit takes of it. */
  filters: string[];
}

/** What the registry has under a reference. */
export interface ModelKit {
  digest: string;
  layers: Layer[];
  /** Absent for a ModelPack, or for ModelKits that kit before 1.0 packed: then layers cannot be told apart. */
  components?: Component[];
}

/** The Kitfile's lists that have layers, and the word of `--filter` for each. */
const LISTS = {
  datasets: "datasets",
  code: "code",
  docs: "docs",
  prompts: "prompts",
  mcpServers: "mcpservers",
};

/** Kit finds these by their path alone. */
const NAMELESS = ["code", "docs"];

/**
 * Reads the JSON that `kit inspect` prints.
 *
 * @throws {Failure} `kit` where it is something else, `integrity` where a layer has an impossible size
 */
export function parseInspection(text: string): ModelKit {
  let value: unknown;
  try {
    value = JSON.parse(text.slice(Math.max(0, text.indexOf("{"))));
  } catch (error) {
    throw unreadable("it is not JSON", error);
  }
  const { digest, manifest, kitfile } = object(value);
  const { layers: listed } = object(manifest);
  // Kit has `null` where a ModelKit is nothing but its Kitfile.
  const layers = listed === null ? [] : listed;
  if (typeof digest !== "string" || !/^sha\d+:[a-f0-9]+$/.test(digest)) {
    throw unreadable("it has no digest");
  }
  if (!Array.isArray(layers)) throw unreadable("it has no layers");
  return modelkitOf(digest, layers, kitfile);
}

/**
 * Makes one of a manifest's digest and layers, and of its Kitfile as JSON.
 *
 * @throws {Failure} `kit` where a layer has no digest, `integrity` where its size is none
 */
export function modelkitOf(digest: string, layers: unknown[], kitfile: unknown): ModelKit {
  return { digest, layers: layers.map(readLayer), components: readComponents(kitfile) };
}

/**
 * The layers that `kit unpack` will fetch for these filters, or all of them where that cannot be told. The rules
 * are kit's: a filter is `types[:names]`, both lists with commas; a name matches a component's name or its path.
 */
export function selectLayers(modelkit: ModelKit, filters: string[]): Layer[] {
  const { components, layers } = modelkit;
  if (filters.length === 0 || components === undefined) return layers;
  const wanted = new Set(
    components.filter((component) => filters.some((filter) => matches(component, filter))).map((
      { digest },
    ) => digest),
  );
  return layers.filter((layer) => wanted.has(layer.digest));
}

/**
 * The paths, relative to the destination, that the unpacked files will have for certain: those that the Kitfile
 * names, and the Kitfile itself. Each may turn out to be a folder.
 */
export function namedPaths(modelkit: ModelKit, filters: string[]): string[] {
  const hasKitfile = filters.length === 0 ||
    filters.some((filter) => filter.split(":")[0].split(",").includes("kitfile"));
  const paths = selectLayers(modelkit, filters).map(({ digest, path }) =>
    path ?? modelkit.components?.find((component) => component.digest === digest)?.path ?? ""
  );
  const normal = paths.map((path) =>
    path.split("/").filter((part) => part !== "" && part !== ".").join("/")
  );
  const kitfile = hasKitfile && modelkit.components !== undefined ? ["Kitfile"] : [];
  return [...new Set([...kitfile, ...normal])].filter((path) =>
    path !== "" && !path.split("/").includes("..")
  );
}

/** The layers in the order in which kit opens them: by the Kitfile, or none where that cannot be told. */
export function planLayers(modelkit: ModelKit, filters: string[]): Layer[] {
  const { components, layers } = modelkit;
  if (components === undefined) return filters.length === 0 ? layers : [];
  const selected = new Map(selectLayers(modelkit, filters).map((layer) => [layer.digest, layer]));
  const order = [...new Set(components.map(({ digest }) => digest ?? ""))];
  return order.flatMap((digest) => selected.get(digest) ?? []);
}

/** What people know a layer by. */
export function layerName({ layers, components }: ModelKit, digest: string): string {
  const component = components?.find((one) => one.digest === digest);
  return layers.find((one) => one.digest === digest)?.path ?? component?.path ?? component?.name ??
    digest.slice(0, "sha256:".length + 12);
}

/**
 * The ModelKits that kit will unpack with this one. Of each it takes only what it stands in for, model or datasets, by
 * the same filters: https://github.com/kitops-ml/kitops/blob/main/pkg/lib/filesystem/unpack/core.go
 */
export function parentsOf(
  { components = [] }: ModelKit,
  { filters, includeRemote }: { filters: string[]; includeRemote: boolean },
): Parent[] {
  return components.flatMap((component): Parent[] => {
    const { type, reference } = component;
    if (reference === undefined) return [];
    const isWanted = filters.length === 0 || filters.some((filter) => matches(component, filter));
    // The model comes by its kind alone: its path is the reference, which no filter names.
    if (type !== "model" && !(includeRemote && isWanted)) return [];
    const narrowed = filters.map((filter) => filter.split(":"))
      .filter(([types]) => types.split(",").includes(type))
      .map(([_, ...names]) => [type, ...names].join(":"));
    if (filters.length > 0 && narrowed.length === 0) return [];
    return [{ reference, filters: filters.length === 0 ? [type] : narrowed }];
  });
}

/** Total size in bytes of different layers. */
export function sizeOf(layers: Layer[]): number {
  return [...new Map(layers.map((layer) => [layer.digest, layer.size])).values()].reduce(
    (sum, size) => sum + size,
    0,
  );
}

function matches(component: Component, filter: string): boolean {
  const [types, names] = filter.split(":", 2).map((list) => list.split(","));
  if (!types.includes(component.type)) return false;
  return names === undefined ||
    names.some((name) => name === component.name || name === component.path);
}

function readLayer(value: unknown): Layer {
  const { digest, size, annotations } = object(value);
  if (typeof digest !== "string") throw unreadable("a layer has no digest");
  const problem = problemOfSize(size);
  if (problem !== undefined) {
    throw new Failure("integrity", `Cannot trust the manifest: the layer ${digest} ${problem}`, {
      hint: "Push the ModelKit again",
    });
  }
  const path = object(annotations)["org.cncf.model.filepath"];
  return { digest, size: size as number, path: typeof path === "string" ? path : undefined };
}

function readComponents(kitfile: unknown): Component[] | undefined {
  const { model, ...rest } = object(kitfile);
  const components: Component[] = [];
  const add = (type: string, value: unknown, reference?: string) => {
    const { name, path, digest } = object(value);
    components.push({
      type,
      name: NAMELESS.includes(type) ? undefined : text(name),
      path: text(path),
      ...(reference === undefined ? { digest: text(digest) } : { reference }),
    });
  };
  if (model !== undefined) {
    const path = text(object(model).path) ?? "";
    add("model", model, isReference(path) ? path : undefined);
    for (const part of list(object(model).parts)) add("model", part);
  }
  for (const [name, type] of Object.entries(LISTS)) {
    for (const item of list(rest[name])) {
      add(type, item, type === "datasets" ? text(object(item).remotePath) || undefined : undefined);
    }
  }
  const hasDigests = components.some(({ digest }) => digest !== undefined) ||
    components.length > 0 && components.every(({ reference }) => reference !== undefined);
  return hasDigests ? components : undefined;
}

function unreadable(why: string, cause?: unknown): Failure {
  return new Failure("kit", `Cannot read what kit inspect says: ${why}`, {
    hint: "Use kit 1.0 or newer",
    cause,
  });
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
