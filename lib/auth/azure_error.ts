import { Failure, messageOf } from "../errors.ts";
import { redact } from "../redact.ts";
import { type AzureIdentity, describeIdentity } from "./azure_identity.ts";

/** The part of Azure that was asked. */
export type AzureService = "Microsoft Entra" | "the metadata service" | "the registry";

/** What a service answered: `body` is `undefined` when it is no JSON object. */
export interface AzureAnswer {
  service: AzureService;
  status: number;
  body?: Record<string, unknown>;
}

/** Who asks, and for which registry. */
export interface Asker {
  host: string;
  identity: AzureIdentity;
}

const MAX_TEXT = 300;

/** The failure that an answer without a token stands for: `unavailable` when it may pass, else `auth`. */
export function answerFailure(answer: AzureAnswer, asker: Asker): Failure {
  const { service, status } = answer;
  const text = textOf(answer);
  const said = `${service} answered ${status}: ${text ?? FOREIGN_MESSAGE}`;
  return isPassing(answer)
    ? new Failure("unavailable", prefix(asker) + said, {
      hint: service === "the metadata service" ? metadataRemedy(asker) : "Try again later",
      host: asker.host,
    })
    : new Failure("auth", prefix(asker) + said, {
      hint: text === undefined
        ? `Look for what answers in the place of ${service}: a proxy${
          service === "Microsoft Entra" ? ", or AZURE_AUTHORITY_HOST" : ""
        }`
        : remedy(text, answer, asker),
      host: asker.host,
    });
}

/** The failure that no answer stands for. */
export function networkFailure(error: unknown, service: AzureService, asker: Asker): Failure {
  return new Failure(
    "unavailable",
    `${prefix(asker)}cannot reach ${service}: ${redact(messageOf(error)).slice(0, MAX_TEXT)}`,
    {
      hint: service === "the metadata service"
        ? metadataRemedy(asker)
        : `Check the pod's DNS, its way to ${service}, proxy and CA settings`,
      host: asker.host,
    },
  );
}

/** The failure that the file of an identity stands for. */
export function fileFailure(
  problem: string,
  asker: Asker & { identity: Extract<AzureIdentity, { path: string }> },
): Failure {
  const { kind, path } = asker.identity;
  const [name, hint] = kind === "workload"
    ? [
      "AZURE_FEDERATED_TOKEN_FILE",
      "Check the pod's label azure.workload.identity/use and its projected volumes",
    ]
    : [
      "AZURE_CLIENT_CERTIFICATE_PATH",
      "Give a PEM file with the certificate and its RSA key in PKCS #8 form",
    ];
  return new Failure("auth", `${prefix(asker)}${name} "${path}" ${redact(problem)}`, {
    hint,
    host: asker.host,
  });
}

/**
 * Whether the same request may succeed later. The metadata service says 404 and 410 while it is being updated:
 * https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
 */
export function isPassing({ service, status, body }: AzureAnswer): boolean {
  return status === 408 || status === 429 || status >= 500 ||
    (service === "the metadata service" && (status === 404 || status === 410)) ||
    body?.error === "temporarily_unavailable";
}

function prefix({ host, identity }: Asker): string {
  return `Cannot sign in to "${host}": Azure ACR (${describeIdentity(identity)}): `;
}

const FOREIGN_MESSAGE = "an answer that is not in Azure's form";

/** The answer's own words on one line, without the numbers that only Microsoft can look up. */
function textOf({ body }: AzureAnswer): string | undefined {
  const { error, error_description, errors } = body ?? {};
  if (typeof error === "string") {
    const text = typeof error_description === "string" ? error_description : error;
    const [line] = text.trim().split(/[\r\n]| Trace ID:/);
    const [sentence] = /^.*?[.!?](?=\s|$)/.exec(line) ?? [line];
    return shorten(sentence.replace(/\.$/, ""));
  }
  // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
  if (Array.isArray(errors) && errors.length > 0) {
    return shorten(errors.map((error) => `${error?.code}: ${error?.message}`).join("; "));
  }
}

function shorten(text: string): string {
  return redact(text.replaceAll(/\p{Cc}+/gu, " ")).slice(0, MAX_TEXT);
}

function remedy(text: string, { service, status }: AzureAnswer, { identity }: Asker): string {
  if (service === "Microsoft Entra") return entraRemedy(text, identity);
  const who = describeIdentity(identity);
  if (service === "the metadata service") {
    return /multiple/i.test(text)
      ? "Set AZURE_CLIENT_ID to the client id of the identity that is meant"
      : `Assign ${who} to the nodes, or use workload identity`;
  }
  if (status === 404) return "Check the registry's name";
  if (/firewall|IP\b.{0,100}not allowed/i.test(text)) {
    return "Let the registry's firewall accept this cluster, or give it a private endpoint";
  }
  const pull = `Give ${who} the role AcrPull on the registry, in the tenant of the registry`;
  return identity.kind === "managed" && !identity.isAsked
    ? `${pull}, or set AZURE_TOKEN_CREDENTIALS to EnvironmentCredential to read without it`
    : pull;
}

/** https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes */
function entraRemedy(text: string, identity: AzureIdentity): string {
  const code = /AADSTS(\d+)/.exec(text)?.[1] ?? "";
  const setting = "prefix" in identity ? identity.prefix : "AZURE_";
  switch (code) {
    case "7000215":
    case "7000222":
      return `Renew ${setting}CLIENT_SECRET: it is the value of a secret that has not expired, and not its id`;
    case "700016":
      return `Check ${setting}CLIENT_ID, and that ${setting}TENANT_ID is its tenant`;
    case "90002":
    case "900023":
      return `Check ${setting}TENANT_ID, and AZURE_AUTHORITY_HOST where the cloud is not the public one`;
    case "700024":
      return "Set the node's clock, and restart the pod: kubelet should have renewed the token";
    case "500011":
      return "Check AZURE_AUTHORITY_HOST: the registry is in another cloud, or the tenant has no registry";
    case "700027":
      return `Upload the certificate to the application of ${setting}CLIENT_ID`;
  }
  if (/^7002\d/.test(code)) {
    return "Give the identity a federated credential with this cluster's issuer and this pod's service account";
  }
  return `Check ${describeIdentity(identity)}, and the code in Microsoft's list of AADSTS errors`;
}

function metadataRemedy({ identity }: Asker): string {
  const place = "let pods reach 169.254.169.254 without a proxy (NO_PROXY)";
  return "clientId" in identity && identity.clientId !== undefined
    ? `Set AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET too; for a managed identity ${place}`
    : `On a node of Azure ${place}; elsewhere remove AZURE_TOKEN_CREDENTIALS`;
}
