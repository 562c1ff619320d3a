import { type Failure, OUTCOMES } from "../errors.ts";
import { printable } from "../log.ts";
import { redact } from "../redact.ts";
import { wrap } from "../wrap.ts";
import type { Finding, Status } from "./finding.ts";

const WIDTH = 80;
const STATUS_WIDTH = 4;
const NAME_WIDTH = 13;
/** Where messages begin: after the status and the check's name, with two blanks before each. */
const INDENT = 2 + STATUS_WIDTH + 2 + NAME_WIDTH + 2;
/** ANSI colours: https://en.wikipedia.org/wiki/ANSI_escape_code#Colors */
const COLOURS: Record<Status, string> = { ok: "32", warn: "33", fail: "31", skip: "90" };

export interface ReportOptions {
  format: "text" | "json";
  write(text: string): void;
  /** On a terminal lines are wrapped, and coloured unless `plain` says otherwise. */
  isTerminal: boolean;
  variables: Readonly<Record<string, string>>;
}

/** How it ended. */
export interface Verdict {
  failure?: Failure;
  counts: Record<Status, number>;
  seconds: number;
}

/**
 * What `doctor` prints, one line for each finding: as text in sections, or as JSON, an object a line, of which the last
 * has the exit code.
 */
export class Report {
  readonly #options: ReportOptions;
  readonly #isColoured: boolean;
  #section: string | undefined;

  constructor(options: ReportOptions) {
    const { isTerminal, variables } = options;
    this.#options = options;
    // https://no-color.org: any value that is not empty.
    this.#isColoured = isTerminal && !variables.NO_COLOR && variables.TERM !== "dumb";
  }

  show(finding: Finding): void {
    const { failure, check, status, host, uri, destination } = finding;
    const [message, hint] = [clean(finding.message), clean(finding.hint)];
    if (this.#options.format === "json") {
      const end = failure && { code: OUTCOMES[failure.outcome].code, name: failure.outcome };
      const about = { host: clean(host), uri: clean(uri), destination: clean(destination) };
      this.#line(JSON.stringify({ check, status, message, hint, ...end, ...about }));
      return;
    }
    this.#begin(clean(destination ?? uri ?? host) ?? "This container");
    const painted = this.#paint(status.padEnd(STATUS_WIDTH), COLOURS[status]);
    const head = `  ${painted}  ${check.padEnd(NAME_WIDTH)}  `;
    if (!this.#options.isTerminal) {
      this.#line(head + message + (hint === undefined ? "" : `. ${hint}`));
      return;
    }
    const lines = wrap(message!, WIDTH - INDENT);
    if (hint !== undefined) {
      lines.push(
        ...wrap(hint, WIDTH - INDENT - 2).map((line, n) => (n === 0 ? "→ " : "  ") + line),
      );
    }
    this.#line(head + lines.join(`\n${" ".repeat(INDENT)}`));
  }

  /** The last line, and as text one with the counts before it. */
  end({ failure, counts, seconds }: Verdict): void {
    const name = failure?.outcome ?? "ok";
    const { code } = OUTCOMES[name];
    const rounded = Math.round(seconds * 1000) / 1000;
    if (this.#options.format === "json") {
      const status = failure === undefined ? "ok" : "error";
      this.#line(JSON.stringify({ status, code, name, seconds: rounded, ...counts }));
      return;
    }
    const { ok, warn, fail, skip } = counts;
    const text = `${ok} ok, ${warn} warn, ${fail} fail, ${skip} skip in ${seconds.toFixed(1)} s`;
    const end = failure === undefined
      ? "Nothing stands in the way of a run"
      : `Begin with the first failure: a run ends with exit code ${code} (${name})`;
    const colour = COLOURS[failure === undefined ? "ok" : "fail"];
    this.#line(`\n${text}\n${this.#paint(end, colour)}`);
  }

  #begin(section: string): void {
    if (section === this.#section) return;
    this.#line((this.#section === undefined ? "" : "\n") + this.#paint(section, "1"));
    this.#section = section;
  }

  #paint(text: string, colour: string): string {
    return this.#isColoured ? `\x1b[${colour}m${text}\x1b[0m` : text;
  }

  #line(text: string): void {
    this.#options.write(`${text}\n`);
  }
}

function clean<Text extends string | undefined>(text: Text): Text {
  return text === undefined ? text : printable(redact(text)) as Text;
}
