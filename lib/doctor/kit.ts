import { Kit } from "../kit.ts";
import { trustFlags } from "../trust.ts";
import { type Context, type Remark, Skip } from "./finding.ts";

/** Any address: it is only read, and nobody is asked. */
const GATEWAY = "--proxy=http://127.0.0.1:1";

/** Whether kit is there, runs, and knows the flags that a run gives it. */
export async function checkKit(_: void, context: Context): Promise<Remark> {
  const { config, home } = context;
  if (home === undefined) return new Skip('"private files" comes first');
  const kit = await createKit(context);
  await kit.quieten();
  const banner = await kit.version();
  const isDirect = config.transfer === "direct" || !config.flags.tlsVerify;
  const trust = await trustOf(context);
  await kit.checkFlags(
    isDirect ? [...config.flags.words, ...trust] : [...config.flags.local, "--plain-http", GATEWAY],
  );
  return `${await whereIs(config.kitBin, config.environment.PATH)}: ${banner}`;
}

/** Kit as a run has it. */
export async function createKit(context: Context): Promise<Kit> {
  const { config, home, log, signal } = context;
  return new Kit({
    bin: config.kitBin,
    home: home?.path ?? "",
    environment: config.environment,
    network: [...config.flags.network, ...await trustOf(context)],
    includeRemote: config.flags.includeRemote,
    stallTimeout: config.stallTimeout,
    log,
    signal,
  });
}

/** Flags that make kit trust our certificates. */
export async function trustOf({ config, home, network }: Context): Promise<string[]> {
  if (home === undefined || network === undefined) return [];
  return await trustFlags(home.path, { config, certificates: network.certificates });
}

async function whereIs(bin: string, path = ""): Promise<string> {
  if (bin.includes("/")) return bin;
  for (const folder of path.split(":")) {
    const info = await Deno.stat(`${folder}/${bin}`).catch(() => undefined);
    if (info?.isFile) return `${folder}/${bin}`;
  }
  return bin;
}
