// Reads from the sources of lib what the program can say when it fails and when it warns.
import { OUTCOMES } from "../../lib/errors.ts";
import { type Node, nodesOf, parseSource } from "./syntax.ts";

/** One place in the sources that says something, with `{}` for what is known only when it runs. */
export interface Site {
  /** `lib/space.ts:19`. */
  place: string;
  /** None for a warning; `{}` where it is somebody else's. */
  outcomes: string[];
  messages: string[];
  hints: string[];
}

const HOLE = "{}";
/** Functions that put together a failure of what they are given: what they say is said where they are called. */
const BUILDERS = [
  ...["failure", "refuse", "unreadable", "unpublishable"],
  ...["damageFailure", "damaged", "fileFailure"],
];
/** Errors whose words go into the list of mistakes. */
const MISTAKES = ["ReferenceError", "UnpackFlagsError", "ShellWordsError"];
/** Functions that answer with warnings, or write them without the log. */
const WARNERS = ["warningsFor", "signatureWarnings", "#noteDropped"];

/** What is given to a function whose body is looked at. */
interface Call {
  args: Node[];
  calls: Calls;
}
type Calls = ReadonlyMap<Node, Call>;
/** A node with what the functions around it are given. */
type Bound = [node: Node, calls: Calls];

/**
 * All that the sources say. An object with `problem` and `hint` says it where it is made, not where it is thrown.
 *
 * @param texts the sources by their paths
 * @throws {Error} where something cannot be read
 */
export function readMessages(texts: ReadonlyMap<string, string>): Site[] {
  const programs = [...texts].map(([path, text]) => [path, parseSource(path, text)] as const);
  const reader = new Reader(programs.map(([, program]) => program));
  const sites: Site[] = [];
  for (const [path, program] of programs) {
    for (const node of nodesOf(program)) {
      const line = texts.get(path)!.slice(0, node.range[0]).split("\n").length;
      sites.push(...reader.read(node).map((said) => ({ place: `${path}:${line}`, ...said })));
    }
  }
  return sites;
}

type Said = Omit<Site, "place">;

class Reader {
  /** Functions by their names, for what other files import. */
  readonly #exported: ReadonlyMap<string, Node>;

