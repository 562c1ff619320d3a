// The chart's values as docs/configuration.md shows them: names, comments and defaults of deploy/values.yaml.
import { ROOT } from "./program.ts";

/** One value that can be set. */
export interface ChartValue {
  /** As `helm --set` takes it, such as "password.secret". */
  name: string;
  about: string;
  standard: string;
}

/** All values, in the file's order. The comment of a value that has others below it goes before theirs. */
export function readChartValues(): ChartValue[] {
  const values: ChartValue[] = [];
  let comment: string[] = [];
  let group = { name: "", about: "" };
  for (const line of Deno.readTextFileSync(`${ROOT}/deploy/values.yaml`).split("\n")) {
    const [, indent, remark, key, standard] = /^( *)(?:# (.*)|(\w+):(?: (.*))?)$/.exec(line) ??
      ["", "", undefined, undefined];
    if (remark !== undefined) comment.push(remark);
    if (key === undefined) continue;
    const about = comment.join(" ");
    comment = [];
    if (indent === "") group = { name: "", about: "" };
    if (standard === undefined) group = { name: `${key}.`, about: about && `${about}. ` };
    else {
      values.push({ name: group.name + key, about: group.about + about, standard });
      // Said once.
      group.about = "";
    }
  }
  return values;
}
