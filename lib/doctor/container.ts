import { X509Certificate } from "node:crypto";
import { VARIABLES } from "../environment.ts";
import { Failure, messageOf } from "../errors.ts";
import { Network } from "../network.ts";
import { PrivateFolder } from "../private_folder.ts";
import { formatBytes } from "../format_bytes.ts";
import { readRequirement } from "../signature/requirement.ts";
import { readTrust } from "../trust.ts";
import { STAGING_PREFIX } from "../marker.ts";
import { type Check, type Context, type Remark, Skip, Warning } from "./finding.ts";
import { checkKit } from "./kit.ts";

/** What all processes of a run take at their peak, whatever the model's size; the tests of the image measure it. */
const NEEDED_MEMORY = 112 * 1024 * 1024;
/** Where Kubernetes mounts it. */
const TERMINATION_LOG = "/dev/termination-log";
const CGROUP = "/sys/fs/cgroup";

/** What can be known without any registry; each stands for itself. */
export const CONTAINER_CHECKS: Check<void>[] = [
  { name: "configuration", run: checkConfiguration },
  { name: "certificates", run: checkCertificates },
  { name: "signer", run: checkSigner },
  { name: "private files", run: checkPrivateFolder },
  { name: "kit", run: checkKit },
  { name: "termination", run: checkTerminationLog },
  { name: "memory", run: checkMemory },
];

function checkConfiguration(_: void, { config }: Context): Promise<Remark[]> {
  const { environment, mistakes, warnings } = config;
  const names = VARIABLES.map(({ name }) => name).filter((name) => environment[name] !== undefined);
  const remarks: Remark[] = mistakes.map((mistake) =>
    new Failure("usage", `Cannot start a run: ${mistake}`, {
      hint: "Correct it in the ClusterStorageContainer or the InferenceService; --help lists all",
    })
  );
  if (mistakes.length === 0) {
    remarks.push(names.length === 0 ? "nothing is set" : `set: ${names.join(", ")}`);
  }
  return Promise.resolve([...remarks, ...warnings.map((warning) => new Warning(warning))]);
}

async function checkCertificates(_: void, context: Context): Promise<Remark[]> {
  const { config, log, signal } = context;
  context.network = await Network.open({ config, log, signal });
  const { certificates } = context.network;
  const path = config.environment.SSL_CERT_FILE;
  const isMissing = path !== undefined && await Deno.stat(path).then(() => false, () => true);
  const count = certificates.length;
  return [
    count === 0
      ? "the system's alone: KIT_CA_BUNDLE would add others"
      : `the system's and ${count} more, by ${sourcesOf(context).join(", ")}`,
    ...await expiredWarning(context),
    ...isMissing
      ? [new Warning(`SSL_CERT_FILE names "${path}", which cannot be read`, "Correct or unset it")]
      : [],
  ];
}

/** Of certificates that were given for this program: SSL_CERT_FILE is the system's bundle, and some there are always old. */
async function expiredWarning(context: Context): Promise<Warning[]> {
  const { SSL_CERT_FILE: _, ...environment } = context.config.environment;
  const now = context.now();
  const expired = (await readTrust({ ...context.config, environment })).flatMap((pem) => {
    const certificate = certificateOf(pem);
    if (certificate === undefined || !(new Date(certificate.validTo) < now)) return [];
    return [`"${certificate.subject.replaceAll("\n", ", ")}" (${certificate.validTo})`];
  });
  if (expired.length === 0) return [];
  const shown = expired.slice(0, 3).join(", ") + (expired.length > 3 ? " and others" : "");
  const hint = `Replace it in ${sourcesOf(context).join(" or ")}`;
  return [new Warning(`A certificate to trust has expired: ${shown}`, hint)];
}

