// What the reliability cases say when they have run. The launcher imports this, so it may import no package.

/** What a case that ran writes, as a line of JSON, to the file that RELIABILITY_RESULTS names. */
export interface CaseResult {
  area: string;
  promise: string;
  passed: boolean;
  seconds: number;
}

/** The table of all that ran, and one line that sums it up; nothing where nothing ran. */
export function summaryOf(results: CaseResult[]): string {
  if (results.length === 0) return "";
  const rows = new Map<string, CaseResult[]>();
  for (const result of results) {
    const key = JSON.stringify([result.promise, result.area]);
    rows.set(key, [...rows.get(key) ?? [], result]);
  }
  const cells = [...rows].map(([key, some]) => [...JSON.parse(key), ...countsOf(some)]);
  const table = [["promise", "area", "cases", "passed", "seconds"], ...cells.sort()];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const lines = table.map((row) =>
    row.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ")
  );
  const [cases, passed, seconds] = countsOf(results);
  return [...lines, `reliability: ${cases} cases, ${passed} passed, ${seconds} s`, ""].join("\n");
}

function countsOf(results: CaseResult[]): [cases: string, passed: string, seconds: string] {
  const seconds = results.reduce((sum, { seconds }) => sum + seconds, 0);
  const passed = results.filter(({ passed }) => passed).length;
  return [`${results.length}`, `${passed}`, seconds.toFixed(1)];
}

/** The results in a file that cases have written to. */
export async function readResults(path: string): Promise<CaseResult[]> {
  const text = await Deno.readTextFile(path);
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}
