import { Failure } from "../errors.ts";

/**
 * The absolute URL that a redirect leads to, if it may be followed: never from TLS to plain HTTP, never to another
 * scheme, and not to an address that only this machine or this pod can reach (a cloud's metadata, loopback) unless
 * the registry itself is there.
 *
 * @throws {Failure} `unavailable`
 */
export function refuseRedirect(from: string, location: string, host: string): string {
  const source = new URL(from);
  const target = URL.parse(location, from);
  const refuse = (why: string) =>
    new Failure("unavailable", `Cannot follow a redirect of "${host}": ${why}`, {
      host,
      transient: false,
      hint: "Look at the registry, or at what answers in its place",
    });
  if (target === null) throw refuse("it is not a URL");
  const why = reasonToRefuse(source, target);
  if (why !== undefined) throw refuse(why);
  target.username = target.password = target.hash = "";
  return target.href;
}

/** Why a server named by the one at `source` must not be asked, or `undefined` where it may be. */
export function reasonToRefuse(source: URL, target: URL): string | undefined {
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    return `the scheme is "${target.protocol}"`;
  }
  if (source.protocol === "https:" && target.protocol === "http:") {
    return "it leads from TLS to plain HTTP";
  }
  if (isLinkLocal(target.hostname)) return "it leads to a link-local address";
  if (isLoopback(target.hostname) && !isLoopback(source.hostname)) {
    return "it leads to this machine itself";
  }
}

// A URL's hostname is already in canonical form: 0x7f.1 arrives as 127.0.0.1.
function isLoopback(hostname: string): boolean {
  return /^127\./.test(hostname) || hostname === "0.0.0.0" ||
    /^\[(::1|::|::ffff:7f..?:.*|::ffff:0:0)\]$/.test(hostname) ||
    /(^|\.)localhost\.?$/.test(hostname);
}

/** 169.254.0.0/16, fe80::/10 and AWS's fd00:ec2::/32: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html */
function isLinkLocal(hostname: string): boolean {
  return /^169\.254\./.test(hostname) ||
    /^\[(fe[89ab].:.*|fd00:ec2:.*|(::ffff|64:ff9b:):a9fe:.*)\]$/.test(hostname);
}
