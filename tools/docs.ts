// Writes the tables of the README and of some pages of docs, docs/reliability.md and docs/troubleshooting.md:
// `deno run -A tools/docs.ts`; with --check it only compares.
import manifest from "../deno.json" with { type: "json" };
import { ENVIRONMENT } from "../lib/environment.ts";
import { OUTCOMES } from "../lib/errors.ts";
import { helpText } from "../lib/help.ts";
import { METRICS } from "../lib/telemetry/metrics.ts";
import { PHASES } from "../lib/timeline.ts";
import { FLAGS, REFUSAL } from "../lib/unpack_flags.ts";
import { type Case, PROMISES } from "../tests/reliability/cases.ts";
import { AREAS } from "../tests/reliability/mod.ts";
import { readChartValues } from "./chart_values.ts";
import { anchorOf, table } from "./markdown.ts";
import { ROOT } from "./program.ts";
import { sectionAnchor, troubleshootingPage } from "./troubleshooting/page.ts";

const RELIABILITY = "docs/reliability.md";
const TROUBLESHOOTING = "docs/troubleshooting.md";

/** The pages with tables of the code, and which. */
export const PAGES: Record<string, string[]> = {
  "README.md": ["outcomes"],
  "docs/configuration.md": ["environment", "usage", "flags", "chart"],
  "docs/metrics.md": ["metrics", "phases"],
};

/** What stands between `<!-- NAME:start -->` and `<!-- NAME:end -->`. */
export const TABLES: Record<string, () => string> = {
  environment: () =>
    ENVIRONMENT.map(({ title, variables }) =>
      `**${title}**\n\n` + table(
        ["name", "meaning", "default"],
        variables.map(({ name, about, standard }) => [`\`${name}\``, about, standard ?? ""]),
      )
    ).join("\n\n"),
  usage: () => {
    const [, usage] = /^Usage:\n(.*?)\n\n[^\n]+ \(environment\):$/ms.exec(
      helpText(manifest.version),
    )!;
    return `\`\`\`text\n${usage}\n\`\`\``;
  },
  flags: () =>
    table(
      ["flags", "what becomes of them"],
      Object.entries(CONCERNS).map(([concern, about]) => [
        Object.entries(FLAGS).filter(([, flag]) => flag.concerns === concern)
          .map(([name, { short }]) => (short ? `\`-${short}\`, ` : "") + `\`--${name}\``)
          .join(", "),
        about,
      ]),
    ),
  chart: () =>
    table(
      ["value", "meaning", "default"],
      readChartValues().map(({ name, about, standard }) => [
        `\`${name}\``,
        about,
        `\`${standard}\``,
      ]),
    ),
  metrics: () =>
    table(
      ["metric", "meaning", "labels"],
      METRICS.map(({ name, help, labels }) => [
        `\`${name}\``,
        help,
        labels.map((label) => `\`${label}\``).join(" "),
      ]),
    ),
  phases: () =>
    table(
      ["phase", "what the initializer does in it"],
      Object.entries(PHASES).map(([name, about]) => [`\`${name}\``, about]),
    ),
  outcomes: () =>
    table(
      ["code", "name", "when", "worth a retry"],
      Object.entries(OUTCOMES).map(([name, { code, when, retryable }]) => [
        linkToSection(code, name),
        name,
        when,
        name === "ok" ? "" : retryable ? "yes" : "no",
      ]),
    ),
};

