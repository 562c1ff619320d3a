/** One line of Prometheus' text format that has a value. */
export interface PrometheusSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const NAME = "[a-zA-Z_][a-zA-Z0-9_]*";
const SAMPLE_REGEXP = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL_REGEXP = new RegExp(`(${NAME})="((?:[^"\\\\\\n]|\\\\["\\\\n])*)"(,(?=.)|$)`, "y");
const ESCAPES: Record<string, string> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

/**
 * Reads Prometheus' text format, as strictly as we write it: each metric has its HELP, its TYPE, which is gauge, and its
 * samples together, in this order, and no sample is there twice. `deno task test:deploy` asks Prometheus' own code.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 *
 * @throws {Error} that names the line
 */
export function parsePrometheus(text: string): PrometheusSample[] {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const samples: PrometheusSample[] = [];
  const seen = new Set<string>();
  let current: string | undefined;
  let typed: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const refuse = (why: string) => new Error(`${why}: ${line}`);
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      if (seen.has(name)) throw refuse("a metric is there twice");
      if (/\\(?![\\n])/.test(rest)) throw refuse("a backslash of the help is not escaped");
      seen.add(current = name);
    } else if (kind === "TYPE") {
      if (name !== current || rest !== "gauge") throw refuse("another type or place");
      typed = name;
    } else {
      const sample = parseSample(line);
      if (sample === undefined) throw refuse("not a sample");
      if (sample.name !== current || sample.name !== typed) throw refuse("no HELP and TYPE above");
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) throw refuse("a sample is there twice");
      seen.add(key);
      samples.push(sample);
    }
  }
  return samples;
}

function parseSample(line: string): PrometheusSample | undefined {
  const [, name, list = "", number] = SAMPLE_REGEXP.exec(line) ?? [];
  const value = Number(number);
  if (name === undefined || !Number.isFinite(value)) return undefined;
  const labels: Record<string, string> = {};
  LABEL_REGEXP.lastIndex = 0;
  for (let position = 0; position < list.length; position = LABEL_REGEXP.lastIndex) {
    const match = LABEL_REGEXP.exec(list);
    if (match === null || match[1] in labels) return undefined;
    labels[match[1]] = match[2].replaceAll(/\\./g, (escaped) => ESCAPES[escaped]);
  }
  return { name, labels, value };
}