function sourcesOf({ config: { caBundle, environment, flags } }: Context): string[] {
  return [
    ...caBundle === undefined ? [] : ["KIT_CA_BUNDLE"],
    ...environment.CA_BUNDLE_CONFIGMAP_NAME === undefined ? [] : ["CA_BUNDLE_CONFIGMAP_NAME"],
    ...flags.tlsCert.length === 0 ? [] : ["--tls-cert"],
    ...environment.SSL_CERT_FILE === undefined ? [] : ["SSL_CERT_FILE"],
  ];
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    // What fetch makes of it counts.
  }
}

async function checkSigner(_: void, context: Context): Promise<Remark> {
  const { signature } = context.config;
  if (signature === undefined) return new Skip("KIT_COSIGN_* is not set: any ModelKit is taken");
  context.requirement = await readRequirement(signature);
  const { keys, signer } = context.requirement;
  return signer === undefined
    ? `KIT_COSIGN_KEY has ${keys.length === 1 ? "a key" : `${keys.length} keys`}`
    : `"${signer.identity}" of "${signer.issuer}"`;
}

async function checkPrivateFolder(_: void, context: Context): Promise<Remark> {
  let isElsewhere = false;
  try {
    context.home = await PrivateFolder.create(async () => {
      isElsewhere = true;
      return context.leftover = await substitute(context);
    });
  } catch (error) {
    throw new Failure("destination", `Cannot keep kit's private files: ${messageOf(error)}`, {
      hint: "Let /dev/shm or the destination be writable",
    });
  }
  return isElsewhere
    ? new Warning("/dev/shm cannot be written: a run keeps kit's private files in the destination")
    : "in memory, in /dev/shm";
}

/** In a destination, as a run; where none is there yet, in a folder of the system's. */
async function substitute({ config: { pairs } }: Context): Promise<string> {
  for (const { destination } of pairs) {
    const options = { dir: destination, prefix: STAGING_PREFIX };
    const folder = await Deno.makeTempDir(options).catch(() => undefined);
    if (folder !== undefined) return folder;
  }
  return await Deno.makeTempDir();
}

async function checkTerminationLog(_: void, { config }: Context): Promise<Remark> {
  const named = config.environment.KIT_TERMINATION_LOG;
  const path = named ?? TERMINATION_LOG;
  try {
    // It is written at the end anyway.
    (await Deno.open(path, { write: true, create: named !== undefined })).close();
    return `"${path}" can be written`;
  } catch (error) {
    if (named === undefined && error instanceof Deno.errors.NotFound) {
      return new Skip(`there is no ${path}: this is no container of a pod`);
    }
    return new Warning(
      `Cannot write the termination message to "${path}": ${messageOf(error)}`,
      "Correct KIT_TERMINATION_LOG, or the container's terminationMessagePath",
    );
  }
}

/** The limits of the container: https://docs.kernel.org/admin-guide/cgroup-v2.html, and version 1 where it is older. */
export async function checkMemory(
  _: void,
  __: unknown,
  read = (path: string) => Deno.readTextFile(path),
): Promise<Remark> {
  const number = async (path: string) => Number(await read(`${CGROUP}/${path}`).catch(() => "NaN"));
  const limits = [
    await number("memory.max"),
    await number("memory/memory.limit_in_bytes"),
  ].filter((limit) => limit > 0 && limit < 2 ** 53);
  const [quota, period] = (await read(`${CGROUP}/cpu.max`).catch(() => "")).trim().split(" ");
  const cpu = Number(quota) / Number(period);
  const cpus = Number.isFinite(cpu) ? `, ${cpu} CPU` : "";
  const limit = Math.min(...limits);
  if (!Number.isFinite(limit)) return `no limit${cpus}`;
  if (limit >= NEEDED_MEMORY) return `limit ${formatBytes(limit)}${cpus}`;
  return new Warning(
    `The memory limit is ${formatBytes(limit)}${cpus}, and a run may need ${
      formatBytes(NEEDED_MEMORY)
    }`,
    "Raise resources.limits.memory of the container, or lower KIT_CONNECTIONS",
  );
}
