import { Failure, OUTCOMES } from "../../lib/errors.ts";
import { terminationMessage } from "../../lib/termination.ts";
import { anchorOf, table } from "../markdown.ts";
import { SECTIONS } from "./catalogue.ts";
import { type Group, PEOPLE, type Section } from "./mod.ts";
import { WARNINGS } from "./warnings.ts";

/** The heading of an outcome's section: its anchor is where the README's table leads. */
export function headingOf({ outcome }: Section): string {
  return `Exit code ${OUTCOMES[outcome].code}: ${outcome}`;
}

/** The anchor of the section of an exit code's name, or `undefined` for success. */
export function sectionAnchor(name: string): string | undefined {
  const section = SECTIONS.find(({ outcome }) => outcome === name);
  return section && anchorOf(headingOf(section));
}

/** docs/troubleshooting.md: from a message to its cause and what to do. */
export function troubleshootingPage(): string {
  return `<!-- deno-fmt-ignore-file -->
<!-- Written by tools/docs.ts from tools/troubleshooting. -->

# Troubleshooting

Each message that the program can end with is here, with its cause, what to do, and the test that sees it. What stands in
\`<angle brackets>\` differs from case to case; \`<do it>\` is what was tried, such as \`find "registry.example.com/models/iris:v1"\`
or \`read the blob sha256:… of …\`.

## First look

1. **The message.** \`kubectl describe pod\` shows it under the init container \`storage-initializer\`, with the exit code; the
   \`InferenceService\` has both in \`status.modelStatus.lastFailureInfo\`. The first line says what failed and what to do. The
   second one is JSON, whose \`code\` and \`name\` lead to a section below:

   \`\`\`sh
   kubectl describe pod POD
   kubectl get inferenceservice NAME -o jsonpath='{.status.modelStatus.lastFailureInfo}'
   \`\`\`

2. **The log.** Its last line says the same in full, where the message had to be cut. The lines before it say which
   credentials were used, what was tried again, and what was found:

   \`\`\`sh
   kubectl logs POD -c storage-initializer
   kubectl logs POD -c storage-initializer --previous
   \`\`\`

3. **More of it.** \`KIT_LOG_LEVEL=debug\` in the \`env\` of the \`ClusterStorageContainer\` adds \`kit\`'s commands, each attempt, and
   the causes behind an error. \`KIT_LOG_FORMAT=json\` makes one object of each line. There are no passwords and tokens in the log.

4. **A look from inside.** \`storage-initializer doctor kit://…\`, in a pod with the same service account, checks settings, DNS,
   proxy, certificates, credentials, space and \`kit\`, one line each, and writes no model.

${table(["exit code", "name", "means", "who can mend it", "worth a retry"], SECTIONS.map(rowOf))}

What the log says with \`WARN\` while the run goes on is under [Warnings](#warnings).

${SECTIONS.map(sectionText).join("\n\n")}

## Warnings

The run goes on after each of these. What begins with \`kit: \` are \`kit\`'s own words.

${entriesTable({ entries: WARNINGS }, COLUMNS)}
`;
}

function rowOf(section: Section): string[] {
  const { outcome, who } = section;
  const { code, when, retryable } = OUTCOMES[outcome];
  return [
    `[${code}](#${anchorOf(headingOf(section))})`,
    outcome,
    when,
    who === "both" ? "either" : who,
    retryable ? "yes" : "no",
  ];
}

function sectionText(section: Section): string {
  return `## ${headingOf(section)}

${section.about}

\`\`\`text
${describe(section)}
\`\`\`

- **Who can mend it:** ${PEOPLE[section.who]}.
- **A retry:** ${section.retry}

${section.groups.map(groupText).join("\n\n")}`;
}

/** As `kubectl describe pod` prints it, with the message that the program writes. */
function describe({ outcome, example }: Section): string {
  const { says, hint, uri, host, seconds } = example;
  const failure = new Failure(outcome, says, { hint, host });
  return `    Last State:  Terminated
      Reason:    Error
      Message:   ${terminationMessage({ failure, uri, seconds }).trimEnd()}
      Exit Code: ${OUTCOMES[outcome].code}`;
}

function groupText(group: Group): string {
  const { title, about, says, prefix } = group;
  return [
    title && `### ${title}`,
    about,
    says && `What failed reads \`${says}\`, and what the program says behind it tells the cause:`,
    prefix && `Each is said behind \`${prefix.trimEnd()}\`.`,
    entriesTable(group, says ? ["what it says to do", "cause", "besides"] : COLUMNS),
  ].filter((part) => part !== undefined && part !== "").join("\n\n");
}

const COLUMNS = ["message", "cause", "what to do"];

function entriesTable(group: Group, head: string[]): string {
  const rows = group.entries.map((entry) => {
    const { says, hint, cause, remedy, test: [file, name] } = entry;
    const isHint = group.says !== undefined && says === undefined;
    const message = isHint ? `\`${hint}\`` : `\`${says}\``;
    const todo = [isHint ? undefined : hint && sentence(hint), remedy].filter(Boolean).join(" ") ||
      (isHint ? "" : "Correct it.");
    return [message, cause, todo, `[${nameOf(name)}](../tests/${file})`];
  });
  return table([...head, "test"], rows);
}

/** The program's own words as a sentence; what they leave open stays marked. */
function sentence(hint: string): string {
  return hint.replaceAll("*", "\\*").replaceAll(/<[^>]+>/g, "`$&`").replace(/[^.…]$/, "$&.");
}

/** A row's name as people read it: what the code puts into it is left open. */
function nameOf(name: string): string {
  return name.replaceAll(/\$\{[^}]*\}/g, "…");
}
