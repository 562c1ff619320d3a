import { Failure } from "../errors.ts";
import { Secret } from "../secret.ts";

/** An application that Entra knows, with what proves to be it. */
interface Application {
  clientId: string;
  tenant: string;
  /** What the names of its variables begin with. */
  prefix: "AZURE_" | "AZ_";
}

/** How this program may prove to Azure who it is. */
export type AzureIdentity =
  | Application & { kind: "secret"; secret: Secret }
  | Application & { kind: "certificate" | "workload"; path: string }
  /** `isAsked`: whether a setting means it, or only the machine may have it. */
  | { kind: "managed"; clientId?: string; tenant?: string; isAsked: boolean };

type Environment = Readonly<Record<string, string>>;

/**
 * The identity that the environment names, in the order of Azure's default chain:
 * https://learn.microsoft.com/en-us/azure/developer/javascript/sdk/authentication/credential-chains
 *
 * 1. a service principal, with a secret or a certificate
 * 2. workload identity: the token of the pod's service account
 * 3. managed identity, of AZURE_CLIENT_ID or of the node
 *
 * AZURE_TOKEN_CREDENTIALS limits it to one of them.
 *
 * @returns `undefined` when none may be used
 * @throws {Failure} `auth` when half of one is there, `usage` when a setting cannot be understood
 */
export function findAzureIdentity(
  host: string,
  environment: Environment,
): AzureIdentity | undefined {
  const { AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_CERTIFICATE_PATH } = environment;
  const kind = onlyKind(environment);
  const isAllowed = (name: Kind) => kind === undefined || kind === name;
  const prefix = prefixOf(environment);
  const [clientId, tenant, secret] = NAMES.map((name) => environment[prefix + name]);
  const application = (proof: string): Application => {
    if (clientId === undefined || tenant === undefined) {
      const missing = NAMES.slice(0, 2).map((name) => prefix + name).filter((name) =>
        environment[name] === undefined
      );
      throw halfFailure(host, proof, missing);
    }
    if (!TENANT_REGEXP.test(tenant)) {
      throw new Failure("usage", `Cannot use ${prefix}TENANT_ID "${tenant}": it is not a tenant`, {
        hint: "Give the tenant's id, such as 00000000-0000-0000-0000-000000000000, or its domain",
      });
    }
    return { clientId, tenant, prefix };
  };

  if (isAllowed("EnvironmentCredential") && secret !== undefined) {
    return {
      kind: "secret",
      ...application(`${prefix}CLIENT_SECRET`),
      secret: new Secret(secret),
    };
  }
  if (isAllowed("EnvironmentCredential") && AZURE_CLIENT_CERTIFICATE_PATH !== undefined) {
    const path = AZURE_CLIENT_CERTIFICATE_PATH;
    return { kind: "certificate", ...application("AZURE_CLIENT_CERTIFICATE_PATH"), path };
  }
  if (isAllowed("WorkloadIdentityCredential") && AZURE_FEDERATED_TOKEN_FILE !== undefined) {
    const path = AZURE_FEDERATED_TOKEN_FILE;
    return { kind: "workload", ...application("AZURE_FEDERATED_TOKEN_FILE"), path };
  }
  if (!isAllowed("ManagedIdentityCredential")) {
    if (clientId === undefined) return undefined;
    const missing = kind === "WorkloadIdentityCredential"
      ? "AZURE_FEDERATED_TOKEN_FILE"
      : `${prefix}CLIENT_SECRET`;
    throw halfFailure(host, `${prefix}CLIENT_ID`, [missing]);
  }
  // KServe adds the tenant of a storage account's access token, which is no identity.
  if (clientId === undefined && tenant !== undefined && !environment.AZURE_ACCESS_TOKEN) {
    throw halfFailure(host, `${prefix}TENANT_ID`, [`${prefix}CLIENT_ID`]);
  }
  return { kind: "managed", clientId, tenant, isAsked: (clientId ?? kind) !== undefined };
}

/** Names an identity in messages. */
export function describeIdentity(identity: AzureIdentity): string {
  switch (identity.kind) {
    case "secret":
      return `the service principal "${identity.clientId}" with ${identity.prefix}CLIENT_SECRET`;
    case "certificate":
      return `the service principal "${identity.clientId}" with AZURE_CLIENT_CERTIFICATE_PATH`;
    case "workload":
      return `the workload identity "${identity.clientId}"`;
    case "managed":
      return identity.clientId === undefined
        ? "the managed identity of the node"
        : `the managed identity "${identity.clientId}"`;
  }
}

const KINDS = [
  "EnvironmentCredential",
  "WorkloadIdentityCredential",
  "ManagedIdentityCredential",
] as const;
type Kind = typeof KINDS[number];

/** https://learn.microsoft.com/en-us/azure/developer/javascript/sdk/authentication/credential-chains */
function onlyKind({ AZURE_TOKEN_CREDENTIALS: value = "prod" }: Environment): Kind | undefined {
  const wanted = value.trim().toLowerCase();
  const kind = KINDS.find((kind) => kind.toLowerCase() === wanted);
  if (kind !== undefined || wanted === "prod") return kind;
  throw new Failure(
    "usage",
    `Cannot use AZURE_TOKEN_CREDENTIALS "${value}": it can be prod, ${KINDS.join(", ")}`,
    { hint: "Correct AZURE_TOKEN_CREDENTIALS, or remove it" },
  );
}

const NAMES = ["CLIENT_ID", "TENANT_ID", "CLIENT_SECRET"];

/**
 * KServe's older names, AZ_*, count only where there is none of Azure's own: halves of two identities are none.
 * https://github.com/kserve/kserve/blob/master/pkg/credentials/azure/azure_secret.go
 */
function prefixOf(environment: Environment): "AZURE_" | "AZ_" {
  const has = (prefix: string) => NAMES.some((name) => environment[prefix + name] !== undefined);
  return has("AZ_") && !has("AZURE_") ? "AZ_" : "AZURE_";
}

/** It becomes a part of a URL's path. */
const TENANT_REGEXP = /^[0-9A-Za-z][0-9A-Za-z.-]*$/;

function halfFailure(host: string, present: string, missing: string[]): Failure {
  const names = missing.join(" and ");
  return new Failure(
    "auth",
    `Cannot sign in to "${host}": Azure ACR: ${present} is set, but ${names} ${
      missing.length === 1 ? "is" : "are"
    } not`,
    {
      hint: present === "AZURE_FEDERATED_TOKEN_FILE"
        ? `Give the service account the annotation azure.workload.identity/client-id, or set ${names}`
        : `Set ${names}, or remove ${present}`,
      host,
    },
  );
}
