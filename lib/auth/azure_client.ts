import { Failure, messageOf } from "../errors.ts";
import { timeLimit } from "../http.ts";
import { Secret } from "../secret.ts";
import { certificateAssertion } from "./azure_certificate.ts";
import { fileFailure } from "./azure_error.ts";
import type { AzureIdentity } from "./azure_identity.ts";
import { managedToken } from "./azure_metadata.ts";
import { AzureRequests, expiryOf } from "./azure_requests.ts";
import type { AuthContext } from "./source.ts";

// Two documented requests and no SDK: @azure/identity would cost 17 MB of memory, 60 ms and a request more, and its
// managed identity reads the environment by itself and tries for longer than we wait.

/** What is asked of Azure, and on whose behalf. */
export interface TokenRequest {
  /** The registry, for messages. */
  host: string;
  /** The registry's host without a port. */
  service: string;
  /** Where the registry's cloud signs in, unless AZURE_AUTHORITY_HOST says another place. */
  authority: string;
  identity: AzureIdentity;
}

/** What ACR gave. */
export interface Token {
  password: Secret;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** In milliseconds: for the look whether there is a metadata service, for one request, and for all of a sign-in. */
export const LIMITS = { probe: 1_000, request: 10_000, total: 14_000 };
/** ACR's refresh tokens live three hours. */
const MAX_LIFE_MS = 3 * 3600_000;

/**
 * Tokens are asked for ACR, whose name is the same in all clouds: a registry may refuse those for Azure's management.
 * https://learn.microsoft.com/en-us/azure/container-registry/container-registry-disable-authentication-as-arm
 * https://github.com/fluxcd/pkg/blob/main/auth/azure/provider.go
 */
const RESOURCE = "https://containerregistry.azure.net";

/**
 * Signs in to one registry.
 *
 * @param limits only tests give other ones
 * @returns `undefined` when only a managed identity could be meant, and the machine has none
 * @throws {Failure} `auth` when Azure refuses, `unavailable` when it cannot be reached in time
 */
export async function requestToken(
  request: TokenRequest,
  context: AuthContext,
  limits: typeof LIMITS = LIMITS,
): Promise<Token | undefined> {
  using total = timeLimit(limits.total, context.signal);
  const limited = { ...context, signal: total.signal };
  const requests = new AzureRequests(request, limited, limits.request);
  try {
    const { identity } = request;
    const accessToken = identity.kind === "managed"
      ? await managedToken({ identity, resource: RESOURCE, ...limits }, requests, limited)
      : await entraToken({ ...request, identity }, requests, limited);
    return accessToken && await exchange(accessToken, request, requests);
  } catch (error) {
    const failure = error instanceof Failure ? error : total.isOver && requests.lastFailure;
    // What may pass was tried again here already: no caller begins anew, or it would take minutes.
    throw failure ? failure.withTransient(false) : error;
  }
}

type AppIdentity = Exclude<AzureIdentity, { kind: "managed" }>;

/** https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
async function entraToken(
  request: TokenRequest & { identity: AppIdentity },
  requests: AzureRequests,
  context: AuthContext,
): Promise<Secret> {
  const { identity } = request;
  const url = `${authorityOf(request, context)}/${identity.tenant}/oauth2/v2.0/token`;
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: identity.clientId,
    scope: `${RESOURCE}/.default`,
  });
  if (identity.kind === "secret") {
    body.set("client_secret", identity.secret.reveal());
  } else {
    const signed = await assertion({ ...request, identity }, url, context);
    body.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    body.set("client_assertion", signed.reveal());
  }
  const answer = await requests.ask("Microsoft Entra", url, { method: "POST", body });
  return requests.tokenOf(answer, "access_token");
}

/**
 * What the service account's issuer has signed, or what the certificate's key signs. The file is read for each
 * sign-in, since kubelet renews the token.
 */
async function assertion(
  request: TokenRequest & { identity: Extract<AppIdentity, { path: string }> },
  audience: string,
  { readTextFile }: AuthContext,
): Promise<Secret> {
  const { kind, path, clientId } = request.identity;
  let text: string;
  try {
    text = (await readTextFile(path)).trim();
  } catch (error) {
    throw fileFailure(`cannot be read: ${messageOf(error)}`, request);
  }
  if (text === "") throw fileFailure("is empty", request);
  if (kind === "workload") return new Secret(text);
  try {
    return await certificateAssertion(text, { clientId, audience, now: Date.now() });
  } catch (error) {
    throw fileFailure(messageOf(error), request);
  }
}

/**
 * Trades the access token for a refresh token of ACR's. It goes to the registry's own host, whatever a challenge says.
 * https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2exchange-to-get-an-acr-refresh-token
 */
async function exchange(
  accessToken: Secret,
  { service, identity: { tenant } }: TokenRequest,
  requests: AzureRequests,
): Promise<Token> {
  const body = new URLSearchParams({
    grant_type: "access_token",
    service,
    ...(tenant !== undefined && { tenant }),
    access_token: accessToken.reveal(),
  });
  const url = `https://${service}/oauth2/exchange`;
  const answer = await requests.ask("the registry", url, { method: "POST", body });
  const password = requests.tokenOf(answer, "refresh_token");
  return { password, expiresAt: Math.min(expiryOf(password.reveal()), Date.now() + MAX_LIFE_MS) };
}

function authorityOf(
  { authority }: TokenRequest,
  { config: { environment } }: AuthContext,
): string {
  const text = environment.AZURE_AUTHORITY_HOST ?? authority;
  const url = URL.parse(text);
  if (url?.protocol === "https:" && url.search === "") return url.href.replace(/(?<!\/)\/+$/, "");
  throw new Failure("usage", `Cannot use AZURE_AUTHORITY_HOST "${text}": it is not an https URL`, {
    hint:
      "Give the address of Microsoft Entra in your cloud, such as https://login.microsoftonline.us",
  });
}
