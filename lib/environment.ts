/** One environment variable that this program understands. */
export interface Variable {
  name: string;
  /** What it means, as `--help` and the README's table say it. */
  about: string;
  /** The value that counts when it is absent or empty. */
  standard?: string;
}

/** A group of related variables, under one heading in `--help` and in the README. */
export interface VariableGroup {
  title: string;
  variables: Variable[];
}

/**
 * Every environment variable that this program reads: the only source of parsing, `--help` and the README's
 * table. A variable with an empty value counts as absent, since an empty `value:` in a manifest arrives so.
 */
export const ENVIRONMENT: VariableGroup[] = [
  {
    title: "Unpacking",
    variables: [
      {
        name: "KIT_UNPACK_FLAGS",
        about:
          "More flags for `kit unpack`, split into words as a POSIX shell does, never expanded. " +
          "`-d/--dir` and `--config` are refused; the network flags (`--plain-http`, `--tls-verify`, " +
          "`--tls-cert`, `--cert`, `--key`, `--proxy`, `--concurrency`) count for the login too",
      },
      {
        name: "KIT_TRANSFER",
        about:
          "How layers are fetched. `verified`: on several connections, each layer compared with its digest before " +
          "anything is visible. `direct`: by kit itself, without verification of layers",
        standard: "verified",
      },
      { name: "KIT_BIN", about: "Path of the kit executable", standard: "kit on PATH" },
    ],
  },
  {
    title: "Sign-in",
    variables: [
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
        about:
          "Not needed: the location is the registry host's, and a different one here is a warning",
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
    ],
  },
  {
    title: "Signatures",
    variables: [
      {
        name: "KIT_COSIGN_KEY",
        about:
          "ModelKits must be signed with this key's private half: public key as PEM text, or the path of a PEM file; " +
          "with several keys in it any of them counts",
      },
      {
        name: "KIT_COSIGN_IDENTITY",
        about:
          "ModelKits must be signed, without a key, by whom this names in the certificate: an e-mail address, a URI, or " +
          "a regular expression between slashes that matches all of it. Needs KIT_COSIGN_ISSUER",
      },
      {
        name: "KIT_COSIGN_ISSUER",
        about: "The OpenID Connect issuer that vouched for KIT_COSIGN_IDENTITY, such as " +
          "`https://token.actions.githubusercontent.com`",
      },
      {
        name: "KIT_COSIGN_TRUSTED_ROOT",
        about:
          "The authorities and logs to trust: `trusted_root.json` as text, or its path. Beside KIT_COSIGN_KEY it asks " +
          "for an entry in the transparency log, too",
        standard: "Sigstore's public ones",
      },
    ],
  },
  {
    title: "Network",
    variables: [
      {
        name: "KIT_CA_BUNDLE",
        about: "Certificates to trust beside the system's: PEM text or the path of a PEM file",
      },
      {
        name: "SSL_CERT_FILE",
        about: "Path of a PEM file to trust beside the system's certificates",
      },
      {
        name: "CA_BUNDLE_CONFIGMAP_NAME",
        about: "Set by KServe: trust `cabundle.crt` below CA_BUNDLE_VOLUME_MOUNT_POINT",
      },
      {
        name: "CA_BUNDLE_VOLUME_MOUNT_POINT",
        about: "Set by KServe: the folder where its CA bundle is mounted",
        standard: "/etc/ssl/custom-certs",
      },
      { name: "HTTP_PROXY", about: "Proxy for plain HTTP" },
      { name: "HTTPS_PROXY", about: "Proxy for HTTPS" },
      { name: "NO_PROXY", about: "Hosts that are reached without a proxy" },
      {
        name: "KIT_MIRRORS",
        about:
          "Registries that are asked first for what another one has, as `HOST=URL` with spaces between: " +
          "`ghcr.io=https://mirror.example.com/ghcr`. With verified transfer only",
      },
      {
        name: "KIT_CONNECTIONS",
        about: "Most parallel connections to a registry, from 1 to 64",
        standard: "8",
      },
      {
        name: "KIT_RETRIES",
        about:
          "Attempts for transient failures, from 1 to 100; waits grow exponentially with full jitter",
        standard: "6",
      },
      {
        name: "KIT_STALL_TIMEOUT",
        about: "No progress for so long is retried, then fails: a duration such as `90s` or `2m`",
        standard: "60s",
      },
      {
        name: "KIT_TIMEOUT",
        about: "Time limit of the whole run: a duration such as `30m`",
        standard: "none",
      },
    ],
  },
  {
    title: "Reporting",
    variables: [
      { name: "KIT_LOG_FORMAT", about: "`text` or `json`", standard: "text" },
      { name: "KIT_LOG_LEVEL", about: "`debug`, `info`, `warn` or `error`", standard: "info" },
      {
        name: "KIT_TERMINATION_LOG",
        about: "File for the termination message, written in place",
        standard: "/dev/termination-log",
      },
    ],
  },
];

/** All variables, without their groups. */
export const VARIABLES: Variable[] = ENVIRONMENT.flatMap((group) => group.variables);
