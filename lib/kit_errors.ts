import { Failure, type FailureName } from "./errors.ts";
import { redact } from "./redact.ts";

interface Rule {
  pattern: RegExp;
  outcome: FailureName;
  hint: string;
  /** Instead of kit's words, where they only repeat the reference. */
  say?: string;
  /** Only where it differs from what the outcome says. */
  transient?: false;
}

/**
 * What kit says, from 1.0.0 to 1.15.0, and what it means; the first rule that matches counts. Kit wraps every network error of
 * `kit inspect` in "not found", so that comes last.
 */
const RULES: Rule[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    outcome: "destination",
    hint: "Give the volume more space",
  },
  {
    pattern: /file name too long/i,
    outcome: "destination",
    // Linux takes 4,095 bytes, and 39 of them are the folder that is unpacked into.
    hint: "Pack shorter names: one may have 255 bytes, and a path with the destination's 4055",
  },
  {
    // Kit closes the files of a layer when it has unpacked all of them.
    pattern: /too many open files/i,
    outcome: "kit",
    hint: "Raise the container's limit of open files above the number of files in a layer",
  },
  {
    pattern: /read-only file system/i,
    outcome: "destination",
    hint: "Mount the volume writable",
  },
  {
    pattern: /status code 40[13]\b|unauthorized|credential not found|\bdenied: /i,
    outcome: "auth",
    hint: "Check the credentials for this host and that they may read the repository",
  },
  {
    pattern: /server gave HTTP response to HTTPS client/i,
    outcome: "unavailable",
    hint: "Set KIT_UNPACK_FLAGS to --plain-http if the registry serves plain HTTP",
    transient: false,
  },
  {
    pattern: /x509:|tls: (failed to verify|bad certificate|certificate required)/i,
    outcome: "unavailable",
    hint: "Give the CA certificate of the registry in KIT_CA_BUNDLE",
    transient: false,
  },
  {
    pattern: /no such host|server misbehaving|temporary failure in name resolution/i,
    outcome: "unavailable",
    hint: "Check the host's name and the DNS of the cluster",
  },
  {
    pattern: /status code (429|5\d\d)\b|toomanyrequests/i,
    outcome: "unavailable",
    hint: "Try again later, or look at the registry",
  },
  {
    pattern:
      /connection refused|connection reset|broken pipe|i\/o timeout|timeout awaiting|network is unreachable|no route to host|tls:|TLS handshake|unexpected EOF|: EOF\b|proxyconnect|deadline exceeded|server closed|http2: /i,
    outcome: "unavailable",
    hint: "Check the network, the proxy and the port of the registry",
  },
  {
    pattern:
      /mismatch(ed)? (size|digest)|digest .*(mismatch|does not match)|(size|digest) mismatch|trailing data/i,
    outcome: "integrity",
    hint: "Push the ModelKit again: what the registry has is damaged",
  },
  {
    pattern: /permission denied/i,
    outcome: "destination",
    hint: "Make the destination writable, for example with the pod's fsGroup",
  },
  {
    pattern: /unknown (shorthand )?flag/i,
    outcome: "usage",
    hint:
      "Build the image on a kit that has this flag (1.15.0 has them all), or correct KIT_UNPACK_FLAGS",
  },
  {
    // Of a ModelPack, by the versions that do not know it; what is neither is refused before kit sees it.
    pattern: /reference exists but is not a modelkit/i,
    outcome: "kit",
    hint: "Build the image on a newer kit: this one does not know ModelPacks (1.15.0 does)",
  },
  {
    pattern: /invalid argument|Invalid filter|flag needs an argument/i,
    outcome: "usage",
    hint: "Correct KIT_UNPACK_FLAGS: kit does not take this",
  },
  {
    pattern:
      /could not find modelkit|could not be found in remote|status code 404|name unknown|manifest unknown/i,
    outcome: "not found",
    say: "the registry has no such repository, tag or digest",
    hint:
      "Check the repository and the tag; some registries say so too when credentials are missing",
  },
];

const MAX_DETAIL = 600;
/** A longer word is a path that nobody reads; the reason comes after it. */
const LONG_WORD_REGEXP = /\S{257,}/g;

/** Somebody ended kit by a signal: that says nothing of what it was unpacking. */
export class KitKilled extends Failure {}

/**
 * The failure that kit's error lines stand for. `purpose` completes "Cannot …".
 *
 * @param options.flags KIT_UNPACK_FLAGS: where it is given, another flag is ours, and kit too old for it
 */
export function kitFailure(
  purpose: string,
  errors: string[],
  { status, host, flags }: {
    status: Pick<Deno.CommandStatus, "code" | "signal">;
    host?: string;
    flags?: string;
  },
): Failure {
  const said = errors.map((line) => line.replace(/^(\[ERROR\s*\]|Error:)\s*/, "")).join("; ");
  // In this order: the beginning of a secret would not be known as one.
  const detail = shortened(redact(said));
  const unknown = /unknown flag: (--[\w-]+)/.exec(detail)?.[1];
  if (unknown !== undefined && flags !== undefined && !flags.includes(unknown)) {
    return new Failure("kit", `Cannot ${purpose}: this kit does not know ${unknown}`, {
      hint: "Take kit 1.15.0 or later, or look where KIT_BIN and PATH lead",
    });
  }
  const words = withoutNames(detail, host);
  const rule = RULES.find(({ pattern }) => pattern.test(words));
  if (rule !== undefined) {
    const { outcome, hint, say, transient } = rule;
    return new Failure(outcome, `Cannot ${purpose}: ${say ?? detail}`, { hint, host, transient });
  }
  const end = status.signal === null
    ? `kit ended with code ${status.code}`
    : `kit was ended by ${status.signal}`;
  const Ended = status.signal === null ? Failure : KitKilled;
  return new Ended("kit", `Cannot ${purpose}: ${detail === "" ? end : detail}`, {
    hint: status.signal === "SIGKILL"
      ? "Raise the memory limit of the container if it was killed for it"
      : "Look at the container's log for kit's own words; KIT_LOG_LEVEL=debug shows the command too",
    host,
  });
}

/** The beginning and the end of what is long: there is what failed, and why. */
function shortened(text: string): string {
  const cut = (text: string, head: number, tail: number) =>
    text.length <= head + tail ? text : `${text.slice(0, head)}…${text.slice(-tail)}`;
  return cut(
    text.replaceAll(LONG_WORD_REGEXP, (word) => cut(word, 40, 20)),
    MAX_DETAIL / 2,
    MAX_DETAIL / 2,
  );
}

/** A repository may be called "tls" or "unauthorized": what is on the host says nothing about the error. */
function withoutNames(detail: string, host: string | undefined): string {
  if (host === undefined) return detail;
  return detail.split(" ").map((word) =>
    word.includes(`${host}/`) ? word.replace(/^.*?(:?)$/, "…$1") : word
  ).join(" ");
}
