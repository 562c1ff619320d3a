import { canonicalHost, parseRegistryAddress } from "./registry_host.ts";
import type { AuthContext, Credentials, Scope } from "./source.ts";

export const name = "KIT_USER and KIT_PASSWORD";

/** `KIT_USER` and `KIT_PASSWORD`, for `KIT_REGISTRY` and for no other host. */
export function credentialsFor(
  scope: Scope,
  context: AuthContext,
): Promise<Credentials | undefined> {
  const { user, password, registry } = context.config;
  // With hosts to choose from and none named, they are sent to nobody; the configuration says so before.
  const isMine = user !== undefined && password !== undefined && registry !== undefined &&
    parseRegistryAddress(registry).host === canonicalHost(scope.host);
  return Promise.resolve(isMine ? { username: user, password, source: name } : undefined);
}
