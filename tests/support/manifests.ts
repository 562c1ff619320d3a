import { parseAllDocuments } from "yaml";

/** One entry of a container's `env`. */
export interface EnvEntry {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } };
}

/** The part of a Kubernetes object that the tests look at. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  // deno-lint-ignore no-explicit-any
  spec?: any;
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
