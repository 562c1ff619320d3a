// Looks in the sources of tests for what they look at.
import { ROOT } from "../../tools/program.ts";
import { type Node, nodesOf, parseSource } from "./syntax.ts";

/** A shorter piece of text may be anywhere by chance, unless that is all that is said between two holes. */
const MIN_LENGTH = 10;
const MIN_WHOLE = 6;

const programs = new Map<string, Promise<Node>>();

/**
 * The source of one test, or `undefined` where the file has none of that name. Of a table's row it is the row, with
 * the tests that go through tables in that file.
 */
export async function readEvidence(path: string, name: string): Promise<string | undefined> {
  let program = programs.get(path);
  if (program === undefined) {
    program = Deno.readTextFile(`${ROOT}/${path}`).then((text) => parseSource(path, text));
    programs.set(path, program);
  }
  const nodes = [...nodesOf(await program)];
  const found = nodes.filter((node) => textOf(node) === name).map(blockAround)
    .filter((block) => block !== undefined);
  if (found.length === 0) return undefined;
  const goThroughTables = nodes.filter((node) =>
    isTest(node) && node.arguments[0].type !== "Literal" && !found.includes(node)
  );
  // A regular expression says the same with more backslashes.
  // The name alone says nothing of what is looked at.
  const texts = found.map(({ text }) => text.replace(name, ""));
  texts.push(...goThroughTables.map(({ text }) => text));
  return texts.join("\n").replaceAll("\\", "");
}

/** The longest pieces of texts with holes that the evidence has, too. */
export function fragmentsIn(evidence: string, texts: string[]): string[] {
  return texts.flatMap((text) => text.split("{}")).flatMap((part) => {
    const found: string[] = [];
    const least = Math.max(MIN_WHOLE, Math.min(MIN_LENGTH, part.trim().length));
    for (let start = 0; start + least <= part.length;) {
      let length = least;
      if (!evidence.includes(part.slice(start, start + length))) {
        start++;
        continue;
      }
      while (
        start + length < part.length && evidence.includes(part.slice(start, start + length + 1))
      ) length++;
      found.push(part.slice(start, start + length));
      start += length;
    }
    return found;
  });
}

function textOf({ type, value, text }: Node): string | undefined {
  if (type === "Literal") return String(value);
  if (type === "TemplateLiteral") return text.slice(1, -1);
}

function isTest({ type, callee }: Node): boolean {
  return type === "CallExpression" && /^(Deno\.test|\w+\.step)$/.test(callee.text);
}

/** What a name is the name of: a call of `Deno.test` or `t.step`, a row of a table, or an entry with the name as its key. */
function blockAround(name: Node): Node | undefined {
  const { parent } = name;
  if (isTest(parent) && parent.arguments[0] === name) return parent;
  if (parent.type === "ArrayExpression") return parent;
  if (parent.type !== "Property") return undefined;
  if (parent.key === name) return parent;
  return parent.key.name === "name" ? parent.parent : undefined;
}
