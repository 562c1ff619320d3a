import { redact } from "./redact.ts";

/** From the most to the least talkative. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

/**
 * The fields that a line may carry beside its message: an allowlist, kept where lines are written. A field of
 * another name is shown as `***`, so that a careless `{ headers }` cannot leak. Numbers that the message says in a
 * better form are for machines alone.
 */
const FIELDS: Record<string, "all" | "machines"> = {
  uri: "all",
  destination: "all",
  host: "all",
  digest: "all",
  source: "all",
  bytes: "machines",
  total: "machines",
  percent: "machines",
  seconds: "machines",
  secondsLeft: "machines",
  bytesPerSecond: "machines",
  attempt: "all",
  attempts: "all",
  code: "all",
  outcome: "machines",
  retryable: "machines",
  hint: "all",
  path: "all",
  downloaded: "machines",
  connections: "machines",
  retries: "machines",
  limit: "machines",
};

export type Fields = Record<string, string | number | boolean | undefined>;

/** Where lines go. Everything is written to standard error: standard output stays empty. */
export interface LogSink {
  write(line: string): void;
  now(): Date;
}

export interface LogOptions {
  format: LogFormat;
  level: LogLevel;
  sink: LogSink;
}

/** The log: one event a line, as text for people or as JSON for machines. */
export class Log {
  readonly format: LogFormat;
  readonly #level: number;
  readonly #sink: LogSink;

  constructor(options: LogOptions) {
    this.format = options.format;
    this.#level = LOG_LEVELS.indexOf(options.level);
    this.#sink = options.sink;
  }

  debug(message: string, fields: Fields = {}): void {
    this.#write("debug", message, fields);
  }

  info(message: string, fields: Fields = {}): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields: Fields = {}): void {
    this.#write("error", message, fields);
  }

  /** Whether lines of this level are written. */
  isShown(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#level;
  }

  #write(level: LogLevel, message: string, fields: Fields): void {
    if (!this.isShown(level)) return;
    const time = this.#sink.now().toISOString();
    const shown = visible(fields);
    const text = printable(redact(message));
    this.#sink.write(
      this.format === "json"
        ? JSON.stringify({ time, level, message: text, ...shown })
        : [time, level.toUpperCase().padEnd(5), text, ...forPeople(shown, text)].join(" "),
    );
  }
}

function visible(fields: Fields): Record<string, string | number | boolean> {
  const shown: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(FIELDS, name)) shown[name] = "***";
    else shown[name] = typeof value === "string" ? printable(redact(value)) : value;
  }
  return shown;
}

/** What the message does not say yet. */
function forPeople(shown: ReturnType<typeof visible>, message: string): string[] {
  return Object.entries(shown)
    .filter(([name, value]) => FIELDS[name] !== "machines" && !isIn(message, value))
    .map(pair);
}

function isIn(message: string, value: string | number | boolean): boolean {
  return typeof value === "string" && message.includes(value);
}

function pair([name, value]: [string, string | number | boolean]): string {
  return `${name}=${
    typeof value === "string" && /[\s"=]/.test(value) ? JSON.stringify(value) : value
  }`;
}

/**
 * What ends a line or steers a terminal, and what turns the order of the text around it, so that it reads as another:
 * https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 */
const UNPRINTABLE_REGEXP =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A registry or a file name must not be able to forge a line or to steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE_REGEXP, (character) => {
    return "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0");
  });
}
