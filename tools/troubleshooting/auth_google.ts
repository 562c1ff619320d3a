import type { Entry, Group } from "./mod.ts";

const FAILURES = "auth/google_failure_test.ts";
const GOOGLE_SAYS = 'Cannot sign in to "<host>": Google: ';
const ANSWERED = `${GOOGLE_SAYS}<service> answered <status and code>: <Google's words>`;
const AS_MADE = "Put the file there as Google's console or gcloud made it";

export const GOOGLE: Group = {
  title: "Google: the file of credentials",
  prefix: `${GOOGLE_SAYS}<file> `,
  about:
    "It is the one that `GOOGLE_APPLICATION_CREDENTIALS` names, or gcloud's own below the home directory.",
  entries: [
    {
      says: "cannot be read: <reason>",
      hint: "Check the Secret that holds the file, where it is mounted, and who may read it",
      cause: "The variable is set, and the file is not in this container.",
      test: [FAILURES, "a file that is missing"],
    },
    {
      says: "is not a JSON object",
      hint: AS_MADE,
      cause: "It is cut, empty, or encoded in base64.",
      test: [FAILURES, 'a file with ${text || "nothing"} in it'],
    },
    {
      says: 'has the type "<type>"',
      hint: "Give credentials of type <types>",
      cause: "Such a file needs a program that is not in the image, or is for something else.",
      test: [FAILURES, "a file of a type that we do not know"],
    },
    {
      says: "has no type",
      hint: "Give credentials of type <types>",
      cause: "It is the file of an OAuth client, or none of Google's.",
      test: [FAILURES, "a file without a type"],
    },
    {
      says: 'has no "<field>"',
      hint: AS_MADE,
      cause: "Somebody took a part out, or it is empty.",
      test: [FAILURES, "a file without ${field}"],
    },
    {
      says: "names a program to run (credential_source.executable), which is never done here",
      hint: "Let credential_source name a file or a url",
      cause: "The federation was made for a machine with that program.",
      test: [FAILURES, "a federation that names a program"],
    },
    {
      says: "has no credential_source that can be used",
      hint: "Let credential_source name a file, a url or an environment_id",
      cause: "It does not say where the other provider's token is.",
      test: [
        FAILURES,
        "a federation with the credential_source ${JSON.stringify(credential_source)}",
      ],
    },
    {
      says: 'has the format "json" without subject_token_field_name',
      hint: "Add credential_source.format.subject_token_field_name",
      cause: "The token is in a JSON file, and nobody says where in it.",
      test: [FAILURES, "a federation whose format names no field"],
    },
    {
      says: "has a <field> that is not an HTTP URL",
      hint: "Correct <field>",
      cause: "A token would be sent there.",
      test: [FAILURES, "a federation with ${JSON.stringify(changes)}"],
    },
  ],
};

