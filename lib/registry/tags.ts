import { readBody } from "../http.ts";
import { asObject, parseForeign } from "../json.ts";
import type { RegistryClient } from "./client.ts";
import type { StallGuard } from "./stall_guard.ts";
import { damageFailure, networkFailure } from "./status.ts";

/** Tags of one page; registries may give fewer. */
const PAGE = 1000;
/** More than that nobody looks through for one that is misspelt. */
const MAX_PAGES = 5;
/** A registry may heed no page's length. */
const MAX_TAGS = PAGE * MAX_PAGES;
const MAX_PAGE_BYTES = 1024 * 1024;
/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests */
const MAX_TAG_LENGTH = 128;

/**
 * The tags of a repository, the first few thousand.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 *
 * @throws {Failure} `not found` where the registry has no such repository
 */
export async function fetchTags(
  client: RegistryClient,
  repository: string,
  guard: Pick<StallGuard, "signal" | "took">,
): Promise<string[]> {
  const { signal } = guard;
  const purpose = `list the tags of "${client.host}/${repository}"`;
  let tags: string[] = [];
  let query: string | undefined = `?n=${PAGE}`;
  for (let page = 0; query !== undefined && page < MAX_PAGES; page++) {
    const path: string = `tags/list${query}`;
    const { response } = await client.request({ repository, path, purpose, signal });
    const bytes = await readBody(response, MAX_PAGE_BYTES, (count) => guard.took(count)).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        if (!(error instanceof RangeError)) throw networkFailure(error, purpose, client.host);
        throw damageFailure(
          `list of tags of "${client.host}/${repository}"`,
          "it is longer than 1 MiB",
          { host: client.host },
        );
      },
    );
    tags = tags.concat(tagsIn(bytes)).slice(0, MAX_TAGS);
    query = nextQuery(response.headers.get("Link"));
  }
  return tags;
}

function tagsIn(bytes: Uint8Array): string[] {
  try {
    const tags = asObject(parseForeign(new TextDecoder().decode(bytes)))?.tags;
    return Array.isArray(tags) ? tags.filter(isTag) : [];
  } catch {
    return [];
  }
}

function isTag(tag: unknown): tag is string {
  return typeof tag === "string" && tag.length <= MAX_TAG_LENGTH;
}

/** Of `</v2/NAME/tags/list?n=…&last=…>; rel="next"` the query alone: the rest is known. */
function nextQuery(link: string | null): string | undefined {
  return /^<[^>?]*(\?[^>]*)>;\s*rel="?next"?/.exec(link ?? "")?.[1];
}
