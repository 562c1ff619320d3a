import { createPrivateKey } from "node:crypto";
import {
  type AuthClient,
  AwsClient,
  type BaseExternalAccountClient,
  IdentityPoolClient,
  JWT,
  UserRefreshClient,
} from "google-auth-library";
import { messageOf } from "../errors.ts";
import { parseObject } from "../json.ts";
import { Secret } from "../secret.ts";
import type { GoogleFetch } from "./google_fetch.ts";
import type { CredentialFile, ExternalAccount } from "./google_file.ts";
import type { GoogleToken } from "./google_metadata.ts";
import type { AuthContext } from "./source.ts";

// The only file that imports the library: google.ts loads it when a key file must be used.

/**
 * The least that reads from Artifact Registry and Container Registry:
 * https://cloud.google.com/artifact-registry/docs/integrate-compute#required_permissions
 * https://cloud.google.com/container-registry/docs/advanced-authentication
 */
const SCOPE = "https://www.googleapis.com/auth/devstorage.read_only";

/**
 * Exchanges a file of credentials for an access token.
 *
 * @param world `fetch` throws what is no success
 */
export async function requestToken(
  file: CredentialFile,
  world: { fetch: GoogleFetch; context: AuthContext },
): Promise<GoogleToken> {
  const client = clientFor(file, world);
  const { token } = await client.getAccessToken();
  return {
    password: new Secret(token!),
    expiresAt: client.credentials.expiry_date ?? undefined,
  };
}

function clientFor(
  file: CredentialFile,
  { fetch, context }: { fetch: GoogleFetch; context: AuthContext },
): AuthClient {
  const shared = {
    transporterOptions: {
      fetchImplementation: fetch as typeof globalThis.fetch,
      // Our fetch repeats by itself, and knows the run's signal.
      retryConfig: { retry: 0 },
      // With one of its own it would go by HTTPS_PROXY, which our fetch does already.
      agent: true as never,
    },
    // It would log tokens when GOOGLE_SDK_NODE_LOGGING is set.
    useAuthRequestParameters: false,
  };
  switch (file.type) {
    case "service_account":
      checkKey(file.private_key);
      return new JWT({
        ...shared,
        email: file.client_email,
        key: file.private_key,
        scopes: [SCOPE],
      });
    case "authorized_user":
      return new UserRefreshClient({
        ...shared,
        clientId: file.client_id,
        clientSecret: file.client_secret,
        refreshToken: file.refresh_token,
      });
    case "external_account":
      return externalClient(file, { ...shared, scopes: [SCOPE] }, { fetch, context });
  }
}

/** The library would say this in OpenSSL's words. */
function checkKey(pem: string): void {
  try {
    createPrivateKey(pem);
  } catch {
    throw new Error("its private_key is not a key in PEM form");
  }
}

function externalClient(
  file: ExternalAccount,
  shared: { scopes: string[] },
  world: { fetch: GoogleFetch; context: AuthContext },
): BaseExternalAccountClient {
  const isAws = file.credential_source.environment_id !== undefined;
  const client = isAws ? new AwsClient({ ...file, ...shared } as never) : new IdentityPoolClient({
    ...file,
    ...shared,
    credential_source: undefined,
    subject_token_supplier: { getSubjectToken: () => subjectToken(file, world) },
  });
  // Its STS client gets a transport of its own otherwise, past our fetch.
  client["stsCredential"]["transporter"] = client.transporter;
  return client;
}

/** The other provider's token, from the file or the address that `credential_source` names. */
async function subjectToken(
  { credential_source: { file, url, headers, format } }: ExternalAccount,
  { fetch, context }: { fetch: GoogleFetch; context: AuthContext },
): Promise<string> {
  const text = file === undefined
    ? await (await fetch(url!, { headers })).text()
    : await context.readTextFile(file).catch((error: unknown) => {
      throw new Error(`cannot read credential_source.file "${file}": ${messageOf(error)}`);
    });
  const value = format?.type === "json"
    ? parseObject(text)?.[format.subject_token_field_name!]
    : text;
  const token = typeof value === "string" ? value.trim() : "";
  if (token === "") {
    throw new Error(
      `no token in credential_source.${file === undefined ? "url" : `file "${file}"`}`,
    );
  }
  return token;
}
