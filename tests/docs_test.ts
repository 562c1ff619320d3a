// The documents agree with the code, and what they tell people to type exists.
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { VARIABLES } from "../lib/environment.ts";
import { parseUnpackFlags } from "../lib/unpack_flags.ts";
import { reliabilityPage, withTables } from "../tools/docs.ts";
import { ROOT } from "../tools/program.ts";
import { addedEntries, type EnvEntry, parseManifests } from "./support/manifests.ts";

const DOCUMENTS = [
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "docs/reliability.md",
  "tools/npm/README.md",
];

/** Names in the documents that the program itself does not read. */
const OTHER_NAMES = [
  // Chosen by whoever builds.
  "KIT_KSERVE_IMAGE",
  // Of the tools and tests.
  ...["STD_SOURCE", "REGISTRY_BIN", "COSIGN_BIN", "DENORT_BIN", "STORAGE_INITIALIZER_BIN"],
  ...["CONTAINER_ENGINE", "DOCKER_BUILDKIT", "FUZZ_RUNS", "FUZZ_SEED"],
  // Of AWS and KServe, read where they are explained.
  ...["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "S3_ENDPOINT"],
  // KServe's older names for Azure's.
  ...["AZ_CLIENT_ID", "AZ_TENANT_ID", "AZ_CLIENT_SECRET"],
];

const text = (path: string) => Deno.readTextFile(`${ROOT}/${path}`);

Deno.test("the README's tables are those of the code", async () => {
  const readme = await text("README.md");
  assert.equal(readme, withTables(readme), "run: deno run -A tools/docs.ts");
});

Deno.test("docs/reliability.md is that of the cases", async () => {
  const page = await text("docs/reliability.md");
  assert.equal(page, reliabilityPage(), "run: deno run -A tools/docs.ts");
});

Deno.test("the changelog begins with this version", async () => {
  const version = /^## \[([^\]]+)\]/m.exec(await text("CHANGELOG.md"))?.[1];
  assert.equal(version, manifest.version);
});

Deno.test("the image's label has this version", async () => {
  const label = /image\.version="([^"]+)"/.exec(await text("Dockerfile"))?.[1];
  assert.equal(label, manifest.version);
});

Deno.test("every document names the Deno that the Dockerfile names", async () => {
  const version = /^ARG DENO_IMAGE=\S+-(\d+\.\d+\.\d+)$/m.exec(await text("Dockerfile"))?.[1];
  assert.ok(version);
  for (const document of DOCUMENTS) {
    for (const [, named] of (await text(document)).matchAll(/\bdeno@([\d.]+\d)/g)) {
      assert.equal(named, version, document);
    }
  }
});

for (const document of DOCUMENTS) {
  Deno.test(`${document} names tasks that exist`, async () => {
    for (const [, task] of (await text(document)).matchAll(/\bdeno(?:@\S+)? task ([\w:]+)/g)) {
      assert.ok(Object.hasOwn(manifest.tasks, task), `there is no task "${task}"`);
    }
  });

  Deno.test(`${document} names environment variables that exist`, async () => {
    const dockerfile = await text("Dockerfile");
    const known = new Set([
      ...VARIABLES.map(({ name }) => name),
      ...[...dockerfile.matchAll(/^ARG (\w+)/gm)].map(([, name]) => name),
      ...OTHER_NAMES,
    ]);
    for (const [name] of (await text(document)).matchAll(/\b[A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b/g)) {
      assert.ok(known.has(name), `nothing reads ${name}`);
    }
  });

  Deno.test(`${document} links to files and headings that exist`, async () => {
    const folder = document.replace(/[^/]*$/, "");
    for (const [, target] of (await text(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https:\/\//.test(target)) continue;
      const [path, heading] = target.split("#");
      if (path !== "") await Deno.stat(`${ROOT}/${folder}${path}`);
      if (heading === undefined) continue;
      const page = path === "" ? document : folder + path;
      assert.ok(anchors(await text(page)).includes(heading), `${page} has no #${heading}`);
    }
  });

  Deno.test(`${document} has shell snippets that a shell can read`, async () => {
    for (const snippet of snippets(await text(document), "sh")) {
      const shell = new Deno.Command("sh", { args: ["-n", "-c", snippet] });
      const { success, stderr } = await shell.output();
      assert.ok(success, new TextDecoder().decode(stderr));
      for (const [, path] of snippet.matchAll(/\b((?:deploy|tools|tests)\/[\w./-]+)/g)) {
        await Deno.stat(`${ROOT}/${path}`);
      }
    }
  });
}

Deno.test("the README's YAML is part of a file in deploy", async () => {
  const deployed: Record<string, unknown>[] = [];
  for await (const path of filesBelow("deploy")) {
    if (path.endsWith("/kustomization.yaml")) {
      deployed.push({ env: addedEntries(await text(path)) });
    } else if (/\/(base|overlays|examples)\/.*\.yaml$/.test(path)) {
      deployed.push(...parseManifests(await text(path)) as unknown as Record<string, unknown>[]);
    }
  }
  const found = snippets(await text("README.md"), "yaml");
  assert.ok(found.length > 0);
  for (const snippet of found) {
    for (const object of parseManifests(snippet)) {
      const env = (object as unknown as { env?: EnvEntry[] }).env;
      assert.ok(
        deployed.some((candidate) => isEqual(candidate, object)),
        `no file in deploy has this:\n${snippet}`,
      );
      const flags = env?.find(({ name }) => name === "KIT_UNPACK_FLAGS")?.value;
      if (flags !== undefined) parseUnpackFlags(flags);
    }
  }
});

Deno.test("the README's termination message is one that the program can write", async () => {
  const [snippet] = snippets(await text("README.md"), "text");
  const [sentence, json] = snippet.split("\n");
  const report = JSON.parse(json);
  assert.ok(sentence.endsWith(report.hint));
  assert.equal(report.status, "error");
});

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${folder}`)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

/** The contents of all fenced blocks of one language. */
function snippets(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , body]) => body);
}

/** What GitHub makes of the headings. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title.toLowerCase().replaceAll(/[^\p{L}\p{N}\s-]/gu, "").trim().replaceAll(" ", "-")
  );
}
