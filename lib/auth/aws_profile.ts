import type { AuthContext } from "./source.ts";

/** Settings that say who one is, in contrast to a region or an output format. */
const IDENTITY_REGEXP =
  /^[ \t]*(aws_access_key_id|role_arn|web_identity_token_file|credential_process|login_session|sso_\w+)[ \t]*=/m;

/**
 * The shared file of AWS whose default profile says who one is, for messages. One with a region alone does not.
 * Files that cannot be read are as good as none: nobody asked for them, as far as can be known.
 *
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
 */
export async function findDefaultProfile(
  { config: { environment }, readTextFile }: AuthContext,
): Promise<string | undefined> {
  const { HOME, AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE } = environment;
  const inHome = (name: string) => HOME === undefined ? undefined : `${HOME}/.aws/${name}`;
  const paths = [
    AWS_SHARED_CREDENTIALS_FILE ?? inHome("credentials"),
    AWS_CONFIG_FILE ?? inHome("config"),
  ];
  for (const path of paths) {
    if (path === undefined) continue;
    const text = await readTextFile(path).catch(() => "");
    // What stands between one [ at the beginning of a line and the next.
    const profile = text.split(/^[ \t]*\[/m).find((section) =>
      /^\s*(profile\s+)?default\s*\]/.test(section)
    );
    if (profile !== undefined && IDENTITY_REGEXP.test(profile)) return path;
  }
}
