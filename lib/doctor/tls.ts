import { Failure } from "../errors.ts";
import { type Remark, Warning } from "./finding.ts";
import type { Peer } from "./peer.ts";
import { hostnameOf, type Way } from "./proxy.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** A certificate that ends so soon should have been renewed by those who do it by themselves. */
const SOON_MS = 14 * DAY_MS;

/** What a certificate that is accepted has to say. */
export function tlsRemarks(peer: Peer | undefined, now: Date): Remark[] {
  if (peer === undefined) return ["the certificate is trusted"];
  const left = peer.to.getTime() - now.getTime();
  const days = Math.floor(left / DAY_MS);
  const said = `the certificate is trusted: issued by "${peer.issuer}", until ${dateOf(peer.to)}`;
  if (!(left < SOON_MS)) return [said];
  return [said, new Warning(`The certificate ends in ${days} days`, "Renew it on the registry")];
}

/** Adds to why there is no connection what the certificate says of itself, or what the proxy has to do with it. */
export function explainTls(
  failure: Failure,
  { peer, way, url }: { peer?: Peer; way?: Way; url: URL },
): Failure {
  const { outcome, message, hint, host, transient } = failure;
  const isCertificate = /certificate/i.test(message);
  if (isCertificate && peer !== undefined) {
    const names = peer.names === "" ? "" : ` for "${peer.names}"`;
    const what = `it is issued by "${peer.issuer}"${names}, from ${dateOf(peer.from)} to ${
      dateOf(peer.to)
    }`;
    return new Failure(outcome, `${message}: ${what}`, { hint, host, transient, cause: failure });
  }
  if (!isCertificate && way?.proxy !== undefined && !/--plain-http/.test(hint ?? "")) {
    return new Failure(outcome, `${message}, through the proxy of ${way.proxy.from}`, {
      hint: `Let the proxy lead to "${url.host}", or write "${hostnameOf(url)}" into NO_PROXY`,
      host,
      transient,
      cause: failure,
    });
  }
  return failure;
}

/** Whether it is a certificate that is its own authority, which kit accepts and Deno does not. */
export function isOwnAuthority({ message }: Failure): boolean {
  return /CaUsedAsEndEntity/.test(message);
}

function dateOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? "a date unknown" : date.toISOString().slice(0, 10);
}
