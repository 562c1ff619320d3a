import assert from "node:assert/strict";
import { RegistryClient } from "../../lib/registry/client.ts";
import { fetchTags } from "../../lib/registry/tags.ts";
import { failureOf } from "../support/failure.ts";
import { type Site, TestNetwork } from "../support/network.ts";

const REGISTRY = "https://registry.test";

async function tagsOf(site: Site) {
  await using network = new TestNetwork({ [REGISTRY]: site });
  const client = new RegistryClient({
    host: "registry.test",
    plainHttp: false,
    fetch: network.fetch,
    credentialsFor: () => Promise.resolve(undefined),
  });
  const { signal } = new AbortController();
  const tags = await fetchTags(client, "org/model", { signal, took() {} });
  return { tags, paths: network.visits.map(({ path }) => path) };
}

Deno.test("tags: page after page, as the registry links them", async () => {
  const { tags, paths } = await tagsOf(({ path }) =>
    path.includes("last=") ? Response.json({ tags: ["b"] }) : Response.json({ tags: ["a"] }, {
      headers: { Link: '</v2/org/model/tags/list?n=1000&last=a>; rel="next"' },
    })
  );
  assert.deepEqual(tags, ["a", "b"]);
  assert.deepEqual(paths, [
    "/v2/org/model/tags/list?n=1000",
    "/v2/org/model/tags/list?n=1000&last=a",
  ]);
});

Deno.test("tags: an endless list ends after five pages", async () => {
  const { tags, paths } = await tagsOf(() =>
    Response.json({ tags: ["a"] }, { headers: { Link: '<?last=a>; rel="next"' } })
  );
  assert.deepEqual([tags.length, paths.length], [5, 5]);
});

Deno.test("tags: a page with more than was asked for is cut to some thousands", async () => {
  const { tags } = await tagsOf(() => Response.json({ tags: Array(250_000).fill("a") }));
  assert.equal(tags.length, 5000);
});

const STRANGE: Record<string, string> = {
  "null, as distribution says of a repository without tags": '{"tags":null}',
  "no JSON": "<html>",
  "a list": "[]",
  "numbers": '{"tags":[1]}',
  "a name that is too long for a tag": JSON.stringify({ tags: ["a".repeat(129)] }),
};
for (const [name, body] of Object.entries(STRANGE)) {
  Deno.test(`tags: ${name} is none`, async () => {
    assert.deepEqual((await tagsOf(() => new Response(body))).tags, []);
  });
}

Deno.test("tags: a page without end is refused, and not kept in memory", async () => {
  const failure = await failureOf(() =>
    tagsOf(() => new Response(new Uint8Array(1024 * 1024 + 1)))
  );
  assert.equal(failure.outcome, "integrity");
  assert.match(failure.message, /^Cannot trust the list of tags of /);
});

Deno.test("tags: a page that breaks off is the network's fault, and may pass", async () => {
  const failure = await failureOf(() =>
    tagsOf(() =>
      new Response(
        new ReadableStream({ pull: (controller) => controller.error(new TypeError("reset")) }),
      )
    )
  );
  assert.deepEqual([failure.outcome, failure.transient], ["unavailable", true]);
});

Deno.test("tags: no such repository is not found", async () => {
  const failure = await failureOf(() => tagsOf(() => new Response("{}", { status: 404 })));
  assert.equal(failure.outcome, "not found");
  assert.equal(
    failure.message,
    'Cannot list the tags of "registry.test/org/model": the registry has no such repository, tag or digest',
  );
});
