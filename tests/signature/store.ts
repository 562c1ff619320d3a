import { Registries } from "../../lib/registry/registries.ts";
import { digestOf } from "../../lib/registry/digest.ts";
import type { Manifest } from "../../lib/registry/manifest.ts";
import { testContext } from "../auth/context.ts";
import { type Site, TestNetwork } from "../support/network.ts";
import { BUNDLE_TYPE } from "../support/signing.ts";

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const EMPTY = {
  mediaType: "application/vnd.oci.empty.v1+json",
  digest: `sha256:${"44".repeat(32)}`,
};

export interface Described {
  mediaType: string;
  digest: string;
  size: number;
}

/** A registry in memory with one repository, `r.test/org/model`. */
export class Store implements AsyncDisposable {
  readonly repository = { host: "r.test", repository: "org/model" };
  readonly registries: Registries;
  readonly log: ReturnType<typeof testContext>;
  readonly network: TestNetwork;
  /** What the referrers API answers; absent: there is none. */
  referrers?: Site;
  /** What is answered in place of what is there. */
  fault?: Site | ((...visit: Parameters<Site>) => Response | undefined);
  readonly #texts = new Map<string, string | Uint8Array<ArrayBuffer>>();

  constructor() {
    this.network = new TestNetwork({
      "https://r.test": async (visit) => {
        const fault = await this.fault?.(visit);
        if (fault !== undefined) return fault;
        if (visit.path.includes("/referrers/") && this.referrers) return this.referrers(visit);
        const name = decodeURIComponent(visit.path.split("/").at(-1)!);
        const text = this.#texts.get(visit.path.includes("/referrers/") ? "" : name);
        if (text === undefined) return new Response("{}", { status: 404 });
        return new Response(text);
      },
    });
    this.log = testContext();
    this.registries = new Registries({
      ...{ plainHttp: false, fetch: this.network.fetch, auth: this.log, mirrors: new Map() },
      ...{ attempts: 1, stallTimeout: 60_000, log: this.log.log, signal: this.log.signal },
    });
  }

  /** Puts a text, or what becomes one as JSON, by its digest and under a tag. */
  async put(content: object | string, mediaType = MANIFEST_TYPE, tag?: string): Promise<Described> {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    const bytes = new TextEncoder().encode(text);
    const digest = await digestOf(bytes);
    for (const name of [digest, tag ?? digest]) this.#texts.set(name, text);
    return { mediaType, digest, size: bytes.length };
  }

  /** A manifest that signatures can be for. */
  async subject(name: string): Promise<Manifest> {
    const { digest } = await this.put({ schemaVersion: 2, layers: [], annotations: { name } });
    return await this.registries.manifest("r.test", "org/model", digest);
  }

  /** A bundle as a manifest of its own, and the descriptor that a list of referrers has for it. */
  async putBundle(bundle: object | string, more: object = {}): Promise<Described> {
    const layer = await this.put(bundle, BUNDLE_TYPE);
    const config = { ...EMPTY, size: 2 };
    const manifest = {
      schemaVersion: 2,
      artifactType: BUNDLE_TYPE,
      config,
      layers: [layer],
      ...more,
    };
    return { ...await this.put(manifest), artifactType: BUNDLE_TYPE } as Described;
  }

  /** The index that stands in for the referrers API. */
  async tagReferrers({ digest }: { digest: string }, manifests: object[]): Promise<void> {
    await this.put({ schemaVersion: 2, manifests }, "", digest.replace(":", "-"));
  }

  /** Signatures in cosign's older form. */
  async tagSignatures(
    { digest }: { digest: string },
    signatures: { layer: object; bytes: Uint8Array }[],
  ): Promise<void> {
    for (const { bytes } of signatures) await this.put(new TextDecoder().decode(bytes), "");
    const layers = signatures.map(({ layer }) => layer);
    await this.put({ schemaVersion: 2, layers }, "", `${digest.replace(":", "-")}.sig`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
  }
}
