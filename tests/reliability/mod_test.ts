import assert from "node:assert/strict";
import { type CaseResult, summaryOf } from "../../tools/reliability.ts";
import { PROMISES, slugOf } from "./cases.ts";
import { AREAS } from "./mod.ts";

const all = Object.values(AREAS).flat();

Deno.test("the reliability table has at least 100 cases, and no name or slug twice", () => {
  assert.ok(all.length >= 100);
  for (
    const key of [({ name }: { name: string }) => name, (one: { name: string }) => slugOf(one.name)]
  ) {
    const keys = all.map(key);
    assert.deepEqual(keys.filter((name, index) => keys.indexOf(name) !== index), []);
  }
});

Deno.test("every case holds a promise, and says an exit code for each start", () => {
  for (const { name, promise, exits } of all) {
    assert.ok(Object.hasOwn(PROMISES, promise), name);
    assert.ok(exits.length > 0 && exits.flat().every(Number.isInteger), name);
  }
});

Deno.test("every area of the reliability table has the test that runs it", async () => {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(new URL(".", import.meta.url))) files.push(name);
  for (const file of files.filter((name) => name.endsWith("_test.ts") && name !== "mod_test.ts")) {
    const [, area] = /reliability\("(\w+)", [A-Z_]+\);/.exec(
      await Deno.readTextFile(new URL(file, import.meta.url)),
    )!;
    assert.ok(Object.hasOwn(AREAS, area), `${file} runs "${area}"`);
    assert.equal(file, `${area}_test.ts`);
  }
  for (const area of Object.keys(AREAS)) assert.ok(files.includes(`${area}_test.ts`), area);
});

const result = (part: Partial<CaseResult>): CaseResult => ({
  ...{ area: "network", promise: "passing", passed: true, seconds: 0.25, ...part },
});

Deno.test("the summary counts by promise and area, and ends with the sum", () => {
  const results = [
    result({}),
    result({ passed: false }),
    result({ promise: "lasting", seconds: 1 }),
  ];
  assert.equal(
    summaryOf(results),
    [
      "promise  area     cases  passed  seconds",
      "lasting  network      1       1      1.0",
      "passing  network      2       1      0.5",
      "reliability: 3 cases, 2 passed, 1.5 s",
      "",
    ].join("\n"),
  );
  assert.equal(summaryOf([]), "");
});
