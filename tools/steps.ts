/**
 * Shows one line for a step: its title at once, and the seconds that it took, or that it failed.
 *
 * @returns what `work` answers; its error is passed on.
 */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  write(`${title} … `);
  try {
    const result = await work();
    write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    return result;
  } catch (error) {
    write("failed\n");
    throw error;
  }
}

/** One line without a time. */
export function note(text: string): void {
  write(`${text}\n`);
}

// Standard error: standard output is for results, such as the paths that acquire.ts prints.
function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
