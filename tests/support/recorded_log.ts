import { Log, type LogOptions } from "../../lib/log.ts";

/** A log that keeps its lines. The time of all of them is the same. */
export interface RecordedLog {
  log: Log;
  lines: string[];
}

export function recordLog(options: Partial<Omit<LogOptions, "sink">> = {}): RecordedLog {
  const lines: string[] = [];
  const sink = {
    write: (line: string) => void lines.push(line),
    now: () => new Date("2026-01-02T03:04:05.678Z"),
  };
  return { lines, log: new Log({ format: "text", level: "debug", ...options, sink }) };
}
