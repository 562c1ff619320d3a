import { parse, parseAllDocuments } from "yaml";

/** One entry of a container's `env`. */
export interface EnvEntry {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: KeyRef; configMapKeyRef?: KeyRef };
}

/** A key of a Secret or a ConfigMap. */
export interface KeyRef {
  name: string;
  key: string;
  optional?: boolean;
}

/** The part of a Kubernetes object that the tests look at. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  // deno-lint-ignore no-explicit-any
  spec?: any;
  /** Of a kustomization. */
  patches?: { patch: string }[];
  type?: string;
  stringData?: Record<string, string>;
  /** Of a service account. */
  secrets?: { name: string }[];
}

/**
 * The objects in a YAML text.
 *
 * @throws {Error} on what a strict parser does not take, a key that is there twice included
 */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true, strict: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    return document.toJS() as Manifest;
  });
}

/** What an overlay adds to the container's environment, as its patches have it. */
export function addedEntries(kustomization: string): EnvEntry[] {
  const [{ patches = [] }] = parseManifests(kustomization);
  return patches.flatMap(({ patch }) => parse(patch) as { value: EnvEntry }[])
    .map(({ value }) => value);
}
