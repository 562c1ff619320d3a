// The syntax tree of a source, by Deno's own parser: its linter lends it to plugins, and in tests a plugin can be run.

/** A node of the tree; which fields it has depends on its type: https://github.com/estree/estree */
// deno-lint-ignore no-explicit-any
export type Node = any;

/** Of no use here, or no part of the tree. */
const LEFT_OUT = ["parent", "comments", "tokens", "length", "constructor"];

/** Parses TypeScript. Every node has its `parent`, and in `text` its source. */
export function parseSource(path: string, text: string): Node {
  let program: Node;
  const rule = {
    create: () => ({
      // The nodes that a plugin is given are views of a buffer: a copy outlives it.
      Program: (node: Node) => program = copy(node, undefined, text),
    }),
  };
  const { lint } = Deno as unknown as {
    lint: { runPlugin(plugin: unknown, path: string, text: string): unknown[] };
  };
  lint.runPlugin({ name: "syntax", rules: { copy: rule } }, path, text);
  if (program === undefined) throw new Error(`Cannot parse ${path}`);
  return program;
}

function copy(value: Node, parent: Node, text: string): Node {
  if (Array.isArray(value)) return value.map((item) => copy(item, parent, text));
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.type !== "string") return value;
  const node: Node = { parent, text: text.slice(...value.range as [number, number]) };
  for (const key in value) {
    if (LEFT_OUT.includes(key) || value[key] === undefined) continue;
    node[key] = copy(value[key], node, text);
  }
  return node;
}

/** The node and all below it. */
export function* nodesOf(node: Node): Generator<Node> {
  if (Array.isArray(node)) { for (const item of node) yield* nodesOf(item); }
  else if (typeof node?.type === "string") {
    yield node;
    for (const [key, value] of Object.entries(node)) {
      if (key !== "parent" && typeof value === "object") yield* nodesOf(value);
    }
  }
}
