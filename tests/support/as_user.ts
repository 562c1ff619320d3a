/** No passwd file has it; OpenShift gives numbers like it. */
export const UID = 1_000_650_000;

/** Starts in file systems of its own, changed by a script. */
export function mounting(script: string): string[] {
  return ["unshare", "--mount", "sh", "-ec", `${script}; exec "$@"`, "sh"];
}

/** Words that make a user without a name of who starts the program, with no capability to write anywhere. */
export const AS_USER = [
  // Deno's own files are the tester's, and asking whether one may read them heeds no capability: they are put where
  // everybody may look.
  ...mounting(`if [ -n "$DENO_DIR" ]; then
  mount -t tmpfs -o mode=755 tmpfs /mnt; mkdir /mnt/deno; mount --bind "$DENO_DIR" /mnt/deno
  export DENO_DIR=/mnt/deno
fi`),
  "setpriv",
  `--reuid=${UID}`,
  `--regid=${UID}`,
  "--clear-groups",
  // For the program's and the test's own files, whose folders may be closed to others.
  "--inh-caps=+dac_read_search",
  "--ambient-caps=+dac_read_search",
];
