import { Failure } from "../errors.ts";
import type { Secret } from "../secret.ts";
import type { AzureIdentity } from "./azure_identity.ts";
import type { AzureRequests } from "./azure_requests.ts";
import type { AuthContext } from "./source.ts";

const METADATA_HOST = "http://169.254.169.254";
const SERVICE = "the metadata service";

/** What is asked of the node's metadata service. */
export interface MetadataRequest {
  identity: Extract<AzureIdentity, { kind: "managed" }>;
  /** What the token is for. */
  resource: string;
  /** Milliseconds for the look whether the service is there. */
  probe: number;
}

/**
 * An access token of a managed identity:
 * https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 *
 * @returns `undefined` when nobody asked for one and there is none
 */
export async function managedToken(
  { identity: { clientId, isAsked }, resource, probe }: MetadataRequest,
  requests: AzureRequests,
  context: AuthContext,
): Promise<Secret | undefined> {
  const url = new URL("/metadata/identity/oauth2/token", metadataHost(context));
  if (!isAsked && !await isThere(url.href)) {
    context.log.debug("No managed identity: there is no metadata service of Azure");
    return undefined;
  }
  url.searchParams.set("api-version", "2018-02-01");
  url.searchParams.set("resource", resource);
  if (clientId !== undefined) url.searchParams.set("client_id", clientId);
  const answer = await requests.ask(SERVICE, url.href, { headers: { Metadata: "true" } });
  if (!isAsked && answer.body?.error_description === "Identity not found") {
    context.log.debug("No managed identity: the node has none");
    return undefined;
  }
  return requests.tokenOf(answer, "access_token");

  /**
   * Without its header Azure's service refuses at once, which is how Azure's SDKs look for it too. Other clouds have
   * something else at this address.
   */
  async function isThere(url: string): Promise<boolean> {
    try {
      const { body } = await requests.askOnce(SERVICE, url, {}, probe);
      return typeof body?.error === "string";
    } catch {
      context.signal.throwIfAborted();
      return false;
    }
  }
}

/** Another address is named as for Azure's SDKs. */
function metadataHost({ config: { environment } }: AuthContext): string {
  const text = environment.AZURE_POD_IDENTITY_AUTHORITY_HOST ?? METADATA_HOST;
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? "")) return text;
  throw new Failure(
    "usage",
    `Cannot use AZURE_POD_IDENTITY_AUTHORITY_HOST "${text}": it is not an HTTP URL`,
    { hint: "Correct AZURE_POD_IDENTITY_AUTHORITY_HOST, or remove it" },
  );
}
