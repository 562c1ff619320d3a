import { VARIABLES } from "./environment.ts";
import { nearest } from "./nearest.ts";

/**
 * What Kubernetes adds for a Service whose name begins with "kit-": not settings, and no reason to warn.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_LINK_REGEXP =
  /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/;

/** The KIT_* names in `environment` that mean nothing, each with the known name that is nearest to it. */
export function unknownVariables(
  environment: Readonly<Record<string, string>>,
): { name: string; nearest: string }[] {
  const known = VARIABLES.map((variable) => variable.name).filter((name) =>
    name.startsWith("KIT_")
  );
  return Object.keys(environment)
    .filter((name) => name.startsWith("KIT_") && !known.includes(name) && !isServiceLink(name))
    .sort()
    .map((name) => ({ name, nearest: nearest(name, known, 1)[0] }));
}

/** Whether Kubernetes, and not a person, is the author of a variable. */
export function isServiceLink(name: string): boolean {
  return SERVICE_LINK_REGEXP.test(name);
}
