// How our own program is started: the one place for its permissions and for where @std comes from.
// The launcher imports this file before that is decided, so it may import nothing.

/** The folder of the repository, without a slash at the end. */
export const ROOT: string = decodeURIComponent(new URL("..", import.meta.url).pathname)
  .replace(/\/$/, "");

/**
 * What the storage initializer may do, from source and compiled alike: everything that its user may.
 *
 * A shorter list was tried and cannot work: since 2.9 Deno lets a program use /dev/shm (private files on a
 * read-only root) and /dev/termination-log (where Kubernetes reads the reason) only with all permissions, and
 * any --deny flag beside them takes that away again. What holds it in a pod is the pod's security context.
 */
export const PERMISSIONS: readonly string[] = ["--no-prompt", "--allow-all"];

/** Where the @std packages come from. */
export type StdSource = "jsr" | "npm";

/** The launcher's decision, which every process below it inherits; "jsr" without a launcher. */
export function stdSource(): StdSource {
  const source = Deno.env.get("STD_SOURCE") || "jsr";
  if (source !== "jsr" && source !== "npm") {
    throw new Error(`Cannot use STD_SOURCE "${source}": it is "jsr" or "npm"`);
  }
  return source;
}

/** Flags for every Deno command that resolves imports: run, check, test, bundle. */
export function sourceFlags(source: StdSource = stdSource()): string[] {
  const config = `--config=${ROOT}/deno.json`;
  if (source === "jsr") return [config];
  const npm = `${ROOT}/tools/npm`;
  return [config, `--import-map=${npm}/import_map.json`, `--lock=${npm}/deno.lock`];
}

/** Arguments for Deno.execPath() that start main.ts as `deno task run` does; the program's own follow. */
export function programArgs(): string[] {
  return ["run", "--quiet", ...sourceFlags(), ...PERMISSIONS, `${ROOT}/main.ts`];
}

/** The program to test: main.ts, or the compiled one whose path is in STORAGE_INITIALIZER_BIN. */
export function programCommand(): { command: string; args: string[] } {
  const compiled = Deno.env.get("STORAGE_INITIALIZER_BIN");
  if (compiled) return { command: compiled, args: [] };
  return { command: Deno.execPath(), args: programArgs() };
}
