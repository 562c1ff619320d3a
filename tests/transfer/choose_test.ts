import assert from "node:assert/strict";
import { readConfig } from "../../lib/config.ts";
import { type ChoiceOptions, chooseTransfer } from "../../lib/transfer/choose.ts";
import { DirectTransfer } from "../../lib/transfer/direct.ts";
import { VerifiedTransfer } from "../../lib/transfer/verified.ts";
import { recordLog } from "../support/recorded_log.ts";

const ROWS: [name: string, environment: Record<string, string>, warning: RegExp | undefined][] = [
  ["verified without settings", {}, undefined],
  [
    "direct where it is asked for",
    { KIT_TRANSFER: "direct" },
    / KIT_TRANSFER is direct: layers are not verified$/,
  ],
  [
    "direct where the registry is not to be recognized",
    { KIT_UNPACK_FLAGS: "--tls-verify=false" },
    / --tls-verify=false works with direct transfer only/,
  ],
];
for (const [name, environment, warning] of ROWS) {
  Deno.test(`transfer: ${name}`, () => {
    const { log, lines } = recordLog();
    const config = readConfig(["kit://h.io/org/model:v1", "/dest"], environment);
    // Nothing is asked of the others before there is something to transfer.
    const options = { config, log, signal: new AbortController().signal } as ChoiceOptions;
    const transfer = chooseTransfer({} as Parameters<typeof chooseTransfer>[0], [], options);
    const kind = warning === undefined ? VerifiedTransfer : DirectTransfer;
    assert.ok(transfer instanceof kind);
    assert.equal(lines.length, warning === undefined ? 0 : 1);
    if (warning !== undefined) assert.match(lines[0], warning);
  });
}
