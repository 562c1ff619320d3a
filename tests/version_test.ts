// One version for the program, the chart, the manifests, the changelog and the tag.
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { ROOT } from "../tools/program.ts";
import { releaseNotes, versionProblems } from "../tools/version.ts";

const { version } = manifest;
const tag = `v${version}`;

/** The project's files, one of them changed. */
function changed(file: string, change: (text: string) => string) {
  return (path: string) => {
    const text = Deno.readTextFileSync(`${ROOT}/${path}`);
    return path === file ? change(text) : text;
  };
}

const dated = changed("CHANGELOG.md", (text) => text.replace(/\] - .*/, "] - 2026-01-31"));

Deno.test("all places that name the version agree", () => {
  assert.deepEqual(versionProblems(), []);
});

Deno.test("a tag of this version may be released when the changelog has its date", () => {
  assert.deepEqual(versionProblems(tag, dated), []);
});

for (const other of ["v9.9.9", version, `${tag}-rc1`]) {
  Deno.test(`the tag ${other} may not be released`, () => {
    assert.deepEqual(versionProblems(other, dated), [`the tag is ${other}, it must be ${tag}`]);
  });
}

Deno.test("nothing is released while the changelog says unreleased", () => {
  const unreleased = changed("CHANGELOG.md", (text) => text.replace(/\] - .*/, "] - unreleased"));
  assert.match(versionProblems(tag, unreleased).join(), /says "unreleased" where a release has/);
});

const PLACES = {
  "CHANGELOG.md": `## [${version}]`,
  "deploy/Chart.yaml": `\nversion: ${version}`,
  "deploy/base/cluster_storage_container.yaml": `:${version}`,
  "README.md": `kitops-kserve:${version}`,
};
for (const [file, text] of Object.entries(PLACES)) {
  Deno.test(`another version in ${file} is noticed`, () => {
    const read = changed(file, (all) => all.replace(text, text.replace(version, "9.9.9")));
    const problems = versionProblems(undefined, read);
    assert.equal(problems.length, 1);
    assert.match(problems[0], new RegExp(`^${file} .*9\\.9\\.9`));
  });
}

Deno.test("another version in the image's label is noticed", () => {
  const label = 'LABEL org.opencontainers.image.version="9.9.9"\n';
  const problems = versionProblems(undefined, changed("Dockerfile", (text) => text + label));
  assert.deepEqual(problems, [`Dockerfile has 9.9.9, deno.json ${version}`]);
});

Deno.test("the release's notes are the newest section alone", () => {
  const read = changed(
    "CHANGELOG.md",
    () => "# C\n\n## [2.0.0] - x\n\n- new\n\n## [1.0.0] - y\n\n- old\n",
  );
  assert.equal(releaseNotes(read), "- new\n");
});
