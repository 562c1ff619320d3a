import { Failure, messageOf } from "../errors.ts";
import { asObject, parseObject } from "../json.ts";
import { Secret } from "../secret.ts";
import type { AuthContext } from "./source.ts";

/**
 * A file of credentials as Google's tools write it, with the fields that are looked at here:
 * https://cloud.google.com/docs/authentication/application-default-credentials
 */
export type CredentialFile =
  | { type: "service_account"; client_email: string; private_key: string }
  | { type: "authorized_user"; client_id: string; client_secret: string; refresh_token: string }
  | ExternalAccount;

/**
 * Workload identity federation: another identity provider's token is exchanged for Google's.
 * https://google.aip.dev/auth/4117
 */
export interface ExternalAccount {
  type: "external_account";
  audience: string;
  subject_token_type: string;
  token_url: string;
  service_account_impersonation_url?: string;
  credential_source: CredentialSource;
}

/** Where the other provider's token comes from: one of `file`, `url` and `environment_id` (AWS). */
export interface CredentialSource {
  file?: string;
  url?: string;
  headers?: Record<string, string>;
  format?: { type?: string; subject_token_field_name?: string };
  environment_id?: string;
}

/** Fields without which a file is of no use. */
const REQUIRED: Record<CredentialFile["type"], string[]> = {
  service_account: ["client_email", "private_key"],
  authorized_user: ["client_id", "client_secret", "refresh_token"],
  external_account: ["audience", "subject_token_type", "token_url"],
};
const SECRETS = ["private_key", "client_secret", "refresh_token"];
const TYPES = Object.keys(REQUIRED);

/**
 * Reads and checks a file of credentials, and tells the log's redaction its secrets.
 *
 * @param named its path, how messages name it, and the registry that it is for
 * @throws {Failure} `auth`, when it cannot be read or used
 */
export async function readCredentialFile(
  named: { path: string; from: string; host: string },
  { readTextFile }: AuthContext,
): Promise<CredentialFile> {
  const refuse = (problem: string, hint: string, cause?: unknown) =>
    new Failure("auth", `Cannot sign in to "${named.host}": Google: ${named.from} ${problem}`, {
      hint,
      host: named.host,
      cause,
    });
  const text = await readTextFile(named.path).catch((error: unknown) => {
    throw refuse(
      `cannot be read: ${messageOf(error)}`,
      "Check the Secret that holds the file, where it is mounted, and who may read it",
      error,
    );
  });
  const file = parseObject(text);
  if (file === undefined) {
    throw refuse(
      "is not a JSON object",
      "Put the file there as Google's console or gcloud made it",
    );
  }
  const { type } = file;
  if (!isKnownType(type)) {
    const hint = `Give credentials of type ${TYPES.join(", ").replace(/, (?=\w+$)/, " or ")}`;
    throw typeof type === "string"
      ? refuse(`has the type "${type}"`, hint)
      : refuse("has no type", hint);
  }
  for (const name of REQUIRED[type]) {
    if (typeof file[name] === "string" && file[name] !== "") continue;
    throw refuse(`has no "${name}"`, "Put the file there as Google's console or gcloud made it");
  }
  for (const name of SECRETS) if (typeof file[name] === "string") new Secret(file[name]);
  const credentials = file as unknown as CredentialFile;
  if (credentials.type === "external_account") {
    const problem = problemOf(credentials);
    if (problem !== undefined) throw refuse(problem.problem, problem.hint);
  }
  return credentials;
}

/** What is wrong with an external account, and what to do. */
function problemOf(file: ExternalAccount): { problem: string; hint: string } | undefined {
  const source = asObject(file.credential_source);
  if (source?.executable !== undefined) {
    return {
      problem: "names a program to run (credential_source.executable), which is never done here",
      hint: "Let credential_source name a file or a url",
    };
  }
  const kinds = ["file", "url", "environment_id"].filter((name) =>
    typeof source?.[name] === "string"
  );
  if (kinds.length === 0) {
    return {
      problem: "has no credential_source that can be used",
      hint: "Let credential_source name a file, a url or an environment_id",
    };
  }
  const { type, subject_token_field_name } = asObject(source?.format) ?? {};
  if (type === "json" && typeof subject_token_field_name !== "string") {
    return {
      problem: 'has the format "json" without subject_token_field_name',
      hint: "Add credential_source.format.subject_token_field_name",
    };
  }
  // Tokens are sent to these addresses, and what is no URL would fail much later.
  const urls = {
    token_url: file.token_url,
    service_account_impersonation_url: file.service_account_impersonation_url,
    "credential_source.url": source?.url,
  };
  for (const [name, url] of Object.entries(urls)) {
    if (url === undefined) continue;
    const { protocol } = (typeof url === "string" ? URL.parse(url) : null) ?? {};
    if (protocol === "https:" || protocol === "http:") continue;
    return { problem: `has a ${name} that is not an HTTP URL`, hint: `Correct ${name}` };
  }
}

function isKnownType(type: unknown): type is CredentialFile["type"] {
  return TYPES.includes(type as string);
}
