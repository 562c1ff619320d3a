import { AWS_UNREACHABLE } from "./auth_aws.ts";
import { AZURE_UNREACHABLE } from "./auth_azure.ts";
import { GOOGLE_UNREACHABLE } from "./auth_google.ts";
import type { Section } from "./mod.ts";

const LOOK_AGAIN = "Push the ModelKit again, or look at what stands between here and the registry";
const PUSH_AGAIN = "Push the ModelKit again: what the registry has is damaged";
const NOT_THERE =
  "Check the repository and the tag; some registries say so too when credentials are missing";
const PLAIN_HTTP = "Set KIT_UNPACK_FLAGS to --plain-http if the registry serves plain HTTP";
const IN_FRONT = "Look at the registry or the proxy in front of it";
const REDIRECT = "Look at the registry, or at what answers in its place";

export const NOT_FOUND: Section = {
  outcome: "not found",
  about: "The registry was reached and has nothing of that name.",
  who: "engineer",
  retry: "No, unless somebody pushes it meanwhile.",
  example: {
    says:
      'Cannot find "registry.example.com/models/iris:v2": the registry has no such repository, tag or digest',
    hint: NOT_THERE,
    uri: "kit://registry.example.com/models/iris:v2",
    host: "registry.example.com",
    seconds: 0.027,
  },
  groups: [{
    entries: [{
      says: "Cannot <do it>: the registry has no such repository, tag or digest",
      hint: NOT_THERE,
      cause:
        "The URI is misspelt, the tag was never pushed or was deleted, or the registry hides from strangers what is there.",
      remedy:
        "`kit inspect --remote` with the same name, from a machine that is signed in, tells these apart. If the log says `without signing in`, give credentials first.",
      test: ["e2e/failure_test.ts", "a missing tag"],
    }, {
      says: 'Cannot find <files> in "<reference>": <what it has>',
      hint: "Name another ModelKit, or change KIT_EXPECT or the filters in KIT_UNPACK_FLAGS",
      cause: "The ModelKit is there and lacks files that `KIT_EXPECT` wants, or has them empty.",
      remedy:
        "The message lists what it has: often it is the wrong tag, or a filter leaves them out.",
      test: ["e2e/expect_test.ts", "KIT_EXPECT: the wrong ModelKit fails, and what is there stays"],
    }],
  }],
};

