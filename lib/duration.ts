const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION_REGEXP = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
/** Longest delay that a timer takes; about 24 days. */
const MAX_MS = 2 ** 31 - 1;

/**
 * A duration in milliseconds from Go's notation (`90s`, `1h30m`, `500ms`) or from a plain number of seconds.
 * `undefined` where the text is neither, where it is zero, or where it is longer than about 24 days.
 */
export function parseDuration(text: string): number | undefined {
  const written = /^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text;
  if (!DURATION_REGEXP.test(written)) return undefined;
  let total = 0;
  for (const [, amount, unit] of written.matchAll(/(?<![\d.])(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * UNIT_MS[unit];
  }
  const ms = Math.round(total);
  return ms >= 1 && ms <= MAX_MS ? ms : undefined;
}

/** A duration as people read it, to about a hundredth: `3.2 s`, `45 s`, `39 min 6 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
