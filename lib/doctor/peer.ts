import { connect } from "node:tls";

const LIMIT_MS = 5_000;

/** The certificate that a server shows, whether we trust it or not. */
export interface Peer {
  issuer: string;
  /** The names that it is for, as far as the runtime tells them. */
  names: string;
  from: Date;
  to: Date;
}

/**
 * Asks a server for its certificate. This says nothing about whether a run accepts it: what does not is fetch.
 *
 * @returns `undefined` where it shows none: it does not speak TLS, or does not answer in time
 */
export async function peerOf(hostname: string, port: number): Promise<Peer | undefined> {
  const isName = !/^[\d.]+$|:/.test(hostname);
  const socket = connect({
    host: hostname,
    port,
    servername: isName ? hostname : undefined,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LIMIT_MS);
  for (const event of ["secureConnect", "error", "close"]) socket.once(event, () => resolve());
  try {
    await promise;
    const { issuer, subjectaltname = "", valid_from, valid_to } = socket.getPeerCertificate() ?? {};
    if (issuer === undefined) return undefined;
    const words = Object.entries(issuer).map(([key, value]) => `${key}=${value}`);
    return {
      issuer: words.join(", "),
      names: subjectaltname.replaceAll(/DNS:|IP Address:/g, ""),
      from: new Date(valid_from),
      to: new Date(valid_to),
    };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    // What is said after that is nobody's concern.
    socket.on("error", () => {});
    socket.destroy();
  }
}