  constructor(programs: Node[]) {
    const functions = programs.flatMap(({ body }) => body)
      .filter(({ type, declaration }) =>
        type === "ExportNamedDeclaration" && declaration?.type === "FunctionDeclaration"
      );
    this.#exported = new Map(
      functions.map(({ declaration }) => [declaration.id.name, declaration]),
    );
  }

  /** What is said at a node itself. */
  read(node: Node): Said[] {
    const name = calleeOf(node) ?? "";
    const said = (text: Node, outcomes: string[]): Said[] => [
      { outcomes, messages: this.texts([text, new Map()]), hints: [] },
    ];
    if (isFailure(node) || BUILDERS.includes(name)) {
      const isElsewhere = BUILDERS.includes(functionAround(node)) || /\.problem\b/.test(node.text);
      return isElsewhere ? [] : this.failures(node, new Map());
    }
    if (hasProperties(node, "pattern", "outcome", "hint")) return [this.rule(node)];
    if (hasProperties(node, "problem", "hint")) return [this.problem(node)];
    if (name === "mistakes.push" || MISTAKES.includes(name)) {
      return said(node.arguments[0], ["usage"]);
    }
    if (name.endsWith("log.warn")) return said(node.arguments[0], []);
    const isWarning = node.type === "TemplateLiteral" && WARNERS.includes(functionAround(node)) &&
      !["TemplateLiteral", "ConditionalExpression"].includes(node.parent.type);
    return isWarning ? said(node, []) : [];
  }

  /** What a `new Failure(…)` says, or a call of a builder: as much as there are failures in its body. */
  failures(node: Node, calls: Calls): Said[] {
    if (isFailure(node)) {
      const [outcome, message, options] = node.arguments;
      return [{
        outcomes: this.texts([outcome, calls]),
        messages: this.texts([message, calls]),
        hints: options === undefined ? [] : this.#property([options, calls], "hint"),
      }];
    }
    const builder = this.#function(node, calleeOf(node)!);
    if (builder === undefined || calls.has(builder)) {
      throw new Error(`Cannot find the function of ${node.text}`);
    }
    const inside = new Map([...calls, [builder, { args: node.arguments, calls }]]);
    const found = [...nodesOf(builder.body)].filter((inner) =>
      isFailure(inner) || BUILDERS.includes(calleeOf(inner)!)
    ).flatMap((inner) => this.failures(inner, inside));
    if (found.length === 0) throw new Error(`Cannot find a failure in ${builder.text}`);
    return found;
  }

  /** One of kit's rules. */
  rule(node: Node): Said {
    const say = this.#property([node, new Map()], "say");
    return {
      outcomes: this.#property([node, new Map()], "outcome"),
      messages: [`Cannot ${HOLE}: ${say[0] ?? HOLE}`],
      hints: this.#property([node, new Map()], "hint"),
    };
  }

  /** A part of a message, with the hint for the whole. */
  problem(node: Node): Said {
    return {
      outcomes: ["auth"],
      messages: this.#property([node, new Map()], "problem"),
      hints: this.#property([node, new Map()], "hint"),
    };
  }

  /** Every text that an expression can be. */
  texts(bound: Bound): string[] {
    const texts = this.#values(bound).flatMap((value) => this.#text(value));
    return [...new Set(texts.map((text) => text.replaceAll(/(\{\})+/g, HOLE)))];
  }

  #text([node, calls]: Bound): string[] {
    if (node.type === "Literal") return [String(node.value)];
    if (node.type === "BinaryExpression" && node.operator === "+" && isText(node)) {
      const right = this.texts([node.right, calls]);
      return this.texts([node.left, calls]).flatMap((left) => right.map((end) => left + end));
    }
    if (node.type !== "TemplateLiteral") return [HOLE];
    const parts = node.quasis.map(({ cooked }: Node, index: number) =>
      cooked + (index < node.expressions.length ? this.#inside(node.expressions[index], calls) : "")
    );
    return [parts.join("")];
  }

  /** What is between `${` and `}`, if it can be only one text. */
  #inside(node: Node, calls: Calls): string {
    const texts = this.texts([node, calls]);
    return texts.length === 1 ? texts[0] : HOLE;
  }

  #property(bound: Bound, name: string): string[] {
    return this.#values(bound).flatMap(([node, calls]) => {
      if (node.type !== "ObjectExpression") return [HOLE];
      const own = node.properties.find(({ key }: Node) => key?.name === name);
      if (own !== undefined) return this.texts([own.value, calls]);
      return node.properties.filter(({ type }: Node) => type === "SpreadElement")
        .flatMap(({ argument }: Node) => this.#property([argument, calls], name))
        .filter((text: string) => text !== HOLE);
    });
  }

  /** The expressions that an expression may come to: constants, parameters and functions are followed. */
  #values([node, calls]: Bound): Bound[] {
    const all = (nodes: Node[], inside = calls) =>
      nodes.flatMap((each) => this.#values([each, inside]));
    switch (node.type) {
      case "ConditionalExpression":
        return all([node.consequent, node.alternate]);
      case "LogicalExpression":
        return all([node.left, node.right]);
      case "Identifier":
        return node.name === "undefined" ? [] : this.#variable(node, calls) ?? [[node, calls]];
      case "MemberExpression": {
        const objects = this.#values([node.object, calls]);
        if (!objects.every(([{ type }]) => type === "ObjectExpression")) break;
        return objects.flatMap(([{ properties }, inside]) =>
          all(
            properties.filter(({ key }: Node) => node.computed || key?.name === node.property.name)
              .map(({ value }: Node) => value),
            inside,
          )
        );
      }
      case "CallExpression": {
        const called = this.#function(node, calleeOf(node) ?? "");
        // One that calls itself comes to what it answers with otherwise.
        if (called === undefined || calls.has(called)) break;
        const inside = new Map([...calls, [called, { args: node.arguments, calls }]]);
        const returned = [...nodesOf(called.body)].filter((inner) =>
          inner.type === "ReturnStatement" && inner.argument !== undefined &&
          functionOf(inner) === called
        );
        if (returned.length > 0) return all(returned.map(({ argument }) => argument), inside);
      }
    }
    return [[node, calls]];
  }

  /** What a name stands for where it is used, if that is a constant or what a looked-at function is given. */
  #variable(use: Node, calls: Calls): Bound[] | undefined {
    const { name } = use;
    for (let scope = use.parent; scope !== undefined; scope = scope.parent) {
      for (const declarator of constantsIn(scope)) {
        const values = (): Bound[] => this.#values([declarator.init, calls]);
        const { id } = declarator;
        if (id.name === name) return values();
        if (id.type === "ArrayPattern") {
          const index = id.elements.findIndex((element: Node) => element?.name === name);
          const isList = (bound: Bound) => bound[0].type === "ArrayExpression";
          if (index !== -1 && values().every(isList)) {
            return values().flatMap(([list, inside]) =>
              this.#values([list.elements[index], inside])
            );
          }
        }
        if (id.type === "ObjectPattern" && keyOf(id, name) !== undefined) return undefined;
      }
      for (const [index, declared] of (scope.params ?? []).entries()) {
        const parameter = declared.type === "AssignmentPattern" ? declared.left : declared;
        const key = keyOf(parameter, name);
        if (parameter.name !== name && key === undefined) continue;
        const call = calls.get(scope);
        if (call === undefined || call.args[index] === undefined) return undefined;
        if (key === undefined) return this.#values([call.args[index], call.calls]);
        return undefined;
      }
    }
  }

  #function(use: Node, name: string): Node | undefined {
    for (let scope = use.parent; scope !== undefined; scope = scope.parent) {
      for (const statement of statementsIn(scope)) {
        const declared = statement.declaration ?? statement;
        if (declared.type === "FunctionDeclaration" && declared.id.name === name) return declared;
      }
      const arrow = constantsIn(scope).find(({ id }) => id.name === name)?.init;
      if (arrow?.type === "ArrowFunctionExpression") return arrow;
    }
    return this.#exported.get(name);
  }
}

