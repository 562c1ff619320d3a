import { type Fields, Log } from "../log.ts";

/** A log that is listened to: what a run would warn of is a finding. */
export class HeardLog extends Log {
  #warnings: string[] = [];
  #said = "";

  override info(message: string, fields?: Fields): void {
    this.#said = message;
    super.info(message, fields);
  }

  override warn(message: string, fields?: Fields): void {
    this.#warnings.push(message);
    super.debug(message, fields);
  }

  /** The warnings since the last time. */
  take(): string[] {
    const warnings = this.#warnings;
    this.#warnings = [];
    return warnings;
  }

  /** What was said last that is no warning. */
  get said(): string {
    return this.#said;
  }
}
