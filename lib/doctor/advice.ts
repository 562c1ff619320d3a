import { parseEcrHost } from "../auth/ecr_host.ts";
import { Failure } from "../errors.ts";
import { parseObject } from "../json.ts";
import type { Context } from "./finding.ts";
import type { Visit } from "./visit.ts";

/** Files with a token of the pod for a cloud, by the variable that names them. */
const TOKEN_FILES = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE"];

/**
 * A failed sign-in, with what a cloud or a registry cannot know in front of what it says to do: settings that contradict
 * each other, a token that is too old, a wrong clock.
 */
export async function withAdvice(
  failure: Failure,
  visit: Visit,
  context: Context,
): Promise<Failure> {
  const advice = [
    clockAdvice(context),
    regionAdvice(visit, context),
    ownerAdvice(visit, context),
    ...await Promise.all(TOKEN_FILES.map((name) => tokenAdvice(name, failure, context))),
  ].filter((sentence) => sentence !== undefined);
  if (advice.length === 0) return failure;
  const { outcome, message, hint, host, transient } = failure;
  const hints = hint === undefined ? advice : [...advice, hint];
  return new Failure(outcome, message, { hint: hints.join(". "), host, transient, cause: failure });
}

function clockAdvice({ skew }: Context): string | undefined {
  if (skew !== undefined) return "Set the node's clock first, since a wrong one spoils every token";
}

function regionAdvice({ pair }: Visit, { config }: Context): string | undefined {
  const { AWS_ECR_REGION: region } = config.environment;
  const registry = parseEcrHost(pair.reference.host);
  if (region === undefined || registry === undefined || registry.region === region) return;
  return `Unset AWS_ECR_REGION: it is "${region}", and the registry is in "${registry.region}"`;
}

/** A password that is for somebody else. */
function ownerAdvice({ credentials, pair }: Visit, { config }: Context): string | undefined {
  const { user, registry } = config;
  const { host } = pair.reference;
  if (user === undefined || credentials !== undefined || registry === host) return;
  return `Set KIT_REGISTRY to "${host}" if KIT_USER and KIT_PASSWORD are for it: they are for "${
    registry ?? "nobody"
  }"`;
}

/** Of a JSON web token its end and its audience are no secrets. */
async function tokenAdvice(
  name: string,
  { message }: Failure,
  { config, now }: Context,
): Promise<string | undefined> {
  const path = config.environment[name];
  const cloud = name.startsWith("AWS") ? /AWS/ : /Azure/;
  if (path === undefined || !cloud.test(message)) return;
  const payload = (await Deno.readTextFile(path).catch(() => "")).split(".")[1] ?? "";
  const { exp, aud } = parseObject(decode(payload)) ?? {};
  if (typeof exp === "number" && exp * 1000 < now().getTime()) {
    return `Restart the pod: the token in ${name} ("${path}") has expired at ${
      new Date(exp * 1000).toISOString()
    }`;
  }
  if (aud === undefined) return;
  const audiences = [aud].flat().slice(0, 3).map(String).join('", "').slice(0, 200);
  return `Compare the audience of the token in ${name}, "${audiences}", with what the cloud expects`;
}

function decode(base64url: string): string {
  try {
    return atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return "";
  }
}
