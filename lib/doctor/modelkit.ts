import { credentialsFor } from "../auth/mod.ts";
import { asFailure } from "../errors.ts";
import { selectLayers, sizeOf } from "../modelkit.ts";
import { formatBytes } from "../format_bytes.ts";
import { Signatures } from "../signature/mod.ts";
import { chooseTransfer } from "../transfer/choose.ts";
import { withAdvice } from "./advice.ts";
import { type Check, type Context, type Remark, Skip, Warning } from "./finding.ts";
import { createKit, trustOf } from "./kit.ts";
import { explainMissing } from "./missing.ts";
import { readStart } from "./sample.ts";
import type { Visit } from "./visit.ts";

/** From the sign-in to the first bytes; each needs the one before. */
export const MODELKIT_CHECKS: Check<Visit>[] = [
  { name: "credentials", run: checkCredentials },
  { name: "manifest", run: checkManifest },
  { name: "signature", run: checkSignature },
  { name: "layers", run: checkLayers },
  { name: "download", run: checkDownload },
];

/** Whether they are accepted shows only in an answer, so the manifest is asked for here. */
async function checkCredentials(visit: Visit, context: Context): Promise<Remark[]> {
  const { pair: { reference }, network } = visit;
  try {
    visit.credentials = await credentialsFor(reference, network.auth);
  } catch (error) {
    throw await withAdvice(asFailure(error), visit, context);
  }
  const warnings = context.log.take().map((warning) => new Warning(warning));
  await resolve(visit, context);
  const { credentials, failure } = visit;
  if (failure?.outcome === "auth") throw await withAdvice(failure, visit, context);
  const isRead = failure === undefined;
  const said = credentials === undefined
    ? `none${isRead ? " needed" : ""}: "${reference.host}" is read without signing in`
    : `${credentials.source}, for "${reference.host}"${isRead ? ": accepted" : ""}`;
  return [said, ...warnings];
}

async function resolve(visit: Visit, context: Context): Promise<void> {
  const { pair: { reference }, network } = visit;
  const { config, log, signal, requirement } = context;
  const { auth, registries } = network;
  const signatures = requirement && new Signatures({ requirement, registries, log, signal });
  visit.signatures = signatures;
  visit.transfer = chooseTransfer(await createKit(context), await trustOf(context), {
    ...{ config, log, signal, auth, registries },
    // Whether the ModelKit itself is signed is a check of its own; its parents are looked at with the layers.
    accept: signatures && (async (asked, manifests) => {
      if (asked === reference) visit.manifests = manifests;
      else await signatures.verify(asked, manifests);
    }),
  });
  try {
    visit.modelkit = await visit.transfer.resolve(reference);
  } catch (error) {
    visit.failure = asFailure(error);
    if (visit.failure.outcome === "bug") throw error;
  }
  visit.warnings = log.take();
}

async function checkManifest(visit: Visit): Promise<Remark[]> {
  const { failure, modelkit, network, pair: { reference }, transfer, warnings = [] } = visit;
  if (failure?.outcome === "not found") throw await explainMissing(failure, visit);
  if (failure !== undefined) throw failure;
  const { digest, layers } = modelkit!;
  const type = transfer!.isVerified
    // It was read just now, and is not asked for again.
    ? (await network.registries.manifest(reference.host, reference.repository, digest)).mediaType
    : "asked for by kit";
  const count = `${layers.length} ${layers.length === 1 ? "layer" : "layers"}`;
  return [
    `a ModelKit of ${count}, ${digest} (${type})`,
    ...warnings.map((warning) => new Warning(warning)),
  ];
}

async function checkSignature(
  { manifests = [], pair: { reference }, signatures }: Visit,
  { config, log }: Context,
): Promise<Remark> {
  if (config.signature === undefined) return new Skip("KIT_COSIGN_* is not set");
  if (signatures === undefined) return new Skip('"signer" comes first');
  await signatures.verify(reference, manifests);
  return log.said;
}

async function checkLayers(visit: Visit, { config: { flags } }: Context): Promise<Remark> {
  const modelkit = visit.modelkit!;
  const selected = selectLayers(modelkit, flags.filters);
  const all = modelkit.layers.length;
  const parents = await visit.transfer!.sizeOfParents(modelkit);
  visit.needed = sizeOf(selected) + parents;
  if (selected.length === 0 && flags.filters.length > 0) {
    return new Warning(
      `The filters "${flags.filters.join('", "')}" select none of ${all} layers`,
      "Correct --filter in KIT_UNPACK_FLAGS: it names types and, after a colon, names or paths",
    );
  }
  const part = flags.filters.length === 0 ? `${all}` : `${selected.length} of ${all}, by filters`;
  const more = parents === 0 ? "" : `, and ${formatBytes(parents)} of ModelKits that it names`;
  return `${part}: ${formatBytes(sizeOf(selected))}${more}`;
}

async function checkDownload(visit: Visit, { config: { flags } }: Context): Promise<Remark> {
  if (!visit.transfer!.isVerified) return new Skip("kit itself fetches the layers");
  const [layer] = selectLayers(visit.modelkit!, flags.filters);
  if (layer === undefined || layer.size === 0) return new Skip("there is nothing to download");
  const { host, repository } = visit.pair.reference;
  return await readStart(await visit.network.registries.blob(host, repository, layer.digest));
}
