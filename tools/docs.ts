// Writes the README's tables from the code: `deno run -A tools/docs.ts`; with --check it only compares.
import { ENVIRONMENT } from "../lib/environment.ts";
import { OUTCOMES } from "../lib/errors.ts";
import { readChartValues } from "./chart_values.ts";
import { ROOT } from "./program.ts";

const README = `${ROOT}/README.md`;

/** What stands between `<!-- NAME:start -->` and `<!-- NAME:end -->`. */
export const TABLES: Record<string, () => string> = {
  environment: () =>
    ENVIRONMENT.map(({ title, variables }) =>
      `**${title}**\n\n` + table(
        ["name", "meaning", "default"],
        variables.map(({ name, about, standard }) => [`\`${name}\``, about, standard ?? ""]),
      )
    ).join("\n\n"),
  chart: () =>
    table(
      ["value", "meaning", "default"],
      readChartValues().map(({ name, about, standard }) => [
        `\`${name}\``,
        about,
        `\`${standard}\``,
      ]),
    ),
  outcomes: () =>
    table(
      ["code", "name", "when", "worth a retry"],
      Object.entries(OUTCOMES).map(([name, { code, when, retryable }]) => [
        String(code),
        name,
        when,
        name === "ok" ? "" : retryable ? "yes" : "no",
      ]),
    ),
};

/**
 * The text with every table as the code has it now.
 *
 * @throws {Error} where a marker is missing
 */
export function withTables(text: string): string {
  let result = text;
  for (const [name, write] of Object.entries(TABLES)) {
    const [before, rest] = parts(result, `<!-- ${name}:start -->`);
    const [, after] = parts(rest, `<!-- ${name}:end -->`);
    // The formatter would pad every cell to the widest one.
    const ignored = `<!-- deno-fmt-ignore-start -->\n\n${write()}\n\n<!-- deno-fmt-ignore-end -->`;
    result = `${before}<!-- ${name}:start -->\n${ignored}\n<!-- ${name}:end -->${after}`;
  }
  return result;
}

function parts(text: string, marker: string): [string, string] {
  const pieces = text.split(marker);
  if (pieces.length !== 2) throw new Error(`Cannot find "${marker}" once in README.md`);
  return [pieces[0], pieces[1]];
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
}

if (import.meta.main) {
  const text = await Deno.readTextFile(README);
  const wanted = withTables(text);
  if (text !== wanted && Deno.args.includes("--check")) {
    console.error("README.md's tables are not those of the code: deno run -A tools/docs.ts");
    Deno.exit(1);
  }
  if (text !== wanted) await Deno.writeTextFile(README, wanted);
}