function statementsIn(scope: Node): Node[] {
  return ["Program", "BlockStatement", "SwitchCase"].includes(scope.type)
    ? scope.type === "SwitchCase" ? scope.consequent : scope.body
    : [];
}

function constantsIn(scope: Node): Node[] {
  return statementsIn(scope).map((statement) => statement.declaration ?? statement)
    .filter(({ type, kind }) => type === "VariableDeclaration" && kind === "const")
    .flatMap(({ declarations }) => declarations);
}

/** The key that a pattern `{ key: name }` takes a name from. */
function keyOf(pattern: Node, name: string): string | undefined {
  return pattern.type === "ObjectPattern"
    ? pattern.properties.find(({ value }: Node) => value?.name === name)?.key.name
    : undefined;
}

/** `new Failure(…)`, or of a class that extends it: what begins with an outcome's name, or the class's own `super(…)`. */
function isFailure(node: Node): boolean {
  if (node.type === "CallExpression" && node.callee.type === "Super") {
    let around = node.parent;
    while (around.type !== "ClassDeclaration") around = around.parent;
    return around.superClass?.name === "Failure";
  }
  if (node.type !== "NewExpression") return false;
  return calleeOf(node) === "Failure" || Object.hasOwn(OUTCOMES, node.arguments[0]?.value ?? "");
}

/** Whether a sum is one of texts, and not of numbers. */
function isText({ left, right }: Node): boolean {
  return ![left, right].some(({ value }) => typeof value === "number");
}

/** The name of what is called or made: `Failure`, `refuse`, `log.warn`. */
function calleeOf(node: Node): string | undefined {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return undefined;
  return node.callee.text.replace(/^this\./, "");
}

function hasProperties(node: Node, ...names: string[]): boolean {
  return node.type === "ObjectExpression" &&
    names.every((name) => node.properties.some(({ key }: Node) => key?.name === name));
}

function functionOf(node: Node): Node | undefined {
  const isFunction = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;
  let scope = node.parent;
  while (scope !== undefined && !isFunction.test(scope.type)) scope = scope.parent;
  return scope;
}

/** The name of the nearest function around a node that has one. */
function functionAround(node: Node): string {
  for (let scope = functionOf(node); scope !== undefined; scope = functionOf(scope)) {
    const name = scope.id?.name ?? scope.parent.id?.name ?? scope.parent.key?.text;
    if (name !== undefined) return name;
  }
  return "";
}
