import type { Variable } from "../variable.ts";

/** What says whose signatures count. */
export const SIGNATURE_VARIABLES: Variable[] = [
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
];
