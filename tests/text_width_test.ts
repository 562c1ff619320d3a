import assert from "node:assert/strict";
import { fitText, textWidth } from "../lib/text_width.ts";

const WIDTHS: [text: string, width: number][] = [
  ["", 0],
  ["model.onnx", 10],
  ["é", 1],
  ["e\u0301", 1],
  ["模型", 4],
  ["한글", 4],
  ["ｆｕｌｌ", 8],
  ["ﾊﾝ", 2],
  ["🧪", 2],
  ["𠀀", 2],
  ["…█░", 3],
  ["a\u200bb", 2],
];
for (const [text, width] of WIDTHS) {
  Deno.test(`text width: "${text}" takes ${width} columns`, () =>
    assert.equal(textWidth(text), width));
}

const FITS: [text: string, width: number, fitted: string][] = [
  ["abc", 5, "abc  "],
  ["abc", 3, "abc"],
  ["abcdef", 4, "…def"],
  ["abc", 1, "…"],
  ["模型.bin", 8, "模型.bin"],
  ["模型.bin", 7, "…型.bin"],
  ["模型.bin", 6, "….bin "],
  ["xe\u0301y", 2, "…y"],
  ["xxe\u0301", 1, "…"],
];
Deno.test("text width: a text that is much too long is cut at once", () => {
  const started = performance.now();
  assert.equal(fitText("x".repeat(200_000), 4), "…xxx");
  assert.ok(performance.now() - started < 1000);
});

for (const [text, width, fitted] of FITS) {
  Deno.test(`text width: "${text}" in ${width} columns is "${fitted}"`, () => {
    assert.equal(fitText(text, width), fitted);
    assert.equal(textWidth(fitted), width);
  });
}
