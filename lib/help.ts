import { ENVIRONMENT } from "./environment.ts";
import { OUTCOMES } from "./errors.ts";
import { wrap } from "./wrap.ts";

const WIDTH = 80;
const INDENT = 6;

/** The text of `--help`. */
export function helpText(version: string): string {
  return [
    `KitOps storage initializer ${version}: fills folders with ModelKits, for KServe`,
    "",
    "Usage:",
    "  storage-initializer [options] <uri> <dest> [<uri> <dest> …]",
    "  storage-initializer [options] doctor [<uri> [<dest>] …]",
    "",
    "  <uri>   kit://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]",
    "  <dest>  the folder to fill; it is made where it is missing",
    "",
    "  doctor  writes no model: says on standard output what works and what does not,",
    "          and ends with the code of the first failure. A word that begins with /",
    "          or ./ is the destination of the URI before it; without one it is",
    "          /mnt/models, where that is there",
    "",
    "Options:",
    "  --log-format=text|json              instead of KIT_LOG_FORMAT",
    "  --log-level=debug|info|warn|error   instead of KIT_LOG_LEVEL",
    "  -q, --quiet                         warnings and errors only, no progress",
    "  --version                           show the version",
    "  -h, --help                          show this text",
    ...ENVIRONMENT.flatMap((group) => [
      "",
      `${group.title} (environment):`,
      ...group.variables.flatMap(({ name, about, standard }) => [
        `  ${name}`,
        ...wrap(
          about.replaceAll("`", "") + (standard === undefined ? "" : ` (default: ${standard})`),
          WIDTH - INDENT,
        ).map((line) => " ".repeat(INDENT) + line),
      ]),
    ]),
    "",
    "Exit codes:",
    ...Object.entries(OUTCOMES).map(([name, { code, when }]) =>
      `  ${String(code).padStart(3)}  ${name}: ${when}`
    ),
    "  What to do about each message: docs/troubleshooting.md#exit-code-CODE-NAME",
    "",
  ].join("\n");
}
