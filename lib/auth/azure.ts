import { requestToken } from "./azure_client.ts";
import { describeIdentity, findAzureIdentity } from "./azure_identity.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "Azure ACR";

/** Whether the host is one of Azure's registries. */
export function matches(host: string): boolean {
  return parseAcrHost(host) !== undefined;
}

/**
 * The user name that tells ACR, and with it docker and kit, that the password is a refresh token of ACR's:
 * https://learn.microsoft.com/en-us/azure/container-registry/container-registry-authentication#az-acr-login-with---expose-token
 */
const TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** A refresh token for an ACR host, good for at most three hours, when an Azure identity is present. */
export async function credentialsFor(
  scope: Scope,
  context: AuthContext,
): Promise<Credentials | undefined> {
  const registry = parseAcrHost(scope.host);
  if (registry === undefined) return undefined;
  const identity = findAzureIdentity(scope.host, context.config.environment);
  if (identity === undefined) return undefined;
  const token = await requestToken({ ...registry, host: scope.host, identity }, context);
  if (token === undefined) return undefined;
  return { username: TOKEN_USER, ...token, source: `${name} (${describeIdentity(identity)})` };
}

/** What the name of an ACR registry says. */
export interface AcrRegistry {
  /** The host without a port, as ACR calls the service. */
  service: string;
  /** Where the identities of its cloud sign in, unless AZURE_AUTHORITY_HOST says another place. */
  authority: string;
}

/**
 * `myregistry.azurecr.io` in all clouds, with the hash of a domain name label (`myregistry-abc123.azurecr.io`) and
 * with the region of a geo-replica (`myregistry.eastus.geo.azurecr.io`):
 * https://learn.microsoft.com/en-us/azure/container-registry/container-registry-endpoint-reference
 * https://learn.microsoft.com/en-us/azure/container-registry/container-registry-get-started-azure-cli
 * https://github.com/kubernetes-sigs/cloud-provider-azure/blob/master/pkg/credentialprovider/azure_credentials.go
 *
 * Anchored at both ends. Data endpoints (`….data.azurecr.io`) only take what a registry redirects to them, and
 * azurecr.de was closed with its cloud in 2021.
 */
const ACR_HOST_REGEXP =
  /^(?<service>[a-z0-9]+(?:-[a-z0-9]+)?(?:\.[a-z0-9]+\.geo)?\.azurecr\.(?<cloud>io|cn|us))(?::443)?$/;

/** https://learn.microsoft.com/en-us/entra/identity-platform/authentication-national-cloud, as Azure's SDKs have it. */
const AUTHORITIES: Record<string, string> = {
  io: "https://login.microsoftonline.com",
  cn: "https://login.chinacloudapi.cn",
  us: "https://login.microsoftonline.us",
};

/** What `host` says about the registry, or `undefined` when it is not an ACR registry. */
export function parseAcrHost(host: string): AcrRegistry | undefined {
  const groups = ACR_HOST_REGEXP.exec(host.toLowerCase())?.groups;
  if (groups === undefined) return undefined;
  return { service: groups.service, authority: AUTHORITIES[groups.cloud] };
}
