// docs/troubleshooting.md has every message of the program and no other: the sources are read for what they can say,
// and the tests for who sees it.
import assert from "node:assert/strict";
import { OUTCOMES } from "../lib/errors.ts";
import { ROOT } from "../tools/program.ts";
import { SECTIONS } from "../tools/troubleshooting/catalogue.ts";
import type { Entry, Group } from "../tools/troubleshooting/mod.ts";
import { sectionAnchor, troubleshootingPage } from "../tools/troubleshooting/page.ts";
import { WARNINGS } from "../tools/troubleshooting/warnings.ts";
import { fragmentsIn, readEvidence } from "./support/evidence.ts";
import { readMessages, type Site } from "./support/messages.ts";

/** What says only what somebody else has said, with the file that hands it on. */
const HANDED_ON = [
  'lib/arguments.ts: pair {}, "{}" to "{}": {}',
  'lib/arguments.ts: "{}"{}: {}',
  "lib/config.ts: {}: {}",
  "lib/errors.ts: {}",
  "lib/kit.ts: kit: {}",
  "lib/kit_errors.ts: Cannot {}: {}",
  "lib/run.ts: {}",
  "lib/run.ts: {}. {}",
  "lib/transfer/refusal.ts: {}",
];
/** What is always caught, and never gets out. */
const CAUGHT = "Cannot read a range: the registry sends the whole blob";

/** An entry with what its section and its group add. */
interface Known extends Entry {
  says: string;
  /** With what the program puts in front of it. */
  whole: string;
  /** Absent for a warning. */
  outcome?: string;
}

const knownIn = (groups: Group[], outcome?: string): Known[] =>
  groups.flatMap(({ says = "", prefix = "", entries }) =>
    entries.map((entry) => {
      const own = entry.says ?? says;
      return { ...entry, says: own, whole: prefix + own, outcome };
    })
  );
const KNOWN = [
  ...SECTIONS.flatMap(({ outcome, groups }) => knownIn(groups, outcome)),
  ...knownIn([{ entries: WARNINGS }]),
];

/** With a hole in the place of each placeholder. */
function shapeOf(text = ""): string {
  return text.replaceAll(/<[^>]*>/g, "{}").replaceAll(/(\{\})+/g, "{}");
}

const isIn = (texts: string[], text = "") =>
  texts.map((each) => shapeOf(each)).includes(shapeOf(text));

function isFrom({ says, whole, outcome }: Known, { messages, outcomes }: Site): boolean {
  const isOutcome = outcome === undefined
    ? outcomes.length === 0
    : isIn(outcomes, outcome) || isIn(outcomes, "{}");
  return isOutcome && (isIn(messages, says) || isIn(messages, whole));
}

const hasHint = ({ hint }: Known, { hints }: Site) =>
  hint === undefined ? hints.length === 0 : isIn(hints, hint);

/** With a hint of its own it says more than what it hands on. */
function isHandedOn(file: string, message: string, hints: string[]): boolean {
  const hasHint = message !== "{}" && hints.some((hint) => hint !== "{}");
  return HANDED_ON.includes(`${file}: ${message}`) && !hasHint;
}

