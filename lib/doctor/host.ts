import { lookup } from "node:dns/promises";
import { Failure, messageOf } from "../errors.ts";
import { readBody, timeLimit } from "../http.ts";
import type { RegistryClient } from "../registry/client.ts";
import { statusFailure } from "../registry/status.ts";
import { type Check, type Context, Skip, Warning } from "./finding.ts";
import { type Peer, peerOf } from "./peer.ts";
import { hostnameOf, isAddress, nearMisses, type Way, wayTo } from "./proxy.ts";
import { explainTls, isOwnAuthority, tlsRemarks } from "./tls.ts";

/** A connection that takes longer is taken for none. */
const CONNECT_MS = 5_000;
/** What AWS and others let pass: https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html */
const MAX_SKEW_MS = 5 * 60_000;
/** As much is read of an answer that only says who is there. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** A registry or a mirror on our way, and what is known of it so far. */
export interface Site {
  client: RegistryClient;
  way?: Way;
  /** Milliseconds since 1970, by its clock and by ours at the same time. */
  clocks?: { theirs: number; ours: number };
}

/** From the way there to what answers; each needs the one before. */
export const HOST_CHECKS: Check<Site>[] = [
  { name: "proxy", run: checkProxy },
  { name: "dns", run: checkDns },
  { name: "connection", run: checkConnection },
  { name: "tls", run: checkTls },
  { name: "clock", run: checkClock },
];

function checkProxy(site: Site, { config, variables }: Context) {
  const url = new URL(site.client.api);
  const way = site.way = wayTo(url, config.flags.proxy, variables);
  const warnings = way.unusable.map((from) =>
    new Warning(`${from} is not the URL of a proxy, and has no effect`, `Correct ${from}`)
  );
  if (way.proxy === undefined) {
    const why = way.exception === undefined ? "none" : `none, by NO_PROXY "${way.exception}"`;
    return Promise.resolve([why, ...warnings]);
  }
  for (const { entry, instead } of nearMisses(url, variables)) {
    const hint = `Write "${instead}" into NO_PROXY instead`;
    warnings.push(new Warning(`The entry "${entry}" of NO_PROXY does not cover this host`, hint));
  }
  const { url: { protocol, host }, from } = way.proxy;
  return Promise.resolve([`${protocol}//${host}, by ${from}`, ...warnings]);
}

async function checkDns(site: Site) {
  const { hostname, settings } = nextHop(site);
  if (isAddress(hostname)) return `${hostname} is an address`;
  try {
    const addresses = await lookup(hostname, { all: true });
    return `${hostname} is ${addresses.map(({ address }) => address).join(", ")}`;
  } catch (error) {
    throw new Failure("unavailable", `Cannot find the address of "${hostname}"`, {
      hint: `Check the host's name in ${settings}, the DNS of the cluster, and the pod's dnsPolicy`,
      host: site.client.host,
      cause: error,
    });
  }
}

async function checkConnection(site: Site, { signal }: Context) {
  const { hostname, port, settings } = nextHop(site);
  const started = performance.now();
  using limit = timeLimit(CONNECT_MS, signal);
  const socket = Deno.connect({ hostname, port });
  const over = Promise.withResolvers<never>();
  limit.signal.addEventListener("abort", () => over.reject(limit.signal.reason), { once: true });
  try {
    (await Promise.race([socket, over.promise])).close();
  } catch (error) {
    socket.then((late) => late.close(), () => {});
    signal.throwIfAborted();
    const reason = messageOf(error).replace(/ \(os error \d+\).*$/, "");
    const way = site.way?.proxy === undefined
      ? "the network policies and the firewall"
      : `that the proxy runs; a host without one belongs into NO_PROXY`;
    throw new Failure(
      limit.isOver ? "timeout" : "unavailable",
      `Cannot connect to "${hostname}" at port ${port}: ${reason}`,
      { hint: `Check host and port in ${settings}, and ${way}`, host: site.client.host },
    );
  }
  return `port ${port} answers in ${Math.round(performance.now() - started)} ms`;
}

