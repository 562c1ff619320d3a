import assert from "node:assert/strict";
import { barLines, percentOf, type Row } from "../lib/bars.ts";
import { textWidth } from "../lib/text_width.ts";

const ROW: Row = {
  name: "model.safetensors",
  bytes: 1.2e9,
  size: 2.7e9,
  speed: 110e6,
  left: 13.6,
};
const draw = (columns: number, row: Partial<Row> = {}) =>
  barLines([{ ...ROW, ...row }], { columns, rows: 24 })[0];

const LINES: [name: string, columns: number, row: Partial<Row>, line: string][] = [
  [
    "200 columns",
    200,
    {},
    `${"model.safetensors".padEnd(32)} ${"█".repeat(17)}${
      "░".repeat(23)
    }   44 %   1.2 GB of 2.7 GB   110 MB/s         14 s left`,
  ],
  [
    "80 columns",
    80,
    {},
    "…safetensors ████░░░░░░░   44 %   1.2 GB of 2.7 GB   110 MB/s         14 s left",
  ],
  ["60 columns", 60, {}, "…safetensors ████░░░░░░   44 %   110 MB/s         14 s left"],
  ["40 columns", 40, {}, "…el.safetensors ███████░░░░░░░░░   44 %"],
  ["20 columns", 20, {}, "model.safetensors  "],
  [
    "an unknown size",
    80,
    { size: 0, left: undefined },
    "…safetensors ░░░░░░░░░░░                    1.2 GB   110 MB/s",
  ],
  ["a wide name", 40, { name: "模型/模型模型模型.bin" }, "…型模型模型.bin ███████░░░░░░░░░   44 %"],
  [
    "a name that would steer the terminal",
    200,
    { name: "a\x1b[2Jb" },
    `${"a\\u001b[2Jb".padEnd(32)} ${"█".repeat(17)}${
      "░".repeat(23)
    }   44 %   1.2 GB of 2.7 GB   110 MB/s         14 s left`,
  ],
];
for (const [name, columns, row, line] of LINES) {
  Deno.test(`bars: ${name}`, () => assert.equal(draw(columns, row), line));
}

Deno.test("bars: a name of megabytes is drawn at once", () => {
  const started = performance.now();
  assert.match(draw(80, { name: "x".repeat(20e6) + "/model.bin" }), /^…x\/model\.bin /);
  assert.ok(performance.now() - started < 1000);
});

const WIDEST: Partial<Row> = {
  bytes: 999.9e9,
  size: 999.9e9,
  speed: 999.4e9,
  left: 59 * 60 + 59,
  name: "名".repeat(100),
};
Deno.test("bars: no line is as wide as the terminal, whatever it says", () => {
  for (let columns = 1; columns <= 250; columns++) {
    for (
      const row of [{}, WIDEST, { name: "" }, { size: 0 }, { bytes: 0 }, { bytes: 1e12, left: 3e5 }]
    ) {
      const line = draw(columns, row);
      assert.ok(textWidth(line) < Math.max(2, columns), `${columns}: ${line}`);
    }
  }
});

Deno.test("bars: a bar does not move while what is beside it changes", () => {
  for (const columns of [40, 60, 80, 120, 200]) {
    const ends = [{}, WIDEST, { bytes: 1, speed: 1, left: undefined }].map((row) => {
      const line = draw(columns, { ...row, name: "x" });
      return Math.max(line.lastIndexOf("█"), line.lastIndexOf("░"));
    });
    assert.equal(new Set(ends).size, 1, `${columns}: ${ends}`);
  }
});

Deno.test("bars: 200 layers take at most 8 lines, and the last row is one of them", () => {
  const rows = Array.from({ length: 200 }, (_, index) => ({ ...ROW, name: `layer ${index}` }));
  const names = (height: number) =>
    barLines([...rows, { ...ROW, name: "Total" }], { columns: 80, rows: height })
      .map((line) => line.slice(0, 8).trim());
  assert.deepEqual(
    names(50),
    [0, 1, 2, 3, 4, 5, 6].map((index) => `layer ${index}`).concat("Total"),
  );
  assert.deepEqual(names(5), ["layer 0", "layer 1", "Total"]);
  assert.deepEqual(names(1), ["Total"]);
});

Deno.test("bars: 100 % is only when all is there", () => {
  assert.deepEqual([percentOf(999_999, 1_000_000), percentOf(5, 5), percentOf(0, 5)], [99, 100, 0]);
});
