// Makes docs/demo.svg from a run of the demo: `deno run -A tools/recording.ts`. Lines appear when they came; what is of
// this machine or of this run alone is replaced, and between steps there is time to read.
import { ROOT } from "./program.ts";

/** The picture of the recording. */
export const RECORDING = `${ROOT}/docs/demo.svg`;

/** A line of the demo, and when it came: seconds since the first. */
export interface Line {
  text: string;
  seconds: number;
}

/** Below it the log has nothing that the demo's own lines do not say. */
const LOG_LEVEL = "warn";
const COMMAND = `$ KIT_LOG_LEVEL=${LOG_LEVEL} deno task demo`;
/** What comes before it is about getting kit and the registry, and only the first run shows it. */
const FIRST_REGEXP = /^Starting a registry/;

/**
 * Runs `deno task demo`.
 *
 * @throws {Error} where the demo fails, with what it said
 */
export async function recordDemo(): Promise<Line[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo"],
    cwd: ROOT,
    env: { KIT_LOG_LEVEL: LOG_LEVEL, NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: Line[] = [{ text: "", seconds: performance.now() / 1000 }];
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    const [rest, ...more] = chunk.split("\n");
    lines.at(-1)!.text += rest;
    for (const text of more) lines.push({ text, seconds: performance.now() / 1000 });
  }
  const said = lines.map(({ text }) => text).join("\n");
  if (!(await child.status).success) throw new Error(`Cannot record the demo: ${said}`);
  const first = lines.findIndex(({ text }) => FIRST_REGEXP.test(text));
  if (first === -1) throw new Error(`Cannot find the beginning of the demo: ${said}`);
  const start = lines[first].seconds;
  const end = lines.findLastIndex(({ text }) => text !== "") + 1;
  return [
    { text: COMMAND, seconds: 0 },
    ...lines.slice(first, end).map(({ text, seconds }) => ({
      text: anywhere(text),
      seconds: seconds - start,
    })),
  ];
}

/** The line as it is on any machine: without ports, temporary names and the day. */
function anywhere(text: string): string {
  return text
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:5000")
    .replaceAll(/\/[^\s"]*\/storage-initializer-demo-\w+/g, "/tmp/demo")
    .replaceAll(/\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\.\d{3}Z/g, "2026-01-01T00:00:00.000Z");
}

/**
 * What of a line is the same in each run: no times and digests, nor the sizes of the marker, which has times in it, and
 * of the weights, whose last digits are V8's.
 */
export function stable(text: string): string {
  return anywhere(text)
    .replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:…")
    .replaceAll(/\d+\.\d s\b/g, "… s")
    .replaceAll(/\bseconds=\S+/g, "seconds=…")
    .replaceAll(/^( *\S+\.json) +\d+ B/g, "$1 … B");
}

const COLUMNS = 104;
const CELL = { width: 7.22, height: 17 };
const MARGIN = 14;
/** Seconds between two steps, and between two lines: so much a reader needs, and so much a wait may take. */
const PAUSE = { step: 1.6, most: 1.2 };
const COLORS: [name: string, line: RegExp][] = [
  ["step", /^\d+\. /],
  ["command", /^ *\$ /],
  ["error", / ERROR /],
  ["good", /^All .* should\.$|: right|^ +(refused|complete) /],
];

/** The recording as SVG: readable as it is, and line by line where the picture may move. */
export function draw(lines: Line[]): string {
  let rows = 0;
  let clock = 0.5;
  let before = 0;
  const shown = lines.map(({ text, seconds }) => {
    const isStep = COLORS[0][1].test(text);
    clock += isStep ? PAUSE.step : Math.min(PAUSE.most, Math.max(0, seconds - before));
    before = seconds;
    const color = COLORS.find(([, line]) => line.test(text))?.[0];
    const spans = wrap(text).map((row) => {
      const y = MARGIN + CELL.height * ++rows - 5;
      return `<tspan x="${MARGIN}" y="${y}">${escape(row)}</tspan>`;
    });
    const style = `animation-delay:${clock.toFixed(2)}s`;
    return `<text${color ? ` class="${color}"` : ""} style="${style}">${spans.join("")}</text>`;
  });
  const width = Math.ceil(2 * MARGIN + COLUMNS * CELL.width);
  const height = 2 * MARGIN + rows * CELL.height;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc" xml:space="preserve">
<title id="title">A recording of deno task demo</title>
<desc id="desc">A model is pushed to a registry. A folder is filled from it, and a second start finds it complete. A missing tag, a file in the way and a damaged layer are refused, each with its exit code.</desc>
<style>
.page { fill: #f6f8fa; stroke: #d1d9e0; }
text { fill: #1f2328; font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; animation: appear 0.05s both; }
.step { font-weight: bold; }
.command { fill: #0550ae; }
.error { fill: #cf222e; }
.good { fill: #116329; }
@keyframes appear { from { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { text { animation: none; } }
@media (prefers-color-scheme: dark) {
.page { fill: #151b23; stroke: #3d444d; }
text { fill: #f0f6fc; }
.command { fill: #79c0ff; }
.error { fill: #ff7b72; }
.good { fill: #7ee787; }
}
</style>
<rect class="page" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
${shown.join("\n")}
</svg>
`;
}

/** The lines that a recording shows. */
export function linesOf(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, spans]) =>
    spans.replaceAll(/<[^>]*>/g, "").replaceAll("&lt;", "<").replaceAll("&amp;", "&")
  );
}

/** Rows of a line; together they are the line. */
function wrap(text: string): string[] {
  return text.match(new RegExp(`.{1,${COLUMNS}}(?:(?<= )|$)|.{${COLUMNS}}`, "gu")) ?? [""];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

if (import.meta.main) {
  await Deno.writeTextFile(RECORDING, draw(await recordDemo()));
}