async function checkTls(site: Site, context: Context) {
  const { client, way } = site;
  const { flags } = context.config;
  const url = new URL(client.api);
  const isEncrypted = url.protocol === "https:";
  const ask = (): Promise<Peer | undefined> =>
    way?.proxy === undefined
      ? peerOf(hostnameOf(url), portOf(url))
      // Who is behind a proxy only fetch can say.
      : Promise.resolve(undefined);
  let response: Response;
  try {
    response = await client.ping(context.signal);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const peer = await ask();
    if (!isEncrypted && peer !== undefined) throw speaksTls(site);
    const isAccepted = (!flags.tlsVerify && /certificate/i.test(error.message)) ||
      (isOwnAuthority(error) && context.config.signature === undefined);
    if (!isAccepted) throw explainTls(error, { peer, way, url });
    return [
      new Warning(
        `${
          error.message.replace(/^Cannot connect to ".*?": /, "")
        }: only kit itself accepts this, ` +
          "and layers are not verified",
        "Give the registry a certificate that an authority signed, and KIT_CA_BUNDLE that authority",
      ),
    ];
  }
  const ours = context.now().getTime();
  const date = response.headers.get("Date");
  if (date !== null) site.clocks = { theirs: Date.parse(date), ours };
  const { status } = response;
  if (!isEncrypted && status === 400 && await ask() !== undefined) {
    await response.body?.cancel();
    throw speaksTls(site);
  }
  if (status >= 500 || status === 407 || status === 429) {
    throw await statusFailure(response, `connect to "${client.host}"`, client.host);
  }
  await readBody(response, MAX_ANSWER_BYTES).catch(() => {});
  const strange = [200, 401, 403].includes(status) ? [] : [
    new Warning(
      `It answers ${status} to ${client.api}/, which a registry does not`,
      "Check that host and port in the URI are those of a registry",
    ),
  ];
  if (!isEncrypted) return ["plain HTTP: what is sent can be read on the way", ...strange];
  return [...tlsRemarks(await ask(), context.now()), ...strange];
}

function checkClock(site: Site, context: Context) {
  if (site.clocks === undefined || Number.isNaN(site.clocks.theirs)) {
    return Promise.resolve(new Skip("the registry does not say what time it is"));
  }
  const skew = site.clocks.ours - site.clocks.theirs;
  const seconds = Math.round(Math.abs(skew) / 1000);
  if (Math.abs(skew) <= MAX_SKEW_MS) {
    return Promise.resolve(`within ${Math.max(1, seconds)} s of the registry's`);
  }
  context.skew = skew;
  const minutes = Math.round(seconds / 60);
  return Promise.resolve(
    new Warning(
      `This machine's clock is ${minutes} minutes ${
        skew > 0 ? "ahead of" : "behind"
      } the registry's`,
      "Set the clock of the node, for example by NTP: with a wrong one tokens and signatures are refused",
    ),
  );
}

/** Whom we connect to: the proxy, or the host itself. */
function nextHop({ client, way }: Site): { hostname: string; port: number; settings: string } {
  const url = way?.proxy?.url ?? new URL(client.api);
  const settings = way?.proxy?.from ?? "the URI, or in KIT_MIRRORS or KIT_REGISTRY";
  return { hostname: hostnameOf(url), port: portOf(url), settings };
}

function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "https:" ? 443 : protocol === "http:" ? 80 : 1080;
}

function speaksTls({ client: { host } }: Site): Failure {
  return new Failure("unavailable", `Cannot speak plain HTTP with "${host}": it speaks TLS`, {
    hint: "Leave --plain-http out of KIT_UNPACK_FLAGS, or name the registry's port for plain HTTP",
    host,
    transient: false,
  });
}