export const UNAVAILABLE: Section = {
  outcome: "unavailable",
  about:
    "There was no answer that could be used, after all attempts that `KIT_RETRIES` allows. What is wrong for good (a certificate, plain HTTP) is not tried again within a run.",
  who: "operator",
  retry:
    "Yes: Kubernetes does it by itself. If it stays, look at the network between the pod and the host.",
  example: {
    says:
      'Cannot find "registry.example.com/models/iris:v1": invalid peer certificate: UnknownIssuer',
    hint: "Give the CA certificate of the registry in KIT_CA_BUNDLE",
    uri: "kit://registry.example.com/models/iris:v1",
    host: "registry.example.com",
    seconds: 0.043,
  },
  groups: [
    {
      title: "Network, DNS and certificates",
      says: "Cannot <do it>: <reason>",
      about: "The reason is that of the system, of TLS, or of `kit`.",
      entries: [
        {
          hint: "Check the host's name and the DNS of the cluster",
          cause: "The name has no address here.",
          remedy: "It may be misspelt, or known only outside of the cluster.",
          test: ["registry/status_test.ts", "an unknown name"],
        },
        {
          hint: "Check the network, the proxy and the port of the registry",
          cause: "Nobody listens there, a connection was cut, or a network policy is in the way.",
          remedy:
            "A host inside of the cluster that goes to the proxy by mistake belongs into `NO_PROXY`.",
          test: ["registry/status_test.ts", "refused"],
        },
        {
          hint: "Give the CA certificate of the registry in KIT_CA_BUNDLE",
          cause: "The registry's certificate is of an authority that nobody here trusts.",
          remedy: "KServe's own CA bundle (`CA_BUNDLE_CONFIGMAP_NAME`) counts, too.",
          test: ["registry/status_test.ts", "an unknown authority"],
        },
        {
          hint: "Renew the certificate, or correct the node's clock, which says <time>",
          cause: "The certificate has expired, or is not valid yet.",
          test: ["registry/status_test.ts", "a certificate that has ended"],
        },
        {
          hint:
            "Give a certificate for this host to the registry, or use the name that it has one for",
          cause: "The certificate is for other names.",
          test: ["registry/status_test.ts", "a certificate for another name"],
        },
        {
          hint: PLAIN_HTTP,
          cause: "`kit` says that there is no TLS.",
          test: ["kit_errors_test.ts", "plain HTTP where TLS is expected"],
        },
        {
          hint: "Try again later, or look at the registry",
          cause: "`kit` says that the registry is overloaded or broken (429 or 5xx).",
          test: ["kit_errors_test.ts", "a broken registry"],
        },
        {
          says: "<reason>, and signatures need one that is not",
          hint: "Give the registry a certificate that an authority signed, or unset KIT_COSIGN_*",
          cause:
            "The registry's certificate is its own authority. Only `kit` itself accepts that, without the check that signatures need.",
          test: [
            "e2e/signature_test.ts",
            "signatures: a certificate that is its own authority leads to no unverified transfer",
          ],
        },
      ],
    },
    {
      title: "What the registry answers",
      entries: [
        {
          says: "Cannot <do it>: the registry answered <status (its words)>",
          hint: "Try again later, or look at the registry",
          cause:
            "429 and 5xx were tried again, and waited for as `Retry-After` says. Other statuses are no answer to such a question.",
          remedy: "With 429, fewer `KIT_CONNECTIONS` or a mirror (`KIT_MIRRORS`) help.",
          test: ["registry/status_test.ts", "503"],
        },
        {
          says: "Cannot <do it>: the registry does not speak TLS",
          hint: PLAIN_HTTP,
          cause: "It answers with plain HTTP, or the port is another server's.",
          test: ["registry/status_test.ts", "plain HTTP where TLS was expected"],
        },
        {
          says: "Cannot <do it>: what answers does not speak HTTP",
          hint: "Check host and port, and leave out --plain-http if the registry speaks TLS",
          cause:
            "`--plain-http` is set, and the registry speaks TLS; or the port is another server's.",
          test: ["registry/status_test.ts", "what is no HTTP"],
        },
        {
          says: "Cannot <do it>: the proxy wants a user and a password",
          hint: "Put them into the proxy's URL, as in HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
          cause: "The proxy answered 407.",
          remedy: "Or let `NO_PROXY` have the registry's host.",
          test: ["registry/status_test.ts", "407"],
        },
        {
          says: "Cannot <do it>: more than 5 redirects",
          hint: IN_FRONT,
          cause: "It sends in a circle.",
          test: ["registry/client_test.ts", "client: five redirects are followed, a sixth is not"],
        },
        {
          says: 'Cannot follow a redirect of "<host>": <reason>',
          hint: REDIRECT,
          cause:
            "It leads from TLS to plain HTTP, or to an address that only this pod or node can reach. That is never followed.",
          test: ["registry/redirect_test.ts", "TLS to plain HTTP"],
        },
        {
          says: 'Cannot follow a redirect of "<host>": it is not a URL',
          hint: REDIRECT,
          cause: "Something in between spoils the header `Location`.",
          test: ["registry/redirect_test.ts", "what is no URL"],
        },
        {
          says: 'Cannot find the blob <digest> of "<host>/<repository>": it has no length',
          hint: IN_FRONT,
          cause: "The registry does not say how long a layer is. Often a proxy took that out.",
          test: ["registry/registries_test.ts", "no length"],
        },
      ],
    },
    { title: "AWS cannot be reached", entries: AWS_UNREACHABLE },
    { title: "Google cannot be reached", entries: GOOGLE_UNREACHABLE },
    { title: "Azure cannot be reached", entries: AZURE_UNREACHABLE },
  ],
};

