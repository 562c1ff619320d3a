/** One environment variable that this program understands. */
export interface Variable {
  name: string;
  /** What it means, as `--help` and docs/configuration.md say it. */
  about: string;
  /** The value that counts when it is absent or empty. */
  standard?: string;
}

/** A group of related variables, under one heading in `--help` and in docs/configuration.md. */
export interface VariableGroup {
  title: string;
  variables: Variable[];
}
