/** A proxy as the variables or `--proxy` name it. */
export interface Proxy {
  url: URL;
  /** The setting that names it. */
  from: string;
}

/** The way to a URL. */
export interface Way {
  /** Absent: straight. */
  proxy?: Proxy;
  /** The entry of NO_PROXY that keeps the proxy away. */
  exception?: string;
  /** Settings that name a proxy and cannot be used. */
  unusable: string[];
}

/**
 * Which proxy fetch takes for a URL. The rules are Deno's own, in `from_env` and `NoProxy` of
 * https://github.com/denoland/deno/blob/main/ext/fetch/proxy.rs
 *
 * @param flag `--proxy` of KIT_UNPACK_FLAGS
 */
export function wayTo(
  url: URL,
  flag: string | undefined,
  variables: Readonly<Record<string, string>>,
): Way {
  const unusable: string[] = [];
  const candidates: [from: string, value: string | undefined][] = [
    ["--proxy in KIT_UNPACK_FLAGS", flag],
    either("ALL_PROXY", variables),
    either(url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY", variables),
  ];
  const proxies = candidates.flatMap(([from, value]) => {
    if (!value) return [];
    const proxy = URL.parse(value.includes("://") ? value : `http://${value}`);
    if (proxy !== null && /^(https?|socks5h?):$/.test(proxy.protocol)) {
      return [{ url: proxy, from }];
    }
    unusable.push(from);
    return [];
  });
  if (proxies.length === 0) return { unusable };
  const exception = exceptions(variables).find((entry) => covers(entry, hostnameOf(url)));
  return exception === undefined ? { proxy: proxies[0], unusable } : { exception, unusable };
}

/** Entries of NO_PROXY that look as if they were meant for a host, and do not cover it; each with what would. */
export function nearMisses(
  url: URL,
  variables: Readonly<Record<string, string>>,
): { entry: string; instead: string }[] {
  const hostname = hostnameOf(url);
  return exceptions(variables).flatMap((entry) => {
    const bare = entry.replace(/^https?:\/\//, "");
    if (entry !== hostname && [url.host, hostname].includes(bare)) {
      return [{ entry, instead: hostname }];
    }
    const domain = /^\*(\..+)$/.exec(entry)?.[1];
    return domain !== undefined && hostname.endsWith(domain) ? [{ entry, instead: domain }] : [];
  });
}

/** The upper-case name wins where it has a value. */
function either(
  name: string,
  variables: Readonly<Record<string, string>>,
): [from: string, value: string | undefined] {
  return variables[name]
    ? [name, variables[name]]
    : [name.toLowerCase(), variables[name.toLowerCase()]];
}

/** An empty NO_PROXY hides no_proxy. */
function exceptions(variables: Readonly<Record<string, string>>): string[] {
  const text = variables.NO_PROXY ?? variables.no_proxy ?? "";
  return text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "");
}

function covers(entry: string, hostname: string): boolean {
  if (isAddress(hostname)) return isInNetwork(hostname, entry);
  return entry === "*" || entry === hostname || entry === `.${hostname}` ||
    hostname.endsWith(entry.startsWith(".") ? entry : `.${entry}`);
}

/** A host without the brackets of an IPv6 address. */
export function hostnameOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

export function isAddress(hostname: string): boolean {
  return /^\d+(\.\d+){3}$/.test(hostname) || hostname.includes(":");
}

/** @param network an address, or one with the number of bits that count: `10.0.0.0/8`; anything else has nobody in it */
function isInNetwork(address: string, network: string): boolean {
  const [base, length] = network.split("/");
  const [one, other] = [bitsOf(address), bitsOf(base)];
  if (one === undefined || other === undefined || one.length !== other.length) return false;
  if (length === undefined) return one === other;
  const bits = Number(length);
  return /^\d+$/.test(length) && bits <= one.length && one.slice(0, bits) === other.slice(0, bits);
}

/** An address as a text of zeros and ones. */
function bitsOf(address: string): string | undefined {
  const isIpv6 = address.includes(":");
  if (!isAddress(address)) return undefined;
  // The parser of URLs knows every way to write one.
  const hostname = URL.parse(`http://${isIpv6 ? `[${address}]` : address}`)?.hostname;
  if (hostname === undefined) return undefined;
  if (!isIpv6) return hostname.split(".").map((part) => binary(Number(part), 8)).join("");
  const [head, tail] = hostname.slice(1, -1).split("::").map((half) => half.split(":"));
  const [left, right] = [head, tail ?? []].map((parts) => parts.filter((part) => part !== ""));
  const zeros = Array(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].map((part) => binary(parseInt(part, 16), 16)).join("");
}

function binary(value: number, length: number): string {
  return value.toString(2).padStart(length, "0");
}
