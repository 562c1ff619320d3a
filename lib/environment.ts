import { SIGN_IN_VARIABLES } from "./auth/variables.ts";
import { SIGNATURE_VARIABLES } from "./signature/variables.ts";
import { TELEMETRY_VARIABLES } from "./telemetry/variables.ts";
import type { Variable, VariableGroup } from "./variable.ts";

/**
 * Every environment variable that this program reads: the only source of parsing, `--help` and the table in
 * docs/configuration.md. A variable with an empty value counts as absent, since an empty `value:` in a manifest
 * arrives so.
 */
export const ENVIRONMENT: VariableGroup[] = [
  {
    title: "Unpacking",
    variables: [
      {
        name: "KIT_UNPACK_FLAGS",
        about:
          "More flags for `kit unpack`, split into words as a POSIX shell does, never expanded. " +
          "`-d/--dir` and `--config` are refused; the network flags (`--plain-http`, `--tls-verify`, " +
          "`--tls-cert`, `--cert`, `--key`, `--proxy`, `--concurrency`) count for the login too",
      },
      {
        name: "KIT_EXPECT",
        about:
          "What a ModelKit must have, or its destination stays as it was: globs relative to the destination, split " +
          "into words as KIT_UNPACK_FLAGS is. `model.onnx config/*.json` counts for every pair, " +
          "`/mnt/models/0=model.onnx` for a destination, `kit://ghcr.io/llm/**=*.safetensors` for URIs. A file of 0 " +
          "bytes does not count, nor a folder of such",
      },
      {
        name: "KIT_TRANSFER",
        about:
          "How layers are fetched. `verified`: on several connections, each layer compared with its digest before " +
          "anything is visible. `direct`: by kit itself, without verification of layers",
        standard: "verified",
      },
      { name: "KIT_BIN", about: "Path of the kit executable", standard: "kit on PATH" },
    ],
  },
  { title: "Sign-in", variables: SIGN_IN_VARIABLES },
  { title: "Signatures", variables: SIGNATURE_VARIABLES },
  {
    title: "Network",
    variables: [
      {
        name: "KIT_CA_BUNDLE",
        about: "Certificates to trust beside the system's: PEM text or the path of a PEM file",
      },
      {
        name: "SSL_CERT_FILE",
        about: "Path of a PEM file to trust beside the system's certificates",
      },
      {
        name: "CA_BUNDLE_CONFIGMAP_NAME",
        about: "Set by KServe: trust `cabundle.crt` below CA_BUNDLE_VOLUME_MOUNT_POINT",
      },
      {
        name: "CA_BUNDLE_VOLUME_MOUNT_POINT",
        about: "Set by KServe: the folder where its CA bundle is mounted",
        standard: "/etc/ssl/custom-certs",
      },
      { name: "HTTP_PROXY", about: "Proxy for plain HTTP" },
      { name: "HTTPS_PROXY", about: "Proxy for HTTPS" },
      { name: "NO_PROXY", about: "Hosts that are reached without a proxy" },
      {
        name: "KIT_MIRRORS",
        about:
          "Registries that are asked first for what another one has, as `HOST=URL` with spaces between: " +
          "`ghcr.io=https://mirror.example.com/ghcr`. With verified transfer only",
      },
      {
        name: "KIT_CONNECTIONS",
        about: "Most parallel connections to a registry, from 1 to 64",
        standard: "8",
      },
      {
        name: "KIT_RETRIES",
        about:
          "Attempts for transient failures, from 1 to 100; waits grow exponentially with full jitter",
        standard: "6",
      },
      {
        name: "KIT_STALL_TIMEOUT",
        about:
          "No progress for so long (less than 256 bytes a second is none) is retried, then fails: a duration such as `90s` or `2m`",
        standard: "60s",
      },
      {
        name: "KIT_TIMEOUT",
        about: "Time limit of the whole run: a duration such as `30m`",
        standard: "none",
      },
    ],
  },
  {
    title: "Reporting",
    variables: [
      { name: "KIT_LOG_FORMAT", about: "`text` or `json`", standard: "text" },
      {
        name: "KIT_LOG_LEVEL",
        about: "`debug`, `info`, `warn` or `error`. Progress is shown with `debug` and `info`",
        standard: "info",
      },
      {
        name: "KIT_TERMINATION_LOG",
        about: "File for the termination message, written in place",
        standard: "/dev/termination-log",
      },
      ...TELEMETRY_VARIABLES,
    ],
  },
];

/** All variables, without their groups. */
export const VARIABLES: Variable[] = ENVIRONMENT.flatMap((group) => group.variables);