const CONCERNS: Record<typeof FLAGS[string]["concerns"], string> = {
  network: "count for every request to a registry, signing in included",
  selection:
    "decide which files there are: a folder that was filled with other ones is filled anew",
  conflict: "what to do about files in the way: replace them, or keep them",
  output: "are for what kit says, which is in the log",
  refused: `are exit code 2: ${
    Object.entries(REFUSAL).map(([name, why]) => `\`--${name}\`, since ${why}`).join("; ")
  }`,
};

/**
 * The text with its tables as the code has them now.
 *
 * @throws {Error} where a marker is missing
 */
export function withTables(text: string, names: string[]): string {
  let result = text;
  for (const name of names) {
    const [before, rest] = parts(result, `<!-- ${name}:start -->`);
    const [, after] = parts(rest, `<!-- ${name}:end -->`);
    // The formatter would pad every cell to the widest one.
    const ignored = `<!-- deno-fmt-ignore-start -->\n\n${
      TABLES[name]()
    }\n\n<!-- deno-fmt-ignore-end -->`;
    result = `${before}<!-- ${name}:start -->\n${ignored}\n<!-- ${name}:end -->${after}`;
  }
  return result;
}

/** docs/reliability.md: every promise with the cases that hold it. */
export function reliabilityPage(): string {
  const all = Object.values(AREAS).flat();
  const sections = Object.entries(PROMISES).map(([key, sentence]) => {
    const cases = all.filter(({ promise }) => promise === key);
    return { sentence, cases, anchor: anchorOf(sentence) };
  }).filter(({ cases }) => cases.length > 0);
  const toc = table(
    ["promise", "cases"],
    sections.map(({ sentence, cases, anchor }) => [`[${sentence}](#${anchor})`, `${cases.length}`]),
  );
  return `<!-- deno-fmt-ignore-file -->
<!-- Written by tools/docs.ts from tests/reliability. -->

# What you can rely on

Each promise below stands above the cases that hold it. Each case is a test of its own: \`deno task test\` runs all of
them with the real kit and a real registry, the program as a process of its own, and prints how many passed. "Exit codes"
has one for each start of the program, in order; the [README](../README.md#exit-codes) says what they mean. "Left" is what
is in the destination afterwards.

${toc}

Whatever a case is about, it also looks that after it

- the destination holds exactly what the last column says, byte by byte, with nothing temporary in it;
- the files carry the case's own name, so that no other case's leftovers can stand in for them;
- nothing beside the destination was touched, and no private folder is left in memory;
- each start said how it ended in its [termination message](../README.md#termination-message) and again in the last line of
  its log, without a stack, a password, a token, or a character that steers a terminal;
- no start took longer than 15 s, or what the case allows.

${
    sections.map(({ sentence, cases }) => `## ${sentence}\n\n${table(CASE_HEAD, cases.map(rowOf))}`)
      .join("\n\n")
  }
`;
}

const CASE_HEAD = ["what happens", "exit codes", "left"];

function rowOf({ name, exits, left }: Case): string[] {
  return [name, exits.map((code) => [code].flat().join(" or ")).join(", then "), left];
}

function linkToSection(code: number, name: string): string {
  const anchor = sectionAnchor(name);
  return anchor === undefined ? `${code}` : `[${code}](docs/troubleshooting.md#${anchor})`;
}

function parts(text: string, marker: string): [string, string] {
  const pieces = text.split(marker);
  if (pieces.length !== 2) throw new Error(`Cannot find "${marker}" once in its page`);
  return [pieces[0], pieces[1]];
}

if (import.meta.main) {
  const read = (path: string) => Deno.readTextFile(`${ROOT}/${path}`);
  const pages: [path: string, now: string, wanted: string][] = [
    [RELIABILITY, await read(RELIABILITY).catch(() => ""), reliabilityPage()],
    [TROUBLESHOOTING, await read(TROUBLESHOOTING).catch(() => ""), troubleshootingPage()],
  ];
  for (const [path, names] of Object.entries(PAGES)) {
    const now = await read(path);
    pages.push([path, now, withTables(now, names)]);
  }
  for (const [path, now, wanted] of pages) {
    if (now === wanted) continue;
    if (Deno.args.includes("--check")) {
      console.error(`${path} is not what the code says: deno run -A tools/docs.ts`);
      Deno.exit(1);
    }
    await Deno.writeTextFile(`${ROOT}/${path}`, wanted);
  }
}
