import { canonicalHost, parseRegistryAddress } from "./registry_host.ts";
import { Secret } from "../secret.ts";
import type { Credentials, Scope } from "./source.ts";

/** One entry of a docker config, with where it came from. */
export interface Entry {
  /** As it is written in the file, for messages. */
  key: string;
  host: string;
  /** The beginning of the repositories that it is for; empty for the whole host. */
  path: string;
  /** The variable or the file, for messages. */
  origin: string;
  /** The credential helper that would be needed. */
  helper?: string;
  /** What stands behind the key; decoded only when the entry is used. */
  value: Record<string, unknown>;
}

/** What an entry gives: something to sign in with, or what is wrong with it. */
export type Login =
  | Pick<Credentials, "username" | "password" | "isBearer">
  | { problem: string; hint: string };

/**
 * All entries of one docker `config.json`, in the order in which they win: what can be used here goes before
 * what needs a helper.
 *
 * The old `.dockercfg`, which is the `auths` alone, is read too: Secrets of type `kubernetes.io/dockercfg` have it.
 * A `credsStore` counts for the hosts that have an (empty) entry in `auths`, since `docker login` leaves
 * one there for every host that it puts into the store; for other hosts the store has nothing.
 *
 * @returns `undefined` when `text` is no docker config at all
 */
export function parseDockerConfig(text: string, origin: string): Entry[] | undefined {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return undefined; // The parser's message quotes the text, and so the passwords in it.
  }
  if (!isRecord(root)) return undefined;
  const auths = root.auths ?? (isDockercfg(root) ? root : {});
  const helpers = root.credHelpers ?? {};
  if (!isRecord(auths) || !isRecord(helpers)) return undefined;

  const store = typeof root.credsStore === "string" ? root.credsStore : "";
  const usable: Entry[] = [];
  const needHelper: Entry[] = [];
  for (const [key, helper] of Object.entries(helpers)) {
    if (typeof helper === "string" && helper !== "") {
      needHelper.push({ ...parseKey(key), origin, helper, value: {} });
    }
  }
  for (const [key, value] of Object.entries(auths)) {
    if (!isRecord(value)) return undefined;
    if (!isEmpty(value)) usable.push({ ...parseKey(key), origin, value });
    else if (store !== "") needHelper.push({ ...parseKey(key), origin, helper: store, value });
  }
  return [...usable, ...needHelper];
}

/**
 * The entry for `scope`:
 * 1. a host written out goes before one with a `*`, which stands for (a part of) one label, as for kubelet:
 *    https://kubernetes.io/docs/concepts/containers/images/#config-json
 * 2. the longest path, on segment borders: `ghcr.io/org` is for `org/model`, not for `organic/model`
 * 3. the first in `entries`
 */
export function findEntry(entries: readonly Entry[], scope: Scope): Entry | undefined {
  const host = canonicalHost(scope.host);
  const matching = entries.filter((entry) =>
    (entry.host === host || matchesGlob(entry.host, host)) &&
    (entry.path === "" || `${scope.repository}/`.startsWith(`${entry.path}/`))
  );
  const exact = matching.filter((entry) => entry.host === host);
  return (exact.length > 0 ? exact : matching).reduce<Entry | undefined>(
    (best, entry) => best === undefined || entry.path.length > best.path.length ? entry : best,
    undefined,
  );
}

/**
 * What `entry` says, in docker's own precedence: a registry token goes before an identity token, that before `auth`,
 * and `auth` before `username` and `password`.
 * https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
 * https://github.com/moby/moby/blob/master/daemon/pkg/registry/registry.go
 */
export function loginOf({ value, helper }: Entry): Login {
  const text = (name: string) => typeof value[name] === "string" ? value[name] as string : "";
  if (helper !== undefined) {
    return {
      problem:
        `it needs the credential helper "docker-credential-${helper}", which cannot run here`,
      hint: `Put "auth" into the entry, or set KIT_USER and KIT_PASSWORD`,
    };
  }
  const token = text("registrytoken");
  if (token !== "") {
    // It goes into a header, where another character would be another header's beginning.
    if (/^[\x21-\x7e]+$/.test(token)) {
      return { username: "", password: new Secret(token), isBearer: true };
    }
    return {
      problem: `its "registrytoken" is no token`,
      hint: "Give it without spaces and line breaks",
    };
  }
  if (text("identitytoken") !== "") {
    return { username: "", password: new Secret(text("identitytoken")) };
  }
  if (text("auth") !== "") return decodeAuth(text("auth"));
  if (text("username") !== "" && text("password") !== "") {
    return { username: text("username"), password: new Secret(text("password")) };
  }
  return {
    problem: `it has neither "auth" nor "username" and "password"`,
    hint: `Create the Secret anew with "kubectl create secret docker-registry"`,
  };
}

function decodeAuth(auth: string): Login {
  const hint = `"auth" must be the base64 form of user:password`;
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(auth), (character) => character.charCodeAt(0));
  } catch {
    return { problem: `its "auth" is not base64`, hint };
  }
  const decoded = new TextDecoder().decode(bytes);
  const colon = decoded.indexOf(":"); // The first one: a password may have more of them.
  if (colon === -1) return { problem: `its "auth" has no colon`, hint };
  if (colon === 0) return { problem: `its "auth" has no user name`, hint };
  // docker pads old entries with NUL characters.
  const password = decoded.slice(colon + 1).replace(/(?<!\0)\0+$/, "");
  if (password === "") return { problem: `its "auth" has no password`, hint };
  return { username: decoded.slice(0, colon), password: new Secret(password) };
}

function parseKey(key: string): Pick<Entry, "key" | "host" | "path"> {
  return { key, ...parseRegistryAddress(key) };
}

/** Label by label. A regular expression of several `*` would try each way to share a label among them. */
function matchesGlob(pattern: string, host: string): boolean {
  if (!pattern.includes("*")) return false;
  const labels = host.split(/([.:])/);
  const patterns = pattern.split(/([.:])/);
  return patterns.length === labels.length &&
    patterns.every((one, index) => matchesLabel(one, labels[index]));
}

function matchesLabel(pattern: string, label: string): boolean {
  const [first, ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return pattern === label;
  if (!label.startsWith(first)) return false;
  let end = first.length;
  for (const part of others) {
    const start = label.indexOf(part, end);
    if (start === -1) return false;
    end = start + part.length;
  }
  return end + last.length <= label.length && label.endsWith(last);
}

function isDockercfg(root: Record<string, unknown>): boolean {
  return Object.values(root).some((value) =>
    isRecord(value) &&
    ["auth", "username", "identitytoken", "registrytoken"].some((name) => name in value)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `docker login` writes `{}` when the password is in a store; an e-mail address alone says nothing either. */
function isEmpty(value: Record<string, unknown>): boolean {
  return ["auth", "username", "password", "identitytoken", "registrytoken"].every((name) =>
    value[name] === undefined || value[name] === ""
  );
}
