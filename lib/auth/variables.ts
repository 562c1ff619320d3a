import type { Variable } from "../variable.ts";

/** What the sources of credentials read of the environment. */
export const SIGN_IN_VARIABLES: Variable[] = [
  { name: "KIT_USER", about: "User name for the registry" },
  { name: "KIT_PASSWORD", about: "Password or token for the registry" },
  {
    name: "KIT_REGISTRY",
    about:
      "The registry host that KIT_USER and KIT_PASSWORD are for; they are never sent to another. " +
      "Required when the URIs are on several hosts",
    standard: "the URIs' host",
  },
  {
    name: "KIT_DOCKER_CONFIG_JSON",
    about:
      "Contents of a docker `config.json`, such as a `kubernetes.io/dockerconfigjson` Secret holds",
  },
  {
    name: "KSERVE_OCI_DOCKER_CONFIG",
    about: "Path of a docker `config.json`, or of its folder, as KServe projects it",
  },
  {
    name: "DOCKER_CONFIG",
    about: "Path of a docker `config.json`, or of its folder",
    standard: "$HOME/.docker",
  },
  { name: "AWS_ROLE_ARN", about: "Role for ECR by web identity (IRSA)" },
  { name: "AWS_WEB_IDENTITY_TOKEN_FILE", about: "Token file that goes with AWS_ROLE_ARN" },
  {
    name: "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    about: "Credentials for ECR by EKS Pod Identity",
  },
  { name: "AWS_ACCESS_KEY_ID", about: "Static keys for ECR, with AWS_SECRET_ACCESS_KEY" },
  {
    name: "AWS_EC2_METADATA_DISABLED",
    about: "`true`: the role of the EC2 instance is not looked for",
    standard: "false",
  },
  {
    name: "AWS_ECR_REGION",
    about: "Region of the ECR registry",
    standard: "from the registry's host, then AWS_REGION",
  },
  {
    name: "GOOGLE_APPLICATION_CREDENTIALS",
    about:
      "File of credentials for Google's registries: a service account's key, or the configuration of a " +
      "workload identity federation",
  },
  {
    name: "GCP_WIF",
    about:
      "`true`: the pod's service account (Workload Identity on GKE) must be used for Google's registries",
    standard: "used where a metadata server of Google is there",
  },
  {
    name: "GCP_GAR_LOCATION",
    about: "Not needed: the location is the registry host's, and a different one here is a warning",
  },
  {
    name: "GCE_METADATA_HOST",
    about: "Host of Google's metadata server, with its port if it has one",
    standard: "169.254.169.254",
  },
  {
    name: "METADATA_SERVER_DETECTION",
    about:
      "How Google's metadata server is looked for: `assume-present`, `none`, `bios-only` or `ping-only`",
    standard: "the machine's BIOS, then one question of at most a second",
  },
  {
    name: "AZURE_CLIENT_ID",
    about:
      "Application or managed identity for Azure's registries (ACR). AZ_CLIENT_ID, AZ_TENANT_ID and " +
      "AZ_CLIENT_SECRET are read where there are none of Azure's names",
    standard: "the node's managed identity, if it has one",
  },
  { name: "AZURE_TENANT_ID", about: "Tenant of AZURE_CLIENT_ID" },
  {
    name: "AZURE_FEDERATED_TOKEN_FILE",
    about: "Token file for AZURE_CLIENT_ID by workload identity",
  },
  { name: "AZURE_CLIENT_SECRET", about: "Secret of the service principal AZURE_CLIENT_ID" },
  {
    name: "AZURE_CLIENT_CERTIFICATE_PATH",
    about:
      "PEM file with the certificate and the RSA key (PKCS #8) of the service principal AZURE_CLIENT_ID",
  },
  {
    name: "AZURE_AUTHORITY_HOST",
    about: "Address of Microsoft Entra ID in the cloud of AZURE_CLIENT_ID",
    standard: "that of the registry's cloud",
  },
  {
    name: "AZURE_TOKEN_CREDENTIALS",
    about:
      "The one kind of Azure identity to use: `EnvironmentCredential`, `WorkloadIdentityCredential` or " +
      "`ManagedIdentityCredential`",
    standard: "prod: all, in this order",
  },
  {
    name: "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    about: "Address of the metadata service that managed identities are asked for",
    standard: "http://169.254.169.254",
  },
];
