import { type Measured, median } from "./measure.ts";

/** One way in one situation, with all its runs. */
export interface Row {
  situation: string;
  way: string;
  runs: Measured[];
}

/** A Markdown table of medians; times are also given as a multiple of the first way of each situation. */
export function markdown(rows: Row[]): string {
  const lines = [
    "| situation | way | time | of the first | first layer verified | CPU | peak memory | peak disk |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const { situation, way, runs } of rows) {
    const first = rows.find((row) => row.situation === situation)!;
    const of = (pick: (run: Measured) => number) => median(runs.map(pick));
    const ratio = of(({ seconds }) => seconds) / median(first.runs.map(({ seconds }) => seconds));
    lines.push(
      `| ${situation} | ${way} | ${formatTime(of(({ seconds }) => seconds))} | ${
        ratio.toFixed(2)
      } × ` +
        `| ${formatTime(of(({ verifiedSeconds }) => verifiedSeconds))} ` +
        `| ${of(({ cpuSeconds }) => cpuSeconds).toFixed(2)} s ` +
        `| ${formatSize(of(({ peakBytes }) => peakBytes) / 2 ** 20, "MiB")} ` +
        `| ${formatSize(of(({ diskBytes }) => diskBytes) / 1e6, "MB")} |`,
    );
  }
  return lines.join("\n");
}

function formatSize(value: number, unit: string): string {
  return isNaN(value) ? "" : `${value.toFixed(0)} ${unit}`;
}

function formatTime(seconds: number): string {
  if (isNaN(seconds)) return "";
  return seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

const COLORS = ["#8c8c8c", "#c9a227", "#e3cf8b", "#2f6fab", "#7fb3d5"];
const BAR = { height: 16, gap: 4, group: 26, left: 250, width: 420 };

/** A bar for each row, as SVG: the time in seconds, on one scale a situation. */
export function plot(rows: Row[]): string {
  const situations = [...new Set(rows.map(({ situation }) => situation))];
  const ways = [...new Set(rows.map(({ way }) => way))];
  const parts: string[] = [];
  let y = 40;
  for (const situation of situations) {
    const own = rows.filter((row) => row.situation === situation);
    const times = own.map(({ runs }) => median(runs.map(({ seconds }) => seconds)));
    const longest = Math.max(...times);
    parts.push(`<text x="10" y="${y - 8}" font-weight="bold">${situation}</text>`);
    for (const [index, { way }] of own.entries()) {
      const width = Math.max(1, times[index] / longest * BAR.width).toFixed(1);
      const color = COLORS[ways.indexOf(way) % COLORS.length];
      parts.push(
        `<text x="${BAR.left - 8}" y="${y + 12}" text-anchor="end">${way}</text>`,
        `<rect x="${BAR.left}" y="${y}" width="${width}" height="${BAR.height}" fill="${color}"/>`,
        `<text x="${BAR.left + Number(width) + 6}" y="${y + 12}">${
          formatTime(times[index])
        }</text>`,
      );
      y += BAR.height + BAR.gap;
    }
    y += BAR.group;
  }
  const size = `width="760" height="${y}" viewBox="0 0 760 ${y}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">` +
    `<rect width="760" height="${y}" fill="white"/>\n${parts.join("\n")}\n</svg>\n`;
}
