// The version of the program is in deno.json; these are all other places that name it.
//
//   deno run -A tools/version.ts           compares them
//   deno run -A tools/version.ts v0.1.0    and says whether this tag may be released
//   deno run -A tools/version.ts --notes   prints the changelog's section of this version
import manifest from "../deno.json" with { type: "json" };
import { ROOT } from "./program.ts";

/** Where the version stands, as the first group of a pattern. */
const PLACES: { file: string; pattern: RegExp }[] = [
  { file: "deploy/Chart.yaml", pattern: /^version: (\S+)$/gm },
  { file: "deploy/Chart.yaml", pattern: /^appVersion: (\S+)$/gm },
  { file: "deploy/base/cluster_storage_container.yaml", pattern: /^ +image: \S+:(\S+)$/gm },
  { file: "deploy/examples/doctor.yaml", pattern: /^ +image: \S+:(\S+)$/gm },
  { file: "README.md", pattern: /kitops-kserve:(\d+\.\d+\.\d+[\w.-]*)/g },
];

/** A place that may do without: an image's label can be given when it is built. */
const LABEL = { file: "Dockerfile", pattern: /image\.version="?([\w.-]+)/g };

/** How a file of the project is read, by its path in it. */
export type Read = (file: string) => string;

const readFile: Read = (file) => Deno.readTextFileSync(`${ROOT}/${file}`);

/** What is wrong with the places, or with releasing `tag` now; nothing, when the list is empty. */
export function versionProblems(tag?: string, read: Read = readFile): string[] {
  const { version } = manifest;
  const problems = [];
  for (const { file, pattern } of [...PLACES, LABEL]) {
    const found = [...read(file).matchAll(pattern)].map(([, named]) => named);
    if (found.length === 0 && file !== LABEL.file) problems.push(`${file} names no version`);
    for (const named of found) {
      if (named !== version) problems.push(`${file} has ${named}, deno.json ${version}`);
    }
  }
  const [, newest, date] = /^## \[([^\]]+)\] - (.*)$/m.exec(read("CHANGELOG.md")) ?? [];
  if (newest !== version) problems.push(`CHANGELOG.md begins with ${newest}, not with ${version}`);
  if (tag === undefined) return problems;
  if (tag !== `v${version}`) problems.push(`the tag is ${tag}, it must be v${version}`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) {
    problems.push(`CHANGELOG.md says "${date}" where a release has its date`);
  }
  return problems;
}

/** The changelog's section of the newest version, without its title. */
export function releaseNotes(read: Read = readFile): string {
  const [, section] = read("CHANGELOG.md").split(/^## \[.*\n/m);
  return section.trim() + "\n";
}

if (import.meta.main) {
  const [argument] = Deno.args;
  if (argument === "--notes") console.log(releaseNotes());
  else {
    const problems = versionProblems(argument);
    for (const problem of problems) console.error(`Cannot release: ${problem}`);
    if (problems.length > 0) Deno.exit(1);
    console.log(manifest.version);
  }
}
