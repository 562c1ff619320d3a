import { AWS, AWS_ANSWERS } from "./auth_aws.ts";
import { AZURE, AZURE_ANSWERS } from "./auth_azure.ts";
import { GOOGLE, GOOGLE_ANSWERS } from "./auth_google.ts";
import type { Section } from "./mod.ts";

const CREDENTIALS = "Check the credentials for this host and that they may read the repository";
const TOKEN_SERVER =
  'Look at the token server that "<host>" names, or at what answers in its place';

export const AUTH: Section = {
  outcome: "auth",
  about:
    "The registry, or who gives credentials for it, said no. Credentials that are there but fail are an error; others, or none, are not tried in their place.",
  who: "both",
  retry: "No, unless a clock was wrong or a token was too old: a new pod gets a new token.",
  example: {
    says:
      'Cannot read "registry.example.com/models/iris": the registry wants credentials, and no source has any for "registry.example.com"',
    hint:
      "Set KIT_USER and KIT_PASSWORD, or give a docker config entry or a cloud identity for this host",
    uri: "kit://registry.example.com/models/iris:v1",
    host: "registry.example.com",
    seconds: 0.061,
  },
  groups: [
    {
      title: "The registry refuses",
      about:
        "The log says before that whose credentials were used: `Signing in to …` or `Reading from … without signing in`.",
      entries: [
        {
          says:
            'Cannot read "<host>/<repository>": the registry wants credentials, and no source has any for "<host>"',
          hint:
            "Set KIT_USER and KIT_PASSWORD, or give a docker config entry or a cloud identity for this host",
          cause:
            "Nobody gave credentials for this host. They are compared with the host as the URI has it, port included.",
          remedy:
            "A pod that should have a cloud's identity has none: look at its service account, and at the webhook that adds the variables.",
          test: [
            "transfer/refusal_test.ts",
            "refusal: without credentials it says that no source has any",
          ],
        },
        {
          says: "<what the registry said>, signed in with <source>",
          hint: 'Check <source>: they must be valid for "<host>" and may read "<repository>"',
          cause:
            "The registry knows these credentials and does not let them read this repository, or does not know them.",
          remedy: "Try them by hand: `kit login`, then `kit inspect --remote`.",
          test: [
            "transfer/refusal_test.ts",
            "refusal: with credentials it says where they came from, and not what they are",
          ],
        },
        {
          says: "Cannot <do it>: the registry answered 401 (unauthorized)",
          hint: CREDENTIALS,
          cause: "The registry does not say in which way to sign in, or refused it twice.",
          test: [
            "registry/client_test.ts",
            "client: Basic with a wrong password is sent once, and the second 401 is final",
          ],
        },
        {
          says: "Cannot <do it>: the registry answered <status (its words)>",
          hint: CREDENTIALS,
          cause: "401 or 403, with the registry's own words behind it.",
          test: ["registry/status_test.ts", "403"],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint: CREDENTIALS,
          cause: "With direct transfer `kit` signs in itself, and these are its words.",
          test: ["kit_errors_test.ts", "a refused password"],
        },
      ],
    },
    {
      title: "The registry's token server",
      about: "Many registries send to another server for a token first.",
      entries: [
        {
          says: 'Cannot get a token for "<host>": its realm is not an https URL',
          hint: TOKEN_SERVER,
          cause: "The registry names a token server without TLS, which would see the password.",
          remedy: "With a registry by plain HTTP, `--plain-http` in `KIT_UNPACK_FLAGS` allows it.",
          test: ["registry/authorization_test.ts", "plain HTTP where the registry is TLS"],
        },
        {
          says: 'Cannot get a token for "<host>": its realm cannot be used: <reason>',
          hint: TOKEN_SERVER,
          cause:
            "The registry names a server that only this pod or node could reach. None does that.",
          test: ["registry/authorization_test.ts", "a cloud's metadata"],
        },
        {
          says: 'Cannot get a token for "<host>": the token server answered 404 (not found)',
          hint: TOKEN_SERVER,
          cause: "The token server's address in the registry's configuration is wrong.",
          test: ["registry/authorization_test.ts", "404"],
        },
        {
          says: 'Cannot get a token for "<host>": the answer is too long',
          hint: TOKEN_SERVER,
          cause: "It is more than 256 KiB, so it is no token. Often it is a page for people.",
          test: ["registry/authorization_test.ts", "300 KiB"],
        },
        {
          says: 'Cannot get a token for "<host>": the answer has none',
          hint: TOKEN_SERVER,
          cause: "Something else answers there, such as a proxy's page.",
          test: ["registry/authorization_test.ts", "an empty token"],
        },
      ],
    },
    {
      title: "docker config",
      prefix: 'Cannot sign in to "<host>": ',
      about:
        "From `KIT_DOCKER_CONFIG_JSON`, `KSERVE_OCI_DOCKER_CONFIG`, `DOCKER_CONFIG` or `$HOME/.docker`.",
      entries: [
        {
          says: "<source> is not a docker config in JSON",
          hint: "Give it as text: what is there now looks like its base64 form",
          cause: "The Secret's value was encoded once more than needed.",
          remedy: "In a Secret's `stringData` no encoding is needed, and in `data` one.",
          test: ["auth/docker_config_test.ts", "base64 in place of JSON"],
        },
        {
          says: "<source> is not a docker config in JSON",
          hint: 'It must look like {"auths": {"HOST": {"auth": "…"}}}',
          cause: "The text is cut, or something else.",
          remedy:
            "`kubectl create secret docker-registry` makes one, under the key `.dockerconfigjson`.",
          test: ["auth/docker_config_test.ts", "broken JSON"],
        },
        {
          says: "<source> is longer than <n> bytes",
          hint: "Give it the entries of this host alone",
          cause: "It is more than 1 MiB, which no docker config is.",
          test: ["auth/docker_config_test.ts", "a config of 2 MB"],
        },
        {
          says: 'cannot read <setting> ("<file>"): <reason>',
          hint: "Correct <setting>, or unset it",
          cause:
            "The setting names a file, or a folder with one, that is not there or not readable.",
          test: ["auth/docker_config_test.ts", "DOCKER_CONFIG that is not there"],
        },
      ],
    },
    {
      title: "An entry of a docker config",
      prefix: 'Cannot sign in to "<host>": cannot use the entry "<key>" of <source>: ',
      entries: [
        {
          says: 'it needs the credential helper "docker-credential-<name>", which cannot run here',
          hint: 'Put "auth" into the entry, or set KIT_USER and KIT_PASSWORD',
          cause:
            "The file was copied from a machine where `docker login` keeps passwords elsewhere.",
          remedy:
            "For ECR, Google and Azure leave the entry out, and give the pod the cloud's identity.",
          test: ["auth/docker_config_test.ts", "a credHelper for the host"],
        },
        {
          says: 'its "registrytoken" is no token',
          hint: "Give it without spaces and line breaks",
          cause: "Usually a line break at its end came along.",
          test: ["auth/docker_config_test.ts", "registrytoken with a line break"],
        },
        {
          says: 'it has neither "auth" nor "username" and "password"',
          hint: 'Create the Secret anew with "kubectl create secret docker-registry"',
          cause: "The entry is for this host, and has half of what is needed.",
          test: ["auth/docker_config_test.ts", "a username alone"],
        },
        ...([
          ['its "auth" is not base64', "auth that is not base64", "It was given as plain text."],
          ['its "auth" has no colon', "auth without a colon", "The user's name is missing."],
          [
            'its "auth" has no user name',
            "auth without a user",
            "A variable was empty when it was made.",
          ],
          [
            'its "auth" has no password',
            "auth without a password",
            "A variable was empty when it was made.",
          ],
        ] as const).map(([says, test, cause]) => ({
          says,
          hint: '"auth" must be the base64 form of user:password',
          cause,
          test: ["auth/docker_config_test.ts", test] as const,
        })),
      ],
    },
    AWS,
    AWS_ANSWERS,
    GOOGLE,
    GOOGLE_ANSWERS,
    AZURE,
    AZURE_ANSWERS,
  ],
};