export const INTEGRITY: Section = {
  outcome: "integrity",
  about:
    "What was sent is not what its digest says, or is not signed as it must be. Nothing of it is visible, and what was in the folder before is still there.",
  who: "engineer",
  retry:
    "No, where the registry itself has it wrong. If it was changed on the way, another start may go well; find out who changes it.",
  example: {
    says: 'Cannot trust "registry.example.com/models/iris@sha256:6f0c…": it is not signed',
    hint: "Sign it with cosign sign and the private key of KIT_COSIGN_KEY",
    uri: "kit://registry.example.com/models/iris:v1",
    host: "registry.example.com",
    seconds: 0.088,
  },
  groups: [
    {
      title: "Layers and manifests",
      entries: [
        {
          says: "Cannot trust the blob <digest>: what the registry sent has <sha256>:<hex>",
          hint: LOOK_AGAIN,
          cause: "A layer has other bytes than were pushed.",
          remedy:
            "Fetch it from another place, too: `kit pull` compares layers with their digests.",
          test: [
            "transfer/downloads_test.ts",
            "has other bytes",
          ],
        },
        {
          says: "Cannot trust the blob <digest>: what the registry sent has another digest",
          hint: LOOK_AGAIN,
          cause: "The same, of the Kitfile or of a signature.",
          test: [
            "registry/registries_test.ts",
            "registries: a Kitfile that ${name} is ${outcome}, after ${tries} attempts",
          ],
        },
        {
          says: "Cannot trust the blob <digest>: it has <n> bytes, and the manifest says <n>",
          hint: LOOK_AGAIN,
          cause: "A layer in the registry is cut, or longer than it should be.",
          test: ["registry/blob_test.ts", "another size in total"],
        },
        {
          says: "Cannot <do it>: it is shorter than the manifest says",
          hint: PUSH_AGAIN,
          cause:
            "The registry has no byte at a place where the manifest says that there is one (416).",
          test: ["registry/status_test.ts", "416"],
        },
        {
          says:
            'Cannot trust the manifest of "<host>/<name>": its digest is <digest>, not <digest>',
          hint: LOOK_AGAIN,
          cause: "The manifest has other bytes than its digest says.",
          test: ["registry/manifest_test.ts", "another digest than asked for"],
        },
        {
          says: 'Cannot trust the manifest of "<host>/<name>": it is longer than 4 MiB',
          hint: LOOK_AGAIN,
          cause: "No manifest is that long.",
          test: ["registry/manifest_test.ts", "more than 4 MiB"],
        },
        {
          says: 'Cannot trust the manifest of "<host>/<name>": <reason>',
          hint: LOOK_AGAIN,
          cause: "It is not a manifest, or a layer in it has no digest or no size.",
          remedy: "Often it is the page of a proxy or of a sign-in that answers with 200.",
          test: ["registry/manifest_test.ts", "schemaVersion 1"],
        },
        {
          says: 'Cannot trust the list of referrers of "<host>/<repository>@<digest>": <reason>',
          hint: LOOK_AGAIN,
          cause: "The registry's list of signatures is not one.",
          test: ["signature/referrers_test.ts", "a page for people"],
        },
        {
          says: 'Cannot trust the list of tags of "<host>/<repository>": it is longer than 1 MiB',
          hint: LOOK_AGAIN,
          cause: "`doctor` only: the registry's list of tags is too long.",
          test: [
            "registry/tags_test.ts",
            "tags: a page without end is refused, and not kept in memory",
          ],
        },
        {
          says: "Cannot trust the manifest: the layer <digest> <has no size>",
          hint: "Push the ModelKit again",
          cause: "With direct transfer: the manifest has a layer of a size that none can have.",
          test: ["modelkit_test.ts", "modelkit: a layer of ${size} bytes is not what was pushed"],
        },
        {
          says: "Cannot read <a Kitfile>: it has <n> bytes, and may have <n>",
          hint: "Look at what was pushed: this is not what its manifest calls it",
          cause: "A Kitfile of more than 32 MiB, or a signature of more than 1 MiB, is none.",
          test: [
            "signature/cosign_tag_test.ts",
            "cosign tag: a payload without an end is not read",
          ],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint: PUSH_AGAIN,
          cause: "`kit` itself found a wrong digest or size.",
          test: ["kit_errors_test.ts", "a damaged manifest"],
        },
      ],
    },
    {
      title: "Signatures",
      entries: [
        {
          says: 'Cannot trust "<ModelKit>": it is not signed',
          hint: "Sign it with cosign sign and the private key of KIT_COSIGN_KEY",
          cause: "The registry has no signature of this digest.",
          remedy:
            "A tag that was pushed again has another digest, and needs another signature. Signatures do not come along when only the ModelKit is copied.",
          test: ["signature/mod_test.ts", "signatures: with a key the hint says how to sign"],
        },
        {
          says: 'Cannot trust "<ModelKit>": it is not signed',
          hint: 'Sign it with cosign sign, as "<identity>"',
          cause: "The same, where signatures are made without a key.",
          test: ["signature/mod_test.ts", "signatures: without a key the hint says who must sign"],
        },
        {
          says: 'Cannot trust "<ModelKit>": no signature counts: <signature: reason; …>',
          hint: "Sign it with the private key of KIT_COSIGN_KEY, or correct KIT_COSIGN_KEY",
          cause:
            "There are signatures, and each has a reason behind its name: made with another key, of another digest, or damaged.",
          test: ["signature/mod_test.ts", "one by another key"],
        },
        {
          says: 'Cannot trust "<ModelKit>": no signature counts: <signature: reason; …>',
          hint:
            'It must be signed by "<identity>" of "<issuer>": sign it so, or correct KIT_COSIGN_IDENTITY, KIT_COSIGN_ISSUER and KIT_COSIGN_TRUSTED_ROOT',
          cause:
            "The reasons say whose the signatures are, or that logs and authorities are not those of the trusted root.",
          test: [
            "signature/mod_test.ts",
            "signatures: without a key the hint says who must sign",
          ],
        },
      ],
    },
  ],
};