export const GOOGLE_ANSWERS: Group = {
  title: "Google refuses",
  says: ANSWERED,
  about:
    "`<service>` is the metadata server (GKE, Compute Engine), Google's token endpoint, Google's STS (workload identity federation), IAM Credentials (a service account on whose behalf), or the address in `credential_source`.",
  entries: [
    {
      hint:
        "Let the pod's service account act as the one in its annotation iam.gke.io/gcp-service-account: it needs roles/iam.workloadIdentityUser<, or leave it alone>",
      cause: "The Kubernetes service account and Google's are not bound to each other.",
      remedy: "Annotation and role are two halves: both must name the other one.",
      test: [FAILURES, "a pod that may not use the account in its annotation"],
    },
    {
      hint: "Give the node pool a service account<, or leave it alone>",
      cause: "The machine has no service account.",
      test: [FAILURES, "a machine without a service account"],
    },
    {
      hint: "Put a new file in the place of <file>: Google does not accept <account> any more",
      cause: "The key or the account was deleted, or has expired.",
      remedy: "Workload Identity needs no key that can expire.",
      test: [FAILURES, "a key that was deleted"],
    },
    {
      hint: "Set the node's clock, and check that the token of <file> is fresh",
      cause: "Google says that the token is too old, or from the future.",
      test: [FAILURES, "a subject token that has expired"],
    },
    {
      hint: "Let the attribute condition of the pool's provider accept this pod, or correct <file>",
      cause: "The federation's provider has a condition, and this pod does not meet it.",
      test: [FAILURES, "a condition that is not met"],
    },
    {
      hint:
        "Compare audience and subject_token_type in <file> with the pool's provider: its issuer and allowed audiences",
      cause: "The token is for somebody else, or the pool is not there.",
      test: [FAILURES, "a subject token for somebody else"],
    },
    {
      hint:
        "Grant this workload roles/iam.workloadIdentityUser on the account in service_account_impersonation_url, and enable the API; <file> names it",
      cause: "The federation works, and may not act for the service account.",
      remedy: "The API is `iamcredentials.googleapis.com`.",
      test: [FAILURES, "an account that may not be impersonated"],
    },
    {
      hint: "Check service_account_impersonation_url in <file>",
      cause: "There is no such service account.",
      test: [FAILURES, "an account to impersonate that is not there"],
    },
    {
      hint: "Check credential_source in <file>",
      cause: "The address that should give the other provider's token refuses.",
      test: [FAILURES, "a subject token's address that refuses"],
    },
    {
      hint: "Look for what answers in the place of <service>: a proxy (NO_PROXY), or <setting>",
      cause: "The answer is not in Google's form, such as a proxy's page.",
      remedy: "`NO_PROXY` needs `169.254.169.254` and `metadata.google.internal`.",
      test: [FAILURES, "another server in its place"],
    },
    {
      hint: "Look at what Google answered, and check <file>",
      cause: "Google refused for a reason that is none of the above.",
      test: [FAILURES, "a user's client that is unknown"],
    },
    {
      says: `${GOOGLE_SAYS}<account> cannot be used: <reason>`,
      hint: "Check <file> and what it names",
      cause:
        "The key in it is damaged, or the file with the other provider's token is missing, empty, or without its field.",
      test: [FAILURES, "a subject token's file that is missing"],
    },
  ],
};

/** For the section of what cannot be reached. */
export const GOOGLE_UNREACHABLE: Entry[] = [
  {
    says: ANSWERED,
    hint: "Try again later, or check <setting>",
    cause:
      "Google is overloaded, or the metadata server of a new node has not started. It was asked several times.",
    test: [FAILURES, "a metadata server that is starting"],
  },
  {
    says: `${GOOGLE_SAYS}cannot reach <service>: <reason>`,
    hint:
      "Check <server>: network policies, NO_PROXY, and Workload Identity Federation on the node pool<, or leave it alone>",
    cause: "`GCP_WIF` or the machine says that there is a metadata server, and it does not answer.",
    remedy:
      "Outside of Google, or to read in public: `METADATA_SERVER_DETECTION=none`, and no `GCP_WIF`.",
    test: [FAILURES, "no metadata server, though GCP_WIF says that there is one"],
  },
  {
    says: `${GOOGLE_SAYS}cannot reach <service>: <reason>`,
    hint:
      "Check the pod's DNS, its way to Google, and the proxy settings; <file> says to ask there",
    cause: "A cluster without a way out needs Private Google Access, or a proxy.",
    test: [FAILURES, "an answer without an end"],
  },
  {
    says: `${GOOGLE_SAYS}cannot reach <service>: <reason>`,
    hint:
      "Give the CA certificate of what answers there in KIT_CA_BUNDLE; <file> says to ask there",
    cause: "A proxy opens TLS, and its authority is not trusted.",
    test: [FAILURES, "a certificate that nobody trusts is told at once, with KIT_CA_BUNDLE"],
  },
];
