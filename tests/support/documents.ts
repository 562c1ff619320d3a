// The project's pages, and what is in them.
import { ROOT } from "../../tools/program.ts";

/** Paths of the README, CONTRIBUTING and all pages of docs, in this order. */
export async function documents(): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(`${ROOT}/docs`), ({ name }) => name);
  const pages = names.filter((name) => name.endsWith(".md")).sort();
  return ["README.md", "CONTRIBUTING.md", ...pages.map((name) => `docs/${name}`)];
}

/** The contents of all fenced blocks of one language, also of those in lists, without their indent. */
export function snippets(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^( *)```(\w+)\n(.*?)^\1```$/gms)]
    .filter(([, , name]) => name === language)
    .map(([, indent, , body]) => body.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

/** The commands of a shell block, each as a person would type it: a pipeline is one, and comments are none. */
export function commandsOf(snippet: string): string[] {
  return snippet.replaceAll(/\\\n\s*/g, "").replaceAll(/\|\n\s*/g, "| ").split("\n")
    .map((line) => line.replace(/(^|\s)#\s.*$/, "").trim())
    .filter((line) => line !== "");
}

/** What GitHub makes of the headings. */
export function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title.toLowerCase().replaceAll(/[^\p{L}\p{N}\s-]/gu, "").trim().replaceAll(" ", "-")
  );
}
