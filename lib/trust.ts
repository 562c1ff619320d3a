import type { Config } from "./config.ts";
import { Failure, messageOf } from "./errors.ts";

/** Where KServe's controller mounts its CA bundle: pkg/constants of github.com/kserve/kserve. */
const KSERVE_MOUNT_POINT = "/etc/ssl/custom-certs";
const KSERVE_BUNDLE_NAME = "cabundle.crt";
const PEM_REGEXP = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** Larger than any system's bundle. */
const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

/**
 * The certificates to trust beside the system's, each as PEM text: from KIT_CA_BUNDLE, KServe's CA bundle,
 * `--tls-cert` and SSL_CERT_FILE.
 *
 * @throws {Failure} `usage` where KIT_CA_BUNDLE or KServe's bundle cannot be read or holds no certificate
 */
export async function readTrust(
  config: Pick<Config, "caBundle" | "environment" | "flags">,
): Promise<string[]> {
  const { caBundle, environment, flags } = config;
  const certificates: string[] = [];
  if (caBundle !== undefined) {
    const isText = caBundle.includes("-----BEGIN");
    certificates.push(
      ...isText ? parse(caBundle, "KIT_CA_BUNDLE") : await readBundle(caBundle, "KIT_CA_BUNDLE"),
    );
  }
  // KServe sets both names to "" where no bundle is configured.
  if (environment.CA_BUNDLE_CONFIGMAP_NAME !== undefined) {
    const folder = environment.CA_BUNDLE_VOLUME_MOUNT_POINT ?? KSERVE_MOUNT_POINT;
    certificates.push(
      ...await readBundle(`${folder}/${KSERVE_BUNDLE_NAME}`, "CA_BUNDLE_CONFIGMAP_NAME"),
    );
  }
  for (const path of flags.tlsCert) certificates.push(...await readBundle(path, "--tls-cert"));
  if (environment.SSL_CERT_FILE !== undefined) {
    // It is set on many machines without the file being there, and other programs ignore that.
    certificates.push(
      ...await readBundle(environment.SSL_CERT_FILE, "SSL_CERT_FILE").catch(() => []),
    );
  }
  return [...new Set(certificates)];
}

/**
 * The certificate and the key of this client, as PEM text, where flags or kit's own variables name them.
 *
 * @throws {Failure} `usage` where a file cannot be read
 */
export async function readIdentity(
  { flags, environment }: Pick<Config, "flags" | "environment">,
): Promise<{ cert: string; key: string } | undefined> {
  // Kit lets its variables win over its flags.
  const cert = environment.KITOPS_CLIENT_CERT ?? flags.cert;
  const key = environment.KITOPS_CLIENT_KEY ?? flags.key;
  if (cert === undefined || key === undefined) return undefined;
  try {
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  } catch (error) {
    throw new Failure("usage", `Cannot read the client's certificate: ${messageOf(error)}`, {
      hint: "Give --cert and --key in KIT_UNPACK_FLAGS the paths of PEM files",
      cause: error,
    });
  }
}

/** Flags that make kit trust these certificates, which it takes from files only: one in its private folder. */
export async function trustFlags(
  home: string,
  { config, certificates }: { config: Pick<Config, "flags">; certificates: string[] },
): Promise<string[]> {
  if (certificates.length === 0 || config.flags.plainHttp) return [];
  const path = `${home}/ca.pem`;
  await Deno.writeTextFile(path, certificates.join("\n") + "\n", { mode: 0o600 });
  return [`--tls-cert=${path}`];
}

async function readBundle(path: string, name: string): Promise<string[]> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_BUNDLE_BYTES) throw new Error("it is larger than 8 MiB");
    return parse(await Deno.readTextFile(path), name, path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      "usage",
      `Cannot read the CA bundle "${path}" of ${name}: ${messageOf(error)}`,
      {
        hint: `Give ${name} a readable PEM file`,
        cause: error,
      },
    );
  }
}

function parse(text: string, name: string, path?: string): string[] {
  const certificates = text.match(PEM_REGEXP);
  if (certificates !== null) return certificates;
  const where = path === undefined ? "" : ` in "${path}"`;
  throw new Failure("usage", `Cannot use ${name}: there is no certificate${where}`, {
    hint: "It must be PEM: -----BEGIN CERTIFICATE----- and so on",
  });
}
