// What the program can say when it fails or warns, with the cause and the remedy: the source of docs/troubleshooting.md.
// A test reads lib and compares: each message there is in one of these lists, and nothing else is.
import type { FailureName } from "../../lib/errors.ts";

/** Who can mend it, and what they have at hand. */
export const PEOPLE = {
  engineer: "whoever writes the `InferenceService`: its URI, its service account, its volume",
  operator:
    "whoever runs the platform: the `ClusterStorageContainer`, the network, nodes, registries",
  both: "either side: it depends on the message",
  developers: "whoever develops this program",
  nobody: "nobody needs to: nothing is wrong",
} as const;

/** One message. What is in angle brackets differs from case to case. */
export interface Entry {
  /** What failed, as the program says it; absent: as its group says. */
  says?: string;
  /** What to do, as the program says it behind that. */
  hint?: string;
  /** Why it comes to it. */
  cause: string;
  /** More to do than the hint can say. */
  remedy?: string;
  /** Who sees it: a file below tests, and the name of the test there or of its row in a table. */
  test: readonly [file: string, name: string];
}

/** Entries that belong together. */
export interface Group {
  title?: string;
  /** What they have in common, in a paragraph. */
  about?: string;
  /** What failed, where the entries differ in what is to be done about it. */
  says?: string;
  /** What the program says in front of each: it is put together of both. */
  prefix?: string;
  entries: Entry[];
}

/** What to know about one exit code. */
export interface Section {
  outcome: FailureName;
  /** In a sentence or two, what it means. */
  about: string;
  who: keyof typeof PEOPLE;
  /** Whether to start it again helps, in a sentence. */
  retry: string;
  /** A case of one of the entries, as it would come out. */
  example: { says: string; hint?: string; uri?: string; host?: string; seconds: number };
  groups: Group[];
}
