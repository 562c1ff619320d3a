// The documents agree with the code, and what they tell people to type exists.
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { VARIABLES } from "../lib/environment.ts";
import { parseUnpackFlags } from "../lib/unpack_flags.ts";
import { PAGES, reliabilityPage, withTables } from "../tools/docs.ts";
import { ROOT } from "../tools/program.ts";
import { anchors, documents, snippets } from "./support/documents.ts";
import { addedEntries, type EnvEntry, parseManifests } from "./support/manifests.ts";

const DOCUMENTS = [...await documents(), "CHANGELOG.md", "tools/npm/README.md"];

/** Names in the documents that the program itself does not read. */
const OTHER_NAMES = [
  // Chosen by whoever builds.
  "KIT_KSERVE_IMAGE",
  // Of the tools and tests.
  ...["STD_SOURCE", "REGISTRY_BIN", "COSIGN_BIN", "DENORT_BIN", "STORAGE_INITIALIZER_BIN"],
  "METRICS_CHECK_BIN",
  ...["CONTAINER_ENGINE", "DOCKER_BUILDKIT", "FUZZ_RUNS", "FUZZ_SEED"],
  // Of AWS and KServe, read where they are explained.
  ...["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "S3_ENDPOINT"],
  ...["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_PROFILE"],
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  // Kit's own, which win over its flags.
  ...["KITOPS_CLIENT_CERT", "KITOPS_CLIENT_KEY"],
  // Of OpenTelemetry, for traces alone: they win over those that are in the table.
  ...["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"],
  // In an example, of whoever writes the manifest.
  "POD_NAME",
  // KServe's older names for Azure's.
  ...["AZ_CLIENT_ID", "AZ_TENANT_ID", "AZ_CLIENT_SECRET"],
  // Behind either prefix.
  ...["CLIENT_ID", "TENANT_ID", "CLIENT_SECRET"],
];

const text = (path: string) => Deno.readTextFile(`${ROOT}/${path}`);

for (const [path, names] of Object.entries(PAGES)) {
  Deno.test(`${path} has the tables of the code: ${names.join(", ")}`, async () => {
    const page = await text(path);
    assert.equal(page, withTables(page, names), "run: deno run -A tools/docs.ts");
  });
}

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
      const page = path === "" ? document : new URL(folder + path, "file:///").pathname.slice(1);
      await Deno.stat(`${ROOT}/${page}`);
      if (heading === undefined) continue;
      assert.ok(anchors(await text(page)).includes(heading), `${page} has no #${heading}`);
    }
  });

  Deno.test(`${document} has shell snippets that a shell can read`, async () => {
    for (const snippet of snippets(await text(document), "sh")) {
      const shell = new Deno.Command("bash", { args: ["-n", "-c", snippet] });
      const { success, stderr } = await shell.output();
      // A warning is written to standard error and is no failure.
      assert.ok(success && stderr.length === 0, new TextDecoder().decode(stderr));
      for (const [, path] of snippet.matchAll(/\b((?:deploy|tools|tests)\/[\w./-]+)/g)) {
        await Deno.stat(`${ROOT}/${path}`);
      }
    }
  });

  Deno.test(`${document} has YAML that is part of a file in deploy`, async () => {
    for (const snippet of snippets(await text(document), "yaml")) await checkYaml(snippet);
  });
}

Deno.test("every page of docs is in the README's list", async () => {
  const readme = await text("README.md");
  for (const page of DOCUMENTS.filter((path) => path.startsWith("docs/"))) {
    // The benchmark's table is a part of the page on performance.
    const place = page === "docs/bench.md" ? "docs/performance.md" : "README.md";
    const link = place === "README.md" ? page : page.slice("docs/".length);
    assert.ok((place === "README.md" ? readme : await text(place)).includes(`](${link})`), page);
  }
});

Deno.test("pictures in docs have a title and a description, and colours for the dark", async () => {
  for (const picture of ["docs/how_it_works.svg", "docs/demo.svg"]) {
    const svg = await text(picture);
    assert.match(svg, /<svg [^>]*role="img"\s+aria-labelledby="title desc"/, picture);
    assert.match(
      svg,
      /<title id="title">[^<]+<\/title>\s*<desc\s+id="desc">[^<]+<\/desc>/,
      picture,
    );
    assert.match(svg, /@media \(prefers-color-scheme: dark\)/, picture);
    assert.ok(svg.length < 100_000, `${picture} has ${svg.length} characters`);
  }
});

/** Every object in it is one of those in deploy. */
async function checkYaml(snippet: string): Promise<void> {
  for (const object of parseManifests(snippet)) {
    const env = (object as unknown as { env?: EnvEntry[] }).env;
    assert.ok(
      (await deployed()).some((candidate) => isEqual(candidate, object)),
      `no file in deploy has this:\n${snippet}`,
    );
    const flags = env?.find(({ name }) => name === "KIT_UNPACK_FLAGS")?.value;
    if (flags !== undefined) parseUnpackFlags(flags);
  }
}

/** All objects of deploy, and the `env` that each overlay adds. */
async function deployed(): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for await (const path of filesBelow("deploy")) {
    if (path.endsWith("/kustomization.yaml")) {
      found.push({ env: addedEntries(await text(path)) });
    } else if (/\/(base|overlays|examples)\/.*\.yaml$/.test(path)) {
      found.push(...parseManifests(await text(path)) as unknown as Record<string, unknown>[]);
    }
  }
  return found;
}

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
