import assert from "node:assert/strict";
import { isReserved } from "../../lib/marker.ts";
import { writeMetricsFile } from "../../lib/telemetry/metrics_file.ts";
import { TestFolder } from "../support/folder.ts";

interface Case {
  name: string;
  /** Below the test's folder. */
  path: string;
  before?: Record<string, string>;
  links?: Record<string, string>;
  /** Below the test's folder. */
  destinations?: string[];
  /** Why it is refused; absent: it is written. */
  why?: RegExp;
}

const CASES: Case[] = [
  { name: "a new file", path: "x.prom" },
  { name: "an old file is replaced", path: "x.prom", before: { "x.prom": "old" } },
  { name: "a folder that is not there", path: "nowhere/x.prom", why: /No such file/ },
  { name: "a folder of that name", path: "x.prom", before: { "x.prom/y": "" }, why: /else than a/ },
  {
    name: "a link, such as /dev/stdout, which must stay one",
    path: "x.prom",
    before: { target: "old" },
    links: { "x.prom": "target" },
    why: /else than a file/,
  },
  {
    name: "the name that is kept free in a destination",
    path: "models/.kit-storage.prom",
    before: { "models/": "" },
    destinations: ["models"],
  },
  {
    name: "another name in a destination",
    path: "models/x.prom",
    before: { "models/": "" },
    destinations: ["models"],
    why: /must be ".*\/models\/\.kit-storage\.prom"$/,
  },
  {
    name: "the right name deeper in a destination",
    path: "models/a/.kit-storage.prom",
    before: { "models/a/": "" },
    destinations: ["models"],
    why: /must be ".*\/models\/\.kit-storage\.prom"$/,
  },
  {
    name: "the right name in a destination within another",
    path: "models/a/.kit-storage.prom",
    before: { "models/a/": "" },
    destinations: ["models", "models/a"],
  },
  {
    name: "another name in a destination that a link leads to",
    path: "link/x.prom",
    before: { "models/": "" },
    links: { link: "models" },
    destinations: ["models"],
    why: /must be/,
  },
  {
    name: "beside a destination whose name begins alike",
    path: "models-metrics/x.prom",
    before: { "models/": "", "models-metrics/": "" },
    destinations: ["models"],
  },
  {
    name: "a destination that is not there",
    path: "x.prom",
    destinations: ["models"],
  },
];

for (const { name, path, before = {}, links = {}, destinations = [], why } of CASES) {
  Deno.test(`metrics file: ${name}${why === undefined ? "" : ": refused"}`, async () => {
    await using folder = await TestFolder.create();
    await folder.write(before);
    for (const [link, target] of Object.entries(links)) {
      await Deno.symlink(folder.at(target), folder.at(link));
    }
    const there = await folder.tree();
    const pairs = destinations.map((destination) => ({ destination: folder.at(destination) }));
    const written = writeMetricsFile(folder.at(path), "new\n", pairs);
    if (why === undefined) {
      await written;
      assert.deepEqual(await folder.tree(), { ...there, [path]: "new\n" });
      assert.equal((await Deno.stat(folder.at(path))).mode! & 0o777, 0o644 & ~Deno.umask());
    } else {
      await assert.rejects(written, why);
      assert.deepEqual(await folder.tree(), there);
    }
  });
}

Deno.test("metrics file: who reads it meanwhile never sees half of it", async () => {
  await using folder = await TestFolder.create();
  const path = folder.at(".kit-storage.prom");
  const texts = ["a", "b"].map((letter) => `${letter.repeat(500_000)}\n`);
  await writeMetricsFile(path, texts[0], []);
  const names = new Set<string>();
  const writing = Promise.all(
    Array.from({ length: 20 }, (_, index) => writeMetricsFile(path, texts[index % 2], [])),
  );
  let done = false;
  writing.finally(() => done = true);
  while (!done) {
    assert.ok(texts.includes(await Deno.readTextFile(path)));
    for await (const { name } of Deno.readDir(folder.path)) names.add(name);
  }
  await writing;
  // What a collector could read while it is written, and a ModelKit could not have.
  for (const name of names) assert.ok(isReserved(name) && !/.\.prom.*\.prom$/.test(name), name);
  assert.deepEqual(Object.keys(await folder.tree()), [".kit-storage.prom"]);
});
