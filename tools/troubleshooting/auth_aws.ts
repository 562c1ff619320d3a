import type { Entry, Group } from "./mod.ts";

const FAILURES = "auth/ecr_failure_test.ts";
const ECR = 'Cannot sign in to "<host>": AWS ECR: ';
const ANSWERED = `${ECR}<service> answered <status and code>: <AWS's words>`;

export const AWS: Group = {
  title: "AWS: before it is asked",
  prefix: ECR,
  entries: [
    {
      says: "<setting> is set, but <other setting> is not",
      hint: "Set both, or neither; IRSA sets them when the pod is created with the service account",
      cause:
        "Half of an identity is there. With `AWS_ROLE_ARN` alone it was put into the manifest by hand, or the webhook did not see the pod.",
      remedy:
        "Annotate the service account with `eks.amazonaws.com/role-arn`, and start a new pod.",
      test: [FAILURES, "a role without its token file"],
    },
    {
      says: 'AWS_WEB_IDENTITY_TOKEN_FILE "<file>" cannot be read: <reason>',
      hint: "Check the service account's annotation and the pod's projected volumes",
      cause: "The variable is set, and the token's volume is not in this container.",
      test: [FAILURES, "a token file that is missing"],
    },
    {
      says: 'AWS_WEB_IDENTITY_TOKEN_FILE "<file>" is empty',
      hint: "Check the service account's annotation and the pod's projected volumes",
      cause: "The volume is another one, or kubelet could not get a token.",
      test: [FAILURES, "a token file that is empty"],
    },
    {
      says: 'cannot read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE "<file>": <reason>',
      hint: "Check the Pod Identity association and the pod's projected volumes",
      cause: "Pod Identity's variables are there without its volume.",
      test: [FAILURES, "a container token file that is missing"],
    },
    {
      says: "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither HTTPS nor on this host",
      hint: "Correct AWS_CONTAINER_CREDENTIALS_FULL_URI; EKS and ECS set it by themselves",
      cause: "A token would go to a stranger in plain text.",
      test: [FAILURES, "a container endpoint on a stranger's host"],
    },
    {
      says: "<profile>: <reason>",
      hint: "Correct the profile, or give the pod a role or keys",
      cause: "`AWS_PROFILE`, or a file with a default profile, leads to nothing usable.",
      test: [FAILURES, "a profile that leads to nothing"],
    },
  ],
};

export const AWS_ANSWERS: Group = {
  title: "AWS refuses",
  says: ANSWERED,
  about:
    "`<service>` is ECR, ECR Public, STS, the container credentials endpoint (Pod Identity, ECS), or the instance's metadata service (EC2).",
  entries: [
    {
      hint: "Let the trust policy of <role> accept this pod's service account, and check the ARN",
      cause: "STS does not let the service account take on the role, or there is no such role.",
      remedy: "The policy's `sub` must be `system:serviceaccount:NAMESPACE:NAME` of this pod.",
      test: [FAILURES, "STS denies the role"],
    },
    {
      hint:
        "Register the cluster's OIDC provider in the account of <role>, with the audience sts.amazonaws.com",
      cause: "The role's account does not know this cluster, as is usual in a second account.",
      test: [FAILURES, "the account does not know the cluster"],
    },
    {
      hint: 'Restart the pod: the token in "<file>" is too old, kubelet should have renewed it',
      cause: "The service account's token has expired.",
      remedy: "If new pods say so too, the node's clock is wrong.",
      test: [FAILURES, "the token has expired"],
    },
    {
      hint: "Activate STS for the registry's region in the account settings of IAM",
      cause: "STS is asked in the registry's region, and the account has turned it off there.",
      test: [FAILURES, "STS is turned off in the region"],
    },
    {
      hint: "Check the Pod Identity association of this pod's service account, and its role",
      cause: "There is no association for this namespace and service account, or its role is gone.",
      test: [FAILURES, "Pod Identity refuses, in plain text"],
    },
    {
      hint: "Check the instance profile of the node, or give the pod a role of its own",
      cause: "The pod has no identity of its own, and the node's cannot be used.",
      test: [FAILURES, "the instance cannot assume its role"],
    },
    {
      hint: "Allow the action ecr:GetAuthorizationToken to <identity>",
      cause: "The role was taken on, and may not ask ECR for a token.",
      remedy:
        "It also needs `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` for the repository; AWS's policy AmazonEC2ContainerRegistryReadOnly has them all.",
      test: [FAILURES, "ECR denies the role of the container"],
    },
    {
      hint:
        "Allow the actions ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken to <identity>",
      cause:
        "The same for `public.ecr.aws`. It is a warning only: the registry is then read without signing in.",
      test: [
        "auth/ecr_test.ts",
        "the public registry: an identity that fails is a warning with a remedy, and no error",
      ],
    },
    {
      hint: "Renew the credentials of <identity>: they have expired",
      cause: "They are temporary keys with `AWS_SESSION_TOKEN`, which nobody renews.",
      remedy: "Give the pod a role: IRSA or Pod Identity.",
      test: [FAILURES, "the session of the key has expired"],
    },
    {
      hint: "Check <identity> and the secret that goes with it: AWS does not know them",
      cause: "The key was deleted, or belongs to an S3 store that is not AWS.",
      test: [FAILURES, "the secret does not fit the key"],
    },
    {
      hint: "Set the node's clock: AWS refuses requests whose time is off by more than 5 minutes",
      cause: "The time of the node is wrong.",
      test: [FAILURES, "the clock is wrong"],
    },
    {
      hint: "Look for what answers in the place of AWS: a proxy, or AWS_ENDPOINT_URL*",
      cause: "The answer is not in AWS's form, such as a proxy's page.",
      remedy: "Add `.amazonaws.com` to `NO_PROXY` where AWS can be reached without a proxy.",
      test: [FAILURES, "STS answers with a page that is not AWS's"],
    },
    {
      hint: "Look at what AWS answered, and check <identity>",
      cause: "AWS refused for a reason that is none of the above.",
      test: [FAILURES, "ECR gives no token"],
    },
  ],
};

/** For the section of what cannot be reached. */
export const AWS_UNREACHABLE: Entry[] = [
  {
    says: ANSWERED,
    hint: "Try again later",
    cause: "AWS is overloaded, or throttles. It was asked several times.",
    test: [FAILURES, "STS is down"],
  },
  {
    says: `${ECR}cannot reach <service>: <reason>`,
    hint: "Check the pod's DNS, its way to AWS (NAT or VPC endpoint), proxy and CA settings",
    cause: "A cluster without a way out needs VPC endpoints for STS, ECR's API and its registry.",
    test: [FAILURES, "nobody listens at ECR"],
  },
  {
    says: `${ECR}cannot reach <service>: <reason>`,
    hint: "Check the Pod Identity agent of the node, and let NO_PROXY have the endpoint's address",
    cause: "Pod Identity's agent does not answer on this node, or a proxy is asked for it.",
    remedy: "`NO_PROXY` needs `169.254.170.23` and `[fd00:ec2::23]`.",
    test: [FAILURES, "nobody listens at the container endpoint"],
  },
  {
    says: `${ECR}cannot reach <service>: <reason>`,
    hint:
      "Give the pod a role of its own (IRSA, Pod Identity), or let NO_PROXY have 169.254.169.254",
    cause: "The EC2 instance's metadata service answered once, and then no more.",
    test: [FAILURES, "the instance's metadata service does not answer any more"],
  },
];
