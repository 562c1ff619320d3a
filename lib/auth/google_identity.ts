import { Failure } from "../errors.ts";
import { type CredentialFile, readCredentialFile } from "./google_file.ts";
import { isMetadataServer, metadataUrl } from "./google_metadata.ts";
import type { AuthContext } from "./source.ts";

/** How this program may prove to Google who it is. */
export type GoogleIdentity =
  /** `from` says where the file is named, and its path. */
  | { kind: "file"; from: string; file: CredentialFile }
  /** `url` has no path. */
  | { kind: "metadata server"; url: string };

/** Says Google on Google's machines, in pods too: what every Google library goes by. */
const BIOS_FILE = "/sys/class/dmi/id/bios_vendor";

/**
 * The identity that environment and machine offer, in the order of Application Default Credentials:
 * https://cloud.google.com/docs/authentication/application-default-credentials
 *
 * 1. the file that GOOGLE_APPLICATION_CREDENTIALS names
 * 2. the file that gcloud keeps below the home directory
 * 3. the metadata server (GKE, Compute Engine), when GCP_WIF says so or when it is there
 *
 * @returns `undefined` when there is none
 * @throws {Failure} when a file is there but of no use
 */
export async function findGoogleIdentity(
  host: string,
  context: AuthContext,
  limits: { probe: number },
): Promise<GoogleIdentity | undefined> {
  const { environment } = context.config;
  const path = environment.GOOGLE_APPLICATION_CREDENTIALS;
  if (path !== undefined) {
    const from = `GOOGLE_APPLICATION_CREDENTIALS "${path}"`;
    return { kind: "file", from, file: await readCredentialFile({ path, from, host }, context) };
  }
  const known = wellKnownPath(environment);
  if (known !== undefined && await isReadable(known, context)) {
    const from = `the credentials file "${known}"`;
    const file = await readCredentialFile({ path: known, from, host }, context);
    return { kind: "file", from, file };
  }
  const url = metadataUrl(environment);
  return await isPresent(url, context, limits) ? { kind: "metadata server", url } : undefined;
}

/** Names an identity in messages. */
export function describeIdentity(identity: GoogleIdentity): string {
  if (identity.kind === "metadata server") {
    return `the pod's service account (metadata server "${new URL(identity.url).host}")`;
  }
  const { file, from } = identity;
  switch (file.type) {
    case "service_account":
      return `the service account "${file.client_email}" of ${from}`;
    case "authorized_user":
      return `the user of ${from}`;
    case "external_account":
      return `the workload identity of ${from}`;
  }
}

/**
 * Whether there is a metadata server to be asked; METADATA_SERVER_DETECTION means what it means to Google's libraries:
 * https://github.com/googleapis/gcp-metadata#environment-variables
 *
 * The machine's BIOS is looked at before anything is asked, since the server of GKE takes a few seconds to
 * answer a new pod, which is when this program runs:
 * https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#limitations
 */
async function isPresent(
  url: string,
  context: AuthContext,
  { probe }: { probe: number },
): Promise<boolean> {
  const { GCP_WIF, METADATA_SERVER_DETECTION: detection } = context.config.environment;
  if (GCP_WIF?.toLowerCase() === "true") return true;
  switch (detection?.trim().toLowerCase()) {
    case "assume-present":
      return true;
    case "none":
      return false;
    case "bios-only":
      return await isGoogleMachine(context);
    case "ping-only":
      return await isMetadataServer(url, context, probe);
    case undefined:
      return await isGoogleMachine(context) || await isMetadataServer(url, context, probe);
    default:
      throw new Failure(
        "usage",
        `Cannot use METADATA_SERVER_DETECTION "${detection}": it is none of its values`,
        { hint: "Give assume-present, none, bios-only or ping-only, or leave it empty" },
      );
  }
}

async function isGoogleMachine({ readTextFile }: AuthContext): Promise<boolean> {
  try {
    return (await readTextFile(BIOS_FILE)).includes("Google");
  } catch {
    return false; // Not every machine has a BIOS.
  }
}

function wellKnownPath(environment: Readonly<Record<string, string>>): string | undefined {
  const { CLOUDSDK_CONFIG, HOME } = environment;
  const folder = CLOUDSDK_CONFIG ?? (HOME && `${HOME}/.config/gcloud`);
  return folder && `${folder}/application_default_credentials.json`;
}

/** Nobody named the file: when it cannot be read there is none, as far as can be known. */
async function isReadable(path: string, { readTextFile }: AuthContext): Promise<boolean> {
  try {
    await readTextFile(path);
    return true;
  } catch {
    return false;
  }
}
