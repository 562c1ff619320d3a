import { formatDuration } from "./duration.ts";
import { formatBytes } from "./format_bytes.ts";
import { printable } from "./log.ts";
import { redact } from "./redact.ts";
import { fitText } from "./text_width.ts";

/** One bar. */
export interface Row {
  name: string;
  bytes: number;
  /** Bytes in all, 0 if unknown. */
  size: number;
  /** Bytes per second. */
  speed: number;
  /** Seconds; absent where nobody can tell. */
  left?: number;
}

/** More would hide the log, however large the terminal is. */
const MAX_LINES = 8;
const NAME_COLUMNS = { min: 12, max: 32 };
const BAR_COLUMNS = { min: 8, max: 40 };
/** Characters of a name that are looked at, its last ones: a hostile Kitfile's may be megabytes, and each is drawn often. */
const MAX_NAME = 1000;

/** What there is to say of a row, each with the columns that it takes at most; the later ones go first. */
type Part = [columns: number, text: (row: Row) => string];
const PERCENT: Part = [5, ({ bytes, size }) => size === 0 ? "" : `${percentOf(bytes, size)} %`];
const LEFT: Part = [
  16,
  ({ left }) => left === undefined ? "" : `${formatDuration(left)} left`,
];
const SPEED: Part = [9, ({ speed }) => `${formatBytes(speed)}/s`];
const AMOUNT: Part = [
  17,
  ({ bytes, size }) => formatBytes(bytes) + (size === 0 ? "" : ` of ${formatBytes(size)}`),
];
const LAYOUTS: Part[][] = [
  [PERCENT, AMOUNT, SPEED, LEFT],
  [PERCENT, SPEED, LEFT],
  [PERCENT, LEFT],
  [PERCENT],
  [],
];

/** Whole percents: 100 only when all is there. */
export function percentOf(bytes: number, size: number): number {
  return Math.min(100, Math.floor(100 * bytes / size));
}

/** A line for each row, as many as a terminal of this size can spare; the last row is always among them. */
export function barLines(rows: Row[], size: { columns: number; rows: number }): string[] {
  const count = Math.max(1, Math.min(MAX_LINES, size.rows - 2));
  const shown = [...rows.slice(0, -1).slice(0, count - 1), ...rows.slice(-1)];
  // A cursor in the last column is where terminals differ.
  const width = Math.max(1, size.columns - 1);
  const isRoomy = (parts: Part[]) =>
    width - columnsOf(parts) >= NAME_COLUMNS.min + 1 + BAR_COLUMNS.min;
  const parts = LAYOUTS.find(isRoomy) ?? [];
  return shown.map((row) => line(row, parts, width));
}

function columnsOf(parts: Part[]): number {
  return parts.reduce((sum, [columns]) => sum + columns + 2, 0);
}

function line(row: Row, parts: Part[], width: number): string {
  const name = printable(redact(row.name.slice(-MAX_NAME)));
  const rest = width - columnsOf(parts) - 1;
  if (rest < NAME_COLUMNS.min + BAR_COLUMNS.min) return fitText(name, width);
  const nameColumns = Math.min(NAME_COLUMNS.max, Math.max(NAME_COLUMNS.min, Math.floor(rest / 2)));
  const bar = drawBar(row, Math.min(BAR_COLUMNS.max, rest - nameColumns));
  const texts = parts.map(([columns, text]) => `  ${text(row).padStart(columns)}`);
  return `${fitText(name, nameColumns)} ${bar}${texts.join("")}`.trimEnd();
}

function drawBar({ bytes, size }: Row, columns: number): string {
  const filled = size === 0 ? 0 : Math.floor(columns * Math.min(1, bytes / size));
  return "█".repeat(filled) + "░".repeat(columns - filled);
}
