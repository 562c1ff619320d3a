import type { Section } from "./mod.ts";

const MISTAKE = "Cannot start: ";

export const USAGE: Section = {
  outcome: "usage",
  about:
    "Arguments or settings cannot be what was meant. Nothing was touched: all mistakes are looked for before that, and told at once, with `;` between them.",
  who: "both",
  retry: "No: it ends in the same way until the setting is corrected.",
  example: {
    says:
      'Cannot start (2 mistakes): KIT_TIMEOUT is "soon", and must be a duration such as 90s, 5m or 1h30m; KIT_USER is set, but KIT_PASSWORD is empty or missing',
    hint: "Correct the arguments or the environment; --help lists them",
    seconds: 0.004,
  },
  groups: [
    {
      title: "All of them",
      entries: [{
        says: "Cannot start< (n mistakes)>: <mistake; mistake …>",
        hint: "Correct the arguments or the environment; --help lists them",
        cause: "One or more of the mistakes below.",
        remedy:
          "Settings are the `env` of the container in the `ClusterStorageContainer`; arguments come from `storageUri`.",
        test: ["config_test.ts", "config: all mistakes are told at once"],
      }],
    },
    {
      title: "Arguments",
      prefix: MISTAKE,
      entries: [
        {
          says: "arguments are missing: <uri> <dest> [<uri> <dest> …]",
          cause: "The program was started without arguments.",
          remedy:
            "KServe gives them. If `args` is in the `ClusterStorageContainer`, take it out: it replaces them.",
          test: ["config_test.ts", "no arguments"],
        },
        {
          says: 'the URI "<uri>" has no destination: arguments are <uri> <dest> [<uri> <dest> …]',
          cause: "The number of arguments is odd.",
          remedy: "Give a folder for each URI.",
          test: ["e2e/failure_test.ts", "a URI without a destination"],
        },
        {
          says: 'pair <n> ("<uri>"): the destination is empty or not a path',
          cause: "The folder's name is empty, or has a NUL character in it.",
          remedy: "Give the path of a folder.",
          test: ["config_test.ts", "a destination with a NUL"],
        },
        {
          says: 'there is no option "<option>"',
          cause: "An option is misspelt, or is one of `kit`'s.",
          remedy: "Options of `kit unpack` go into `KIT_UNPACK_FLAGS`.",
          test: ["config_test.ts", "config: all mistakes are told at once"],
        },
        {
          says: 'the destination "<folder>" has no URI before it: doctor [<uri> [<dest>] …]',
          cause: "`doctor` takes a folder only behind a URI.",
          remedy: "Put the URI first.",
          test: ["e2e/doctor_test.ts", "a destination without a URI"],
        },
      ],
    },
    {
      title: "URIs",
      prefix: `${MISTAKE}pair <n>, "<uri>" to "<folder>": `,
      entries: [
        {
          says: 'the scheme is "<scheme>://" and only "kit://" is served here',
          cause:
            "KServe chooses the container by the first URI of `storageUris`, and hands it all of them.",
          remedy: "Put URIs of other kinds into an `InferenceService` of their own.",
          test: ["reference_test.ts", "another scheme"],
        },
        {
          says: "it has no registry host, as in kit://ghcr.io/org/model:tag",
          cause: "What stands before the first slash has no dot and no port, so it is no host.",
          remedy: "Write the registry's host into the URI.",
          test: ["reference_test.ts", "only a host"],
        },
        {
          says: "it holds a user name or a password: set KIT_USER and KIT_PASSWORD instead",
          cause: "There is an `@` before the host. A URI is shown in many places.",
          remedy: "Change that password: it may have been seen. Give the new one as a Secret.",
          test: ["reference_test.ts", "a user in front of the host"],
        },
        {
          says: '"<host>" is not a host with an optional port',
          cause: "A host has letters, digits, dots and hyphens, and a port is a number.",
          remedy: "Correct what stands between `kit://` and the next slash.",
          test: ["reference_test.ts", "a host with a space"],
        },
        {
          says: "only one tag can be unpacked",
          cause: "There is a comma in the URI. `kit` takes lists of tags elsewhere.",
          remedy: "Name one tag.",
          test: ["reference_test.ts", "several tags"],
        },
        {
          says: '"<repository>" is not a repository: lower-case letters, digits, and . _ - between',
          cause: "Registries take only such names; often it is a capital letter.",
          remedy: "Correct what stands between the host and the tag.",
          test: ["reference_test.ts", "no repository"],
        },
        {
          says: '"<digest>" is not a digest such as sha256:<64 hex>',
          cause: "What stands behind the `@` is cut, or is no digest.",
          remedy: "Copy it again, from `kit inspect --remote` or from the registry's page.",
          test: ["reference_test.ts", "a short digest"],
        },
        {
          says: '"<tag>" is not a tag',
          cause: "A tag has letters, digits, `.`, `_` and `-`, at most 128 of them.",
          remedy: "Correct what stands behind the last colon.",
          test: ["reference_test.ts", "an empty tag"],
        },
      ],
    },
    {
      title: "Settings",
      prefix: MISTAKE,
      entries: [
        {
          says: '<setting> is "<value>", and can be <values>',
          cause: "The setting has a few values only, and this is none of them.",
          test: ["config_test.ts", "config: all mistakes are told at once"],
        },
        {
          says: '<setting> is "<value>", and must be a duration such as 90s, 5m or 1h30m',
          cause: "A number without a unit is no duration.",
          test: ["config_test.ts", "config: all mistakes are told at once"],
        },
        {
          says: '<setting> is "<value>", and must be a whole number from 1 to <most>',
          cause: "`KIT_CONNECTIONS` goes to 64, `KIT_RETRIES` to 100.",
          test: ["config_test.ts", "half an attempt"],
        },
        {
          says: "<setting> is set, but <other setting> is empty or missing",
          cause:
            "`KIT_USER` and `KIT_PASSWORD` go together. Often a Secret's key is misspelt in `secretKeyRef`, or the Secret is not in the namespace of the pod.",
          remedy: "Look with `kubectl describe pod` where the value comes from.",
          test: ["config_test.ts", "an empty password"],
        },
        {
          says: "KIT_REGISTRY must say which host KIT_USER is for, since the URIs name <hosts>",
          cause: "A password goes to one host only, and it is not clear to which.",
          remedy:
            "Set `KIT_REGISTRY`. Passwords of several hosts go into `KIT_DOCKER_CONFIG_JSON`.",
          test: ["config_test.ts", "a user and URIs on several hosts"],
        },
        {
          says: 'KIT_EXPECT, "<word>": <reason>',
          cause: "A word of it is no pattern, or leads out of the destination.",
          test: ["expect_test.ts", "/model.onnx"],
        },
        {
          says: "KIT_EXPECT: <reason>",
          cause: "A quote is not finished.",
          test: ["expect_test.ts", "'a"],
        },
        {
          says:
            "KIT_MIRRORS: entry <n> is not HOST=URL, as in ghcr.io=https://mirror.example.com/ghcr",
          cause: "What stands before the `=` is no host, or there is no `=`.",
          remedy: "Separate entries by blanks. Leave `https://` out before the `=`.",
          test: ["mirrors_test.ts", "no host"],
        },
        {
          says:
            'KIT_MIRRORS: the mirror of "<host>" must be an http or https URL without user, query and fragment',
          cause: "What stands behind the `=` is no such URL.",
          remedy:
            "Passwords for a mirror come from where others do, by the mirror's host: `KIT_DOCKER_CONFIG_JSON`.",
          test: ["mirrors_test.ts", "a password"],
        },
      ],
    },
    {
      title: "KIT_UNPACK_FLAGS",
      prefix: `${MISTAKE}KIT_UNPACK_FLAGS: `,
      entries: [
        {
          says: '"<word>" is not a flag: the reference is an argument',
          cause: "There is a word without a hyphen, which `kit` would take for a reference.",
          remedy: "Take it out. A value with blanks in it needs quotes.",
          test: ["unpack_flags_test.ts", "ghcr.io/other/model"],
        },
        {
          says: "--<flag> is not allowed: <reason>",
          cause: "`-d`, `--config` and `--help` would make `kit` do something else.",
          remedy: "Take it out.",
          test: ["unpack_flags_test.ts", "-d /x"],
        },
        {
          says: "<flag> needs a value",
          cause: "The last flag stands alone.",
          test: ["unpack_flags_test.ts", "--filter"],
        },
        {
          says: '--<flag> is true or false, not "<value>"',
          cause: "The flag is a switch.",
          test: ["unpack_flags_test.ts", "-o=perhaps"],
        },
        {
          says: "a quote or a backslash at the end is not finished",
          cause: "Quotes and backslashes count as in a shell.",
          remedy: "Look for a single `'` or `\"`.",
          test: ["shell_words_test.ts", "single quote"],
        },
      ],
    },
    {
      title: "Flags that kit refuses",
      says: "Cannot <do it>: <kit's words>",
      entries: [
        {
          hint:
            "Build the image on a kit that has this flag (1.15.0 has them all), or correct KIT_UNPACK_FLAGS",
          cause: "A flag is misspelt, or the image's `kit` is older than the flag.",
          test: ["kit_errors_test.ts", "an unknown flag"],
        },
        {
          hint: "Correct KIT_UNPACK_FLAGS: kit does not take this",
          cause: "A value of a flag is wrong, such as a filter of a kind that there is not.",
          test: ["kit_errors_test.ts", "a bad filter"],
        },
      ],
    },
    {
      title: "Certificates",
      entries: [
        {
          says: 'Cannot read the CA bundle "<file>" of <setting>: <reason>',
          hint: "Give <setting> a readable PEM file",
          cause:
            "The file is not there, or this user may not read it. Of `CA_BUNDLE_CONFIGMAP_NAME` it is `cabundle.crt` in the ConfigMap that KServe mounts.",
          remedy: "`KIT_CA_BUNDLE` also takes the certificates as text, which needs no volume.",
          test: ["trust_test.ts", "is not there"],
        },
        {
          says: "Cannot use <setting>: there is no certificate< in the file>",
          hint: "It must be PEM: -----BEGIN CERTIFICATE----- and so on",
          cause: "It is empty, in another form (DER, PKCS #12), or base64 twice.",
          test: ["trust_test.ts", "holds no certificate"],
        },
        {
          says: "Cannot use the certificates: <reason>",
          hint:
            "Correct the PEM text of KIT_CA_BUNDLE, KServe's CA bundle, SSL_CERT_FILE, or the files of --tls-cert, --cert and --key in KIT_UNPACK_FLAGS",
          cause:
            "What stands between BEGIN and END is damaged, or a key does not fit its certificate.",
          test: ["http_test.ts", "a text that is no certificate is a usage failure"],
        },
        {
          says: "Cannot read the client's certificate: <reason>",
          hint: "Give --cert and --key in KIT_UNPACK_FLAGS the paths of PEM files",
          cause: "One of the two files is not there, or this user may not read it.",
          remedy: "`KITOPS_CLIENT_CERT` and `KITOPS_CLIENT_KEY` name them, too, and win.",
          test: [
            "trust_test.ts",
            "trust: a client's certificate that is not there is a usage failure that names the flags",
          ],
        },
      ],
    },
    {
      title: "Signatures",
      prefix: MISTAKE,
      entries: [
        {
          says: "there is no setting <name>: it can be <names>",
          cause: "A name that begins with `KIT_COSIGN_` is misspelt, and the check would be lost.",
          test: ["signature/settings_test.ts", "a name that is misspelt"],
        },
        {
          says: "KIT_COSIGN_KEY is set beside KIT_COSIGN_IDENTITY or KIT_COSIGN_ISSUER: choose",
          cause: "A signature is made with a key, or without one for an identity.",
          test: ["signature/settings_test.ts", "a key and a signer"],
        },
        {
          says: "KIT_COSIGN_IDENTITY and KIT_COSIGN_ISSUER must be set together",
          cause: "Anybody may be called what the identity says, with another issuer.",
          test: ["signature/settings_test.ts", "an identity alone"],
        },
        {
          says: "<settings> needs KIT_COSIGN_KEY, or KIT_COSIGN_IDENTITY and KIT_COSIGN_ISSUER",
          cause: "A trusted root alone does not say whose signature counts.",
          test: ["signature/settings_test.ts", "a trusted root alone"],
        },
        {
          says: "<setting> is not a regular expression: <reason>",
          cause: "It stands between slashes, and is then a regular expression of JavaScript.",
          test: ["signature/settings_test.ts", "an expression that is none"],
        },
        {
          says: "<setting> cannot be combined with <setting>: layers are not verified then",
          cause:
            "A signature vouches for digests, and with direct transfer nothing compares the layers with theirs.",
          remedy:
            "Leave out `KIT_TRANSFER=direct` and `--tls-verify=false`; give a private authority in `KIT_CA_BUNDLE`.",
          test: [
            "signature/settings_test.ts",
            "signature settings: with layers that nothing verifies a signature is a mistake",
          ],
        },
      ],
    },
    {
      title: "Keys and trusted roots",
      entries: [
        {
          says: "Cannot use KIT_COSIGN_KEY: key management services are not asked",
          hint: "Export the public key with cosign public-key --key <service>://…",
          cause: "It is the address of a key, such as `awskms://…`.",
          test: ["signature/requirement_test.ts", "a key in a KMS"],
        },
        {
          says: "Cannot use KIT_COSIGN_KEY: it holds a private key",
          hint:
            "Give the public key: cosign writes it to cosign.pub, and private ones do not belong here",
          cause: "It is the wrong one of the pair.",
          remedy: "Make a new pair: this one may have been seen.",
          test: ["signature/requirement_test.ts", "a private key"],
        },
        {
          says: "Cannot use KIT_COSIGN_KEY: there is no public key in it",
          hint: "It must be PEM: -----BEGIN PUBLIC KEY----- and so on",
          cause: "The text is cut, or its line breaks are lost.",
          test: ["signature/requirement_test.ts", "a text that is cut"],
        },
        {
          says: "Cannot read the file of <setting>: <reason>",
          hint: "Give <setting> the text of <a key>, or the path of a readable file with it",
          cause:
            "It is taken for a path, since it is no PEM or JSON text, and no such file is there.",
          test: ["signature/requirement_test.ts", "a file that is not there"],
        },
        {
          says: "Cannot use KIT_COSIGN_TRUSTED_ROOT: it is not JSON",
          hint: "cosign trusted-root create makes one, and sigstore.dev has a trusted_root.json",
          cause: "The file is another one.",
          test: [
            "signature/requirement_test.ts",
            "signature requirement: a trusted root that is not JSON is a mistake",
          ],
        },
        {
          says: "Cannot use <setting>: <reason>",
          hint: "Correct <setting>, or the file that it names",
          cause:
            "The key is of a kind that is not known, or the trusted root lacks what is needed: logs, and without a key authorities, too.",
          test: [
            "signature/verifier_test.ts",
            "signature verifier: a key that is none is a mistake",
          ],
        },
      ],
    },
    {
      title: "Which ModelKit",
      entries: [{
        says: 'Cannot choose from "<reference>": it is an index of several ModelKits',
        hint: "Name one by its digest: <digests>",
        cause: "An OCI index is a list, and more than one thing in it is a ModelKit.",
        remedy: "Write the digest into the URI: `kit://HOST/REPOSITORY@sha256:…`.",
        test: [
          "transfer/resolve_test.ts",
          "resolve: of an index with several ModelKits one must be named",
        ],
      }],
    },
    {
      title: "Settings of the clouds",
      about: "They are looked at when the cloud is asked for a registry of its own.",
      entries: [
        {
          says: 'Cannot use AWS_ECR_REGION "<value>": it is not a region',
          hint: "Give a region such as eu-west-1, or leave it to the registry's host",
          cause: "Often it is a zone, such as `eu-west-1a`, or a host.",
          test: ["auth/ecr_test.ts", "AWS_ECR_REGION"],
        },
        {
          says: "Cannot use the address of AWS <service>: it is not an HTTP URL",
          hint: "Correct AWS_ENDPOINT_URL_<service> or AWS_ENDPOINT_URL",
          cause: "`http://` or `https://` is missing before the host.",
          test: ["auth/ecr_test.ts", "AWS_ENDPOINT_URL_STS"],
        },
        {
          says: 'Cannot use GCE_METADATA_HOST "<value>": it is not a host',
          hint: "Give a host or address, with its port if it has one, or leave it empty",
          cause: "It has blanks or other characters that no host has.",
          test: [
            "auth/google_identity_test.ts",
            "a GCE_METADATA_HOST that is no host is a usage failure",
          ],
        },
        {
          says: 'Cannot use METADATA_SERVER_DETECTION "<value>": it is none of its values',
          hint: "Give assume-present, none, bios-only or ping-only, or leave it empty",
          cause: "It is misspelt.",
          test: [
            "auth/google_identity_test.ts",
            "a word that METADATA_SERVER_DETECTION does not know is a usage failure",
          ],
        },
        {
          says: 'Cannot use <AZURE_ or AZ_>TENANT_ID "<value>": it is not a tenant',
          hint: "Give the tenant's id, such as 00000000-0000-0000-0000-000000000000, or its domain",
          cause: "It is a name with blanks, or a URL.",
          test: ["auth/azure_identity_test.ts", "a tenant that is a path"],
        },
        {
          says: 'Cannot use AZURE_TOKEN_CREDENTIALS "<value>": it can be prod, <values>',
          hint: "Correct AZURE_TOKEN_CREDENTIALS, or remove it",
          cause: "Azure's own libraries know more values, for people who sign in by hand.",
          test: ["auth/azure_identity_test.ts", "AzureCliCredential"],
        },
        {
          says: 'Cannot use AZURE_AUTHORITY_HOST "<value>": it is not an https URL',
          hint:
            "Give the address of Microsoft Entra in your cloud, such as https://login.microsoftonline.us",
          cause: "`https://` is missing, or there is a query behind it.",
          test: [
            "auth/azure_failure_test.ts",
            'Cannot use AZURE_AUTHORITY_HOST "http://login.example": it is not an https URL',
          ],
        },
        {
          says: 'Cannot use AZURE_POD_IDENTITY_AUTHORITY_HOST "<value>": it is not an HTTP URL',
          hint: "Correct AZURE_POD_IDENTITY_AUTHORITY_HOST, or remove it",
          cause: "`http://` is missing.",
          test: [
            "auth/azure_failure_test.ts",
            'Cannot use AZURE_POD_IDENTITY_AUTHORITY_HOST "169.254.169.254": it is not an HTTP URL',
          ],
        },
      ],
    },
  ],
};
