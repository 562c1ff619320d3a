import type { Entry } from "./mod.ts";

/** What the log says with the level `warn`, while the run goes on. */
export const WARNINGS: Entry[] = [
  {
    says: 'Unknown setting "<name>" has no effect: did you mean <name>?',
    cause: "A name that begins with `KIT_` is none of the settings.",
    remedy:
      "Correct it. Names that Kubernetes adds for a Service called `kit-…` are not warned of.",
    test: ["config_test.ts", "config: an unknown KIT_ name is a warning with the nearest one"],
  },
  {
    says: "<settings> is empty: signatures are not checked",
    cause: "An empty value counts as none, and the one that was meant may have got lost.",
    remedy: "Give the value, or take the setting out.",
    test: ["signature/settings_test.ts", "signature settings: only empty ones are a warning"],
  },
  {
    says: "<what failed>: trying again in <n> ms",
    cause: "It may pass, and `KIT_RETRIES` allows another attempt.",
    remedy: "Nothing, as long as it ends well. If it is often, look at the host that it names.",
    test: [
      "retry_test.ts",
      "retry: a transient failure is repeated, and each time said with its host",
    ],
  },
  {
    says: "<what failed>: whether the tag has moved is unknown, so what is here counts",
    cause: "The registry cannot be reached, and the folder is complete from an earlier start.",
    remedy: "Nothing. A URI with a digest needs no registry at all once it is complete.",
    test: [
      "e2e/main_job_test.ts",
      "a tag whose registry is gone succeeds with a warning when its content is complete",
    ],
  },
  {
    says: "The filters in KIT_UNPACK_FLAGS select no layer of this ModelKit",
    cause: "The kind or the name in `--filter` is not in the Kitfile. `kit` accepts that.",
    remedy: "Look at the Kitfile: `kit inspect --remote`.",
    test: [
      "e2e/main_job_test.ts",
      "filters: only what they select is there; other filters make another tree",
    ],
  },
  {
    says: "KIT_TRANSFER is direct: layers are not verified",
    cause: "You asked for it.",
    remedy: "Leave `KIT_TRANSFER` out, unless you need what only `kit` itself can do.",
    test: ["e2e/mirror_test.ts", "direct transfer does not use it, and says so"],
  },
  {
    says: "--tls-verify=false works with direct transfer only: layers are not verified",
    cause: "Who does not look whom it talks to cannot verify anything.",
    remedy: "Give the registry's authority in `KIT_CA_BUNDLE`, and leave the flag out.",
    test: ["e2e/sign_in_test.ts", "trusted by ${name}, for the login too"],
  },
  {
    says:
      "The registry's certificate is its own authority, which only kit itself accepts: layers are not verified",
    cause: "The certificate was given as CA certificate, and is marked as that of an authority.",
    remedy: "Make an authority, and have it sign the registry's certificate.",
    test: [
      "e2e/signature_test.ts",
      "signatures: a certificate that is its own authority leads to no unverified transfer",
    ],
  },
  {
    says: "KIT_MIRRORS has no effect on direct transfer: kit asks the registry itself",
    cause: "The two settings are both there.",
    remedy: "Leave out one of them.",
    test: ["e2e/mirror_test.ts", "direct transfer does not use it, and says so"],
  },
  {
    says: 'The mirror "<host>" is not asked any more: <reason>',
    cause:
      "It failed, wants a sign-in, or sent wrong bytes. What it has not sent comes from the registry.",
    remedy: "Look at the mirror.",
    test: ["e2e/mirror_test.ts", "it answers 503"],
  },
  {
    says: "<what failed>: unpacking again without that mirror",
    cause: "A mirror sent a wrong byte, and `kit` had it already.",
    remedy: "Look at the mirror: it has something damaged, or changes it.",
    test: ["e2e/mirror_test.ts", "it ignores Range and sends other bytes"],
  },
  {
    says: "<what failed>: reading without signing in, within AWS's lower limits. <hint>",
    cause:
      "The pod's identity may not ask for a token of `public.ecr.aws`, where everybody may read.",
    remedy: "Nothing, unless the limits are too low: then do as the hint says.",
    test: [
      "auth/ecr_test.ts",
      "the public registry: an identity that fails is a warning with a remedy, and no error",
    ],
  },
  {
    says: 'GCP_GAR_LOCATION is "<location>", but "<host>" is in "<location>": the host counts',
    cause: "The location comes from the registry's host, and the setting is left over.",
    remedy: "Take `GCP_GAR_LOCATION` out.",
    test: ["auth/google_test.ts", "docker.us-east1.rep.pkg.dev"],
  },
  {
    says: "Cannot write the metrics: <reason>",
    cause: "`KIT_METRICS_FILE` names a file that cannot be written.",
    remedy: "Give a path in a folder that can be written to, with `.prom` at its end.",
    test: ["e2e/telemetry_test.ts", "any other name there could be the ModelKit's: a warning"],
  },
  {
    says: "Cannot send the trace: <reason>",
    cause: "The collector that OpenTelemetry's variables name cannot be reached, or refuses.",
    remedy: "Check `OTEL_EXPORTER_OTLP_ENDPOINT`, and that it takes http/json.",
    test: ["e2e/telemetry_test.ts", "nobody listens"],
  },
  {
    says: "Cannot write the termination message: <reason>",
    cause: "`KIT_TERMINATION_LOG` names a file that cannot be written.",
    remedy: "Take it out: Kubernetes' own place is the default.",
    test: [
      "announce_test.ts",
      "announce: a termination log that cannot be written is a warning that names it",
    ],
  },
  {
    says: "<n> lines were dropped: nobody read the log",
    cause: "Whoever reads the container's output was too slow, or has stopped.",
    remedy: "Look at the node's container runtime.",
    test: [
      "output_test.ts",
      "output: what is too much is dropped, and the reader is told how much",
    ],
  },
];
