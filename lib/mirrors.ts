import { canonicalHost } from "./auth/registry_host.ts";
import { isHost } from "./reference.ts";

/** A registry that may have what another one has. */
export interface Mirror {
  /** Host, with its port where that is not the scheme's own: whose credentials are used. */
  host: string;
  /** URL of its API, without a slash at the end: `https://mirror.example.com/v2`. */
  api: string;
  /** What goes before the name of a repository: nothing, or segments with a slash at the end. */
  prefix: string;
  /** Whether anybody on the way can read and change what it says. */
  isPlainHttp: boolean;
}

/** The mirrors of each host, in the order in which they are tried. */
export type Mirrors = ReadonlyMap<string, readonly Mirror[]>;

const PATH_REGEXP = /^(?:\/[A-Za-z0-9._~-]+)*\/*$/;
/** Everything up to the API's version, and what comes after it. */
const API_REGEXP = /^(.*?\/v2)(?:\/(.*))?$/;

/**
 * Reads `HOST=URL` words: `ghcr.io=https://mirror.example.com/ghcr`. The URL's path goes before the repository, as a
 * pull-through cache wants it; with a segment `v2` it is taken as it is, as with `override_path` in containerd:
 * https://github.com/containerd/containerd/blob/main/docs/hosts.md
 *
 * @param mistakes one for each word that cannot be used is added to it; no word is shown, as it may hold a password
 */
export function parseMirrors(text: string, mistakes: string[]): Mirrors {
  const mirrors = new Map<string, Mirror[]>();
  for (const [index, word] of text.split(/\s+/).filter((word) => word !== "").entries()) {
    const equals = word.indexOf("=");
    const host = word.slice(0, Math.max(0, equals));
    if (!isHost(host)) {
      const form = "HOST=URL, as in ghcr.io=https://mirror.example.com/ghcr";
      mistakes.push(`KIT_MIRRORS: entry ${index + 1} is not ${form}`);
      continue;
    }
    const mirror = parseMirror(word.slice(equals + 1));
    if (mirror === undefined) {
      const want = "an http or https URL without user, query and fragment";
      mistakes.push(`KIT_MIRRORS: the mirror of "${host}" must be ${want}`);
      continue;
    }
    const key = canonicalHost(host);
    mirrors.set(key, [...mirrors.get(key) ?? [], mirror]);
  }
  return mirrors;
}

/** The mirrors of one host; Docker Hub has several names. */
export function mirrorsOf(host: string, mirrors: Mirrors): readonly Mirror[] {
  return mirrors.get(canonicalHost(host)) ?? [];
}

function parseMirror(text: string): Mirror | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || /[@?#]/.test(text)) return undefined;
  if (!PATH_REGEXP.test(url.pathname)) return undefined;
  const path = url.pathname.replace(/(?<!\/)\/+$/, "");
  const [, api = "/v2", rest = path.slice(1)] = API_REGEXP.exec(path)?.map((part) => part ?? "") ??
    [];
  return {
    host: url.host,
    api: url.origin + api,
    prefix: rest === "" ? "" : `${rest}/`,
    isPlainHttp: url.protocol === "http:",
  };
}
