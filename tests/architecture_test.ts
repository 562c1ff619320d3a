import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);
const MAX_LINES = 250;

/** Longer than they should be; each entry is to go away. */
const LONGER: Record<string, number> = {};

/** Files of lib without a test that mirrors them, and the test that holds them instead. */
const TESTED_BY: Record<string, string> = {
  "lib/arguments.ts": "tests/config_test.ts",
  "lib/conflicts.ts": "tests/publish_test.ts",
  "lib/run.ts": "tests/e2e/main_job_test.ts",
  "lib/initialize.ts": "tests/e2e/main_job_test.ts",
  "lib/network.ts": "tests/e2e/network_test.ts",
  "lib/variable.ts": "tests/environment_test.ts",
  "lib/space.ts": "tests/e2e/failure_test.ts",
  "lib/auth/aws_container.ts": "tests/auth/ecr_test.ts",
  "lib/auth/aws_error.ts": "tests/auth/ecr_failure_test.ts",
  "lib/auth/aws_fetch.ts": "tests/auth/ecr_failure_test.ts",
  "lib/auth/aws_keys.ts": "tests/auth/ecr_failure_test.ts",
  "lib/auth/aws_refusal.ts": "tests/auth/ecr_failure_test.ts",
  "lib/auth/azure_client.ts": "tests/auth/azure_test.ts",
  "lib/auth/azure_error.ts": "tests/auth/azure_failure_test.ts",
  "lib/auth/azure_metadata.ts": "tests/auth/azure_test.ts",
  "lib/auth/azure_requests.ts": "tests/auth/azure_failure_test.ts",
  "lib/auth/docker_config_file.ts": "tests/auth/docker_config_test.ts",
  "lib/auth/ecr_client.ts": "tests/auth/ecr_test.ts",
  "lib/auth/google_client.ts": "tests/auth/google_test.ts",
  "lib/auth/google_error.ts": "tests/auth/google_failure_test.ts",
  "lib/auth/google_fetch.ts": "tests/auth/google_failure_test.ts",
  "lib/auth/google_file.ts": "tests/auth/google_failure_test.ts",
  "lib/auth/google_metadata.ts": "tests/auth/google_identity_test.ts",
  "lib/auth/source.ts": "tests/auth/mod_test.ts",
  "lib/auth/variables.ts": "tests/environment_test.ts",
  ...Object.fromEntries(
    [
      "advice",
      "destination",
      "finding",
      "heard_log",
      "host",
      "kit",
      "missing",
      "mod",
      "modelkit",
      "peer",
      "sample",
      "tls",
      "visit",
    ]
      .map((name) => [`lib/doctor/${name}.ts`, "tests/e2e/doctor_test.ts"]),
  ),
  "lib/registry/chunks.ts": "tests/registry/blob_test.ts",
  "lib/transfer/delivery.ts": "tests/transfer/downloads_test.ts",
  "lib/signature/candidate.ts": "tests/signature/mod_test.ts",
  "lib/signature/variables.ts": "tests/environment_test.ts",
  "lib/telemetry/mod.ts": "tests/e2e/telemetry_test.ts",
  "lib/telemetry/variables.ts": "tests/environment_test.ts",
  "lib/transfer/jobs.ts": "tests/transfer/downloads_test.ts",
  "lib/transfer/mod.ts": "tests/transfer/direct_test.ts",
  "lib/transfer/unopened.ts": "tests/e2e/filters_test.ts",
  "lib/transfer/verified.ts": "tests/e2e/verified_test.ts",
};

/** What a folder of lib may know of the others; files at its top may know what is below them. */
const FORBIDDEN: Record<string, RegExp> = {
  "lib/auth/": /^lib\/(transfer|registry)\//,
  "lib/registry/": /^lib\/(transfer|signature)\//,
  "lib/signature/": /^lib\/transfer\//,
};

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) found.push(...await filesBelow(`${folder}${name}/`));
    else if (name.endsWith(".ts")) found.push(folder + name);
  }
  return found.sort();
}

const files = await filesBelow("lib/");
const texts = new Map(
  await Promise.all(
    [...files, "main.ts"].map(async (path) =>
      [path, await Deno.readTextFile(new URL(path, ROOT))] as const
    ),
  ),
);
const tests = await filesBelow("tests/");

/** The paths of the project's files that a file imports, types included. */
function importsOf(path: string): string[] {
  const specifiers = texts.get(path)!.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g);
  return [...specifiers].map(([, specifier]) =>
    new URL(specifier, new URL(path, ROOT)).href.slice(ROOT.href.length)
  );
}

Deno.test("architecture: imports are seen at all", () => {
  assert.ok(importsOf("main.ts").includes("lib/run.ts"));
  assert.ok(importsOf("lib/transfer/direct.ts").includes("lib/kit.ts"));
});

Deno.test("architecture: imports point downward, so that there is no circle", () => {
  const done = new Set<string>();
  const visit = (path: string, above: string[]) => {
    assert.ok(!above.includes(path), `a circle: ${[...above, path].join(" → ")}`);
    if (done.has(path) || !texts.has(path)) return;
    for (const other of importsOf(path)) visit(other, [...above, path]);
    done.add(path);
  };
  visit("main.ts", []);
  assert.deepEqual(files.filter((file) => !done.has(file)), [], "nobody uses these");
});

for (const file of files) {
  Deno.test(`architecture: ${file} imports only from lib, and nothing above it`, () => {
    for (const other of importsOf(file)) {
      assert.ok(texts.has(other) && other !== "main.ts", `it imports ${other}`);
      for (const [folder, forbidden] of Object.entries(FORBIDDEN)) {
        if (file.startsWith(folder)) assert.doesNotMatch(other, forbidden);
      }
    }
  });

  Deno.test(`architecture: ${file} leaves arguments, environment and exit to main.ts`, () => {
    assert.doesNotMatch(
      texts.get(file)!,
      /\bDeno\s*\.\s*(args|env|exit|exitCode|addSignalListener)\b|(?<!")\bprocess\s*\.\s*(argv|env|exit)\b/,
    );
  });

  Deno.test(`architecture: ${file} is no longer than one reads at once`, () => {
    const lines = texts.get(file)!.split("\n").length - 1;
    assert.ok(lines <= (LONGER[file] ?? MAX_LINES), `it has ${lines} lines`);
    if (file in LONGER) assert.ok(lines > MAX_LINES, "it need not be on the list any more");
  });

  Deno.test(`architecture: ${file} has a test`, () => {
    const mirror = file.replace(/^lib\/(.*)\.ts$/, "tests/$1_test.ts");
    const test = tests.includes(mirror) ? mirror : TESTED_BY[file];
    assert.ok(test !== undefined && tests.includes(test), `there is no ${test ?? mirror}`);
  });
}

Deno.test("architecture: only doctor itself loads doctor with the program", () => {
  for (const file of files.filter((file) => !file.startsWith("lib/doctor/"))) {
    assert.doesNotMatch(texts.get(file)!, /from "[^"]*\/doctor\//, file);
  }
});

Deno.test("architecture: main.ts tells the story in less than 80 lines", () => {
  assert.ok(texts.get("main.ts")!.split("\n").length <= 80);
});

Deno.test("architecture: the lists name only files that are there", () => {
  for (const file of [...Object.keys(LONGER), ...Object.keys(TESTED_BY)]) {
    assert.ok(files.includes(file), file);
  }
  for (const file of Object.keys(TESTED_BY)) {
    const mirror = file.replace(/^lib\/(.*)\.ts$/, "tests/$1_test.ts");
    assert.ok(!tests.includes(mirror), `${file} has a test of its own by now`);
  }
});
