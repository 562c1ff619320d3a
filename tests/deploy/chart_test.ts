// The chart's values: what they do, and what the schema says to wrong ones.
import assert from "node:assert/strict";
import { parseDocument } from "yaml";
import { ROOT } from "../../tools/program.ts";
import { helm } from "./rendered.ts";

Deno.test("image replaces the whole name in both containers", async () => {
  const image = "ghcr.io/example/kitops@sha256:" + "0".repeat(64);
  for (const { spec } of await helm("--set", `image=${image}`)) {
    assert.equal(spec.container.image, image);
  }
});

Deno.test("localModel=false leaves out the container for download jobs", async () => {
  const objects = await helm("--set", "localModel=false");
  assert.deepEqual(objects.map(({ metadata }) => metadata.name), ["kitops"]);
});

Deno.test("resources replaces requests and limits", async () => {
  const [{ spec }] = await helm("--set", "resources.limits.memory=128Mi");
  assert.deepEqual(spec.container.resources, { limits: { memory: "128Mi" } });
});

Deno.test("env comes after what the other values set", async () => {
  const more = { name: "KIT_CONNECTIONS", value: "4" };
  const [{ spec }] = await helm("--set", "plainHttp=true", "--set-json", `env=[${json(more)}]`);
  assert.deepEqual(spec.container.env, [
    { name: "KIT_UNPACK_FLAGS", value: "--plain-http" },
    more,
  ]);
});

Deno.test("mirrors keeps the order of a host's mirrors", async () => {
  const mirrors = { "ghcr.io": ["https://b.example.com", "https://a.example.com/x"] };
  const [{ spec }] = await helm("--set-json", `mirrors=${json(mirrors)}`);
  assert.deepEqual(spec.container.env, [{
    name: "KIT_MIRRORS",
    value: "ghcr.io=https://b.example.com ghcr.io=https://a.example.com/x",
  }]);
});

Deno.test("quotes and colons in a value cannot break out of it", async () => {
  const registry = `a": b\n- name: X`;
  const [{ spec }] = await helm("--set-json", `password=${json({ registry, secret: "s" })}`);
  assert.equal(spec.container.env[0].value, registry);
  assert.equal(spec.container.env.length, 3);
});

const REFUSED: Record<string, [string, RegExp]> = {
  "a name that is none": [json({ imagee: "x" }), /'imagee'/],
  "a name that is none, one level down": [json({ aws: { noderole: false } }), /'noderole'/],
  "a password for no registry in particular": [json({ password: { secret: "s" } }), /registry/],
  "a mirror that is no URL": [json({ mirrors: { "ghcr.io": ["cache.example.com"] } }), /mirrors/],
  "a variable without a source": [json({ env: [{ name: "KIT_RETRIES" }] }), /env/],
  "a number for a variable": [json({ env: [{ name: "KIT_RETRIES", value: 3 }] }), /env/],
  "a word for a switch": [json({ plainHttp: "yes" }), /plainHttp/],
};
for (const [title, [values, reason]] of Object.entries(REFUSED)) {
  Deno.test(`the schema refuses ${title}`, async () => {
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    try {
      await Deno.writeTextFile(file, values);
      await assert.rejects(helm("--values", file), ({ message }: Error) => {
        assert.match(message, /values don't meet the specifications of the schema/);
        assert.match(message, reason);
        return true;
      });
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test("every value has a comment, and a place in the schema", async () => {
  const values = parseDocument(await Deno.readTextFile(`${ROOT}/deploy/values.yaml`)).toJS();
  const schema = JSON.parse(await Deno.readTextFile(`${ROOT}/deploy/values.schema.json`));
  const { global: _, ...properties } = schema.properties;
  assert.deepEqual(Object.keys(properties).sort(), Object.keys(values).sort());
  for (const [name, { properties: inner }] of Object.entries<{ properties?: object }>(properties)) {
    if (name === "resources" || inner === undefined) continue;
    assert.deepEqual(Object.keys(inner).sort(), Object.keys(values[name]).sort(), name);
  }
});

function json(value: unknown): string {
  return JSON.stringify(value);
}