async function filesBelow(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${folder}`)) {
    if (isDirectory) paths.push(...await filesBelow(`${folder}/${name}`));
    else if (name.endsWith(".ts")) paths.push(`${folder}/${name}`);
  }
  return paths.sort();
}

const read = async (path: string) => [path, await Deno.readTextFile(`${ROOT}/${path}`)] as const;
// What doctor finds ends no run, and stands beside what to do about it.
const sources = (await filesBelow("lib")).filter((path) => !path.startsWith("lib/doctor/"));
const sites = readMessages(new Map(await Promise.all([...sources, "main.ts"].map(read))));

Deno.test("troubleshooting: the sources are read at all", () => {
  const find = (message: string) => sites.filter(({ messages }) => isIn(messages, message));
  const [space] = find(
    'Cannot unpack to "{}": {} bytes are needed and {} are free, {} are missing',
  );
  assert.deepEqual([space.outcomes, space.hints], [["destination"], [
    "Give the volume at least {} {} more",
  ]]);
  assert.ok(find(`Cannot trust the manifest of "{}/{}": it is longer than 4 MiB`).length === 1);
  assert.ok(sites.length > 150, "so many places that say something there were once");
});

for (const { place, outcomes, messages, hints } of sites) {
  const [file] = place.split(":");
  const own = messages.filter((message) => !isHandedOn(file, message, hints));
  if (own.length === 0 || own[0] === CAUGHT) continue;
  const site = { place, outcomes, messages: own, hints };
  Deno.test(`troubleshooting: ${place} says what is in the catalogue`, () => {
    const from = KNOWN.filter((known) => isFrom(known, site));
    for (const message of own) {
      assert.ok(
        from.some(({ says, whole }) => isIn([says, whole], message)),
        `tools/troubleshooting lacks: ${message}`,
      );
    }
    for (const hint of hints) {
      const found = from.filter((known) => isIn([hint], known.hint));
      assert.ok(found.length > 0, `tools/troubleshooting lacks: ${own[0]}. ${hint}`);
    }
  });
}

for (const known of KNOWN) {
  const { says, hint, outcome = "a warning", test: [file, name] } = known;
  Deno.test(`troubleshooting: ${outcome}: ${says}${hint === undefined ? "" : `. ${hint}`}`, async () => {
    const places = sites.filter((site) => isFrom(known, site) && hasHint(known, site));
    assert.ok(places.length > 0, "nothing in lib says this any more");
    const evidence = await readEvidence(`tests/${file}`, name);
    assert.ok(evidence !== undefined, `tests/${file} has no "${name}"`);
    const shapes = [shapeOf(known.whole), shapeOf(hint)];
    const seen = fragmentsIn(evidence, shapes);
    assert.ok(seen.length > 0, `${name} does not look at it`);
    // What the test sees must tell this message from every other one.
    for (const other of KNOWN.filter((other) => other !== known)) {
      const text = shapeOf(`${other.whole}\n${other.hint ?? ""}`);
      // Some say no more than another one does, too, but for what is known only when it runs.
      if (shapes.every((shape) => shape.split("{}").every((part) => text.includes(part)))) continue;
      assert.ok(
        seen.some((fragment) => !text.includes(fragment)),
        `${name} could as well see: ${other.whole}. ${other.hint ?? ""}`,
      );
    }
  });
}

Deno.test("troubleshooting: no message is there twice", () => {
  const keys = KNOWN.map(({ outcome, whole, hint }) =>
    [outcome, shapeOf(whole), shapeOf(hint)].join("\n")
  );
  assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) !== index), []);
});

Deno.test("troubleshooting: what hands something on is still there", () => {
  const all = sites.flatMap(({ place, messages }) =>
    messages.map((message) => `${place.split(":")[0]}: ${message}`)
  );
  for (const one of HANDED_ON) assert.ok(all.includes(one), one);
  assert.ok(sites.some(({ messages }) => messages.includes(CAUGHT)));
});

Deno.test("troubleshooting: every exit code but success has a section, and the README leads to it", async () => {
  const [, readme] = await read("README.md");
  for (const [name, { code }] of Object.entries(OUTCOMES).filter(([name]) => name !== "ok")) {
    const anchor = `exit-code-${code}-${name.replaceAll(" ", "-")}`;
    assert.equal(sectionAnchor(name), anchor);
    assert.ok(readme.includes(`[${code}](docs/troubleshooting.md#${anchor})`), name);
  }
});

for (const { outcome, example, groups } of SECTIONS) {
  Deno.test(`troubleshooting: the example of "${outcome}" is one of its messages`, () => {
    const isExample = ({ whole, hint = example.hint ?? "" }: Known) =>
      [[whole, example.says], [hint, example.hint ?? ""]].every(([text, shown]) => {
        const parts = shapeOf(text).split("{}").map(RegExp.escape);
        return new RegExp(`^${parts.join(".+")}$`).test(shown);
      });
    assert.ok(knownIn(groups).some(isExample));
  });
}

Deno.test("docs/troubleshooting.md is that of the catalogue", async () => {
  const [, page] = await read("docs/troubleshooting.md");
  assert.equal(page, troubleshootingPage(), "run: deno run -A tools/docs.ts");
});
