import type { Entry, Group } from "./mod.ts";

const FAILURES = "auth/azure_failure_test.ts";
const ACR = 'Cannot sign in to "<host>": Azure ACR (<identity>): ';
const ANSWERED = `${ACR}<service> answered <status>: <Azure's words>`;
const TRY_METADATA =
  "Set AZURE_FEDERATED_TOKEN_FILE or AZURE_CLIENT_SECRET too; for a managed identity let pods reach 169.254.169.254 without a proxy (NO_PROXY)";
const TRY_NODE =
  "On a node of Azure let pods reach 169.254.169.254 without a proxy (NO_PROXY); elsewhere remove AZURE_TOKEN_CREDENTIALS";

export const AZURE: Group = {
  title: "Azure: before it is asked",
  entries: [
    {
      says:
        'Cannot sign in to "<host>": Azure ACR: <setting> is set, but <other settings> <is> not',
      hint: "Set <other settings>, or remove <setting>",
      cause: "Half of an identity is there.",
      remedy: "A Secret on the service account must have all its keys; KServe passes them on.",
      test: [
        "auth/azure_identity_test.ts",
        "AZURE_CLIENT_SECRET is set, but AZURE_TENANT_ID is not",
      ],
    },
    {
      says:
        'Cannot sign in to "<host>": Azure ACR: <setting> is set, but <other settings> <is> not',
      hint:
        "Give the service account the annotation azure.workload.identity/client-id, or set <other settings>",
      cause: "The webhook gave the pod a token, and does not know for which identity.",
      test: [
        "auth/azure_identity_test.ts",
        "AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not",
      ],
    },
    {
      says: `${ACR}<setting> "<file>" <problem>`,
      hint: "Check the pod's label azure.workload.identity/use and its projected volumes",
      cause: "The token's file is missing or empty: the webhook did not add its volume.",
      test: [FAILURES, "the token file is missing"],
    },
    {
      says: `${ACR}<setting> "<file>" <problem>`,
      hint: "Give a PEM file with the certificate and its RSA key in PKCS #8 form",
      cause: "The certificate's file is missing, or lacks one of the two, or has a password.",
      remedy: "`openssl pkcs8 -topk8 -nocrypt` makes that form.",
      test: [FAILURES, "the certificate is none"],
    },
  ],
};

export const AZURE_ANSWERS: Group = {
  title: "Azure refuses",
  says: ANSWERED,
  about:
    "`<service>` is Microsoft Entra (with a code such as AADSTS700016), the metadata service of the node, or the registry.",
  entries: [
    {
      hint:
        "Give the identity a federated credential with this cluster's issuer and this pod's service account",
      cause: "Entra does not know that this service account may be the identity.",
      remedy: "Its subject is `system:serviceaccount:NAMESPACE:NAME`, letter by letter.",
      test: [FAILURES, "there is no federated credential for the service account"],
    },
    {
      hint: "Set the node's clock, and restart the pod: kubelet should have renewed the token",
      cause: "The service account's token has expired.",
      test: [FAILURES, "the pod's token has expired"],
    },
    {
      hint:
        "Renew <AZURE_ or AZ_>CLIENT_SECRET: it is the value of a secret that has not expired, and not its id",
      cause: "The secret is wrong or has expired.",
      test: [FAILURES, "the secret is wrong"],
    },
    {
      hint: "Check <AZURE_ or AZ_>CLIENT_ID, and that <AZURE_ or AZ_>TENANT_ID is its tenant",
      cause: "There is no such application in that tenant.",
      test: [FAILURES, "the client is unknown"],
    },
    {
      hint:
        "Check <AZURE_ or AZ_>TENANT_ID, and AZURE_AUTHORITY_HOST where the cloud is not the public one",
      cause: "There is no such tenant.",
      test: [FAILURES, "the tenant is unknown"],
    },
    {
      hint:
        "Check AZURE_AUTHORITY_HOST: the registry is in another cloud, or the tenant has no registry",
      cause: "The tenant does not know Azure's registries.",
      test: [FAILURES, "the registry's cloud is another one"],
    },
    {
      hint: "Upload the certificate to the application of <AZURE_ or AZ_>CLIENT_ID",
      cause: "Entra does not know the certificate.",
      test: [FAILURES, "the certificate is unknown"],
    },
    {
      hint: "Check <identity>, and the code in Microsoft's list of AADSTS errors",
      cause: "Entra refused for another reason.",
      test: [FAILURES, "Entra refuses for a reason that is not in our list"],
    },
    {
      hint: "Give <identity> the role AcrPull on the registry, in the tenant of the registry",
      cause: "The identity is known, and may not pull.",
      test: [FAILURES, "the registry does not accept a managed identity that was asked for"],
    },
    {
      hint:
        "Give <identity> the role AcrPull on the registry, in the tenant of the registry, or set AZURE_TOKEN_CREDENTIALS to EnvironmentCredential to read without it",
      cause: "No setting asks for an identity; the node has one, and it may not pull.",
      test: [FAILURES, "the registry does not accept the node's identity, which nobody asked for"],
    },
    {
      hint: "Set AZURE_CLIENT_ID to the client id of the identity that is meant",
      cause: "The node has several identities.",
      test: [FAILURES, "the node has several identities and nobody says which"],
    },
    {
      hint: "Assign <identity> to the nodes, or use workload identity",
      cause: "The node does not have the identity of `AZURE_CLIENT_ID`.",
      test: [FAILURES, "the metadata service does not know the identity that is asked for"],
    },
    {
      hint: "Let the registry's firewall accept this cluster, or give it a private endpoint",
      cause: "The registry takes only some addresses.",
      test: [FAILURES, "the registry's firewall refuses"],
    },
    {
      hint: "Check the registry's name",
      cause: "There is no such registry.",
      test: [FAILURES, "there is no such registry"],
    },
    {
      hint: "Look for what answers in the place of <service>: a proxy<, or AZURE_AUTHORITY_HOST>",
      cause: "The answer is not in Azure's form, such as a proxy's page.",
      test: [FAILURES, "a proxy answers in the place of Entra"],
    },
  ],
};

/** For the section of what cannot be reached. */
export const AZURE_UNREACHABLE: Entry[] = [
  {
    says: ANSWERED,
    hint: "Try again later",
    cause: "Entra or the registry is overloaded. It was asked several times.",
    test: [FAILURES, "Entra is overloaded"],
  },
  {
    says: ANSWERED,
    hint: TRY_METADATA,
    cause:
      "Only `AZURE_CLIENT_ID` is set, so the node is asked for that identity, and its metadata service is not ready.",
    test: [FAILURES, "the metadata service is being updated"],
  },
  {
    says: ANSWERED,
    hint: TRY_NODE,
    cause: "`AZURE_TOKEN_CREDENTIALS` asks for the node's identity, and this is no node of Azure.",
    test: [FAILURES, "the node's identity is asked for by name in another cloud"],
  },
  {
    says: `${ACR}cannot reach <service>: <reason>`,
    hint: TRY_METADATA,
    cause: "The same, and nobody answers.",
    test: [FAILURES, "an identity is asked for where there is no metadata service"],
  },
  {
    says: `${ACR}cannot reach <service>: <reason>`,
    hint: TRY_NODE,
    cause: "The same, and nobody answers.",
    test: [FAILURES, "the node's identity is asked for by name where nobody answers"],
  },
  {
    says: `${ACR}cannot reach <service>: <reason>`,
    hint: "Check the pod's DNS, its way to <service>, proxy and CA settings",
    cause: "Entra or the registry cannot be reached from here.",
    test: [FAILURES, "Entra cannot be reached"],
  },
];
