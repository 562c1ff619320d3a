import { VARIABLES } from "./environment.ts";

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
    .map((name) => ({ name, nearest: nearestOf(name, known) }));
}

/** Whether Kubernetes, and not a person, is the author of a variable. */
export function isServiceLink(name: string): boolean {
  return SERVICE_LINK_REGEXP.test(name);
}

function nearestOf(name: string, candidates: string[]): string {
  const distances = candidates.map((candidate) => ({
    candidate,
    distance: editDistance(name, candidate),
  }));
  return distances.reduce((best, next) => next.distance < best.distance ? next : best).candidate;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(previous[column] + 1, current[column - 1] + 1, substitution));
    }
    previous = current;
  }
  return previous[b.length];
}
