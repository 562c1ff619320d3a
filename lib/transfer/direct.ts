import { type AuthContext, credentialsFor } from "../auth/mod.ts";
import type { Config } from "../config.ts";
import type { Kit } from "../kit.ts";
import { mirrorsOf } from "../mirrors.ts";
import type { ModelKit } from "../modelkit.ts";
import { folderBytes, Progress } from "../progress.ts";
import type { Reference } from "../reference.ts";
import { retry, type RetryOptions } from "../retry.ts";
import { removeTree } from "../tree.ts";
import type { Transfer, UnpackJob } from "./mod.ts";
import { explainingRefusal } from "./refusal.ts";

export interface DirectOptions {
  kit: Kit;
  config: Pick<Config, "flags" | "mirrors">;
  auth: AuthContext;
  /** Flags that make kit trust our certificates. */
  trust: string[];
  retry: RetryOptions;
}

/**
 * The way of upstream's entrypoint: kit fetches the layers itself and unpacks them as they come. The manifest is
 * checked against its digest by kit; layers are not checked against theirs.
 */
export class DirectTransfer implements Transfer {
  readonly isVerified = false;
  readonly #options: DirectOptions;

  constructor(options: DirectOptions) {
    this.#options = options;
  }

  async resolve(reference: Reference): Promise<ModelKit> {
    const { kit, auth, config, retry: options } = this.#options;
    if (mirrorsOf(reference.host, config.mirrors).length > 0) {
      auth.log.warn("KIT_MIRRORS has no effect on direct transfer: kit asks the registry itself", {
        host: reference.host,
      });
    }
    const { signingIn = (_host, work) => work() } = auth;
    const credentials = await signingIn(reference.host, () => credentialsFor(reference, auth));
    return await explainingRefusal(
      async () => {
        if (credentials !== undefined) {
          const login = () => retry(() => kit.login(reference.host, credentials), options);
          await signingIn(reference.host, login);
        }
        return await retry(() => kit.inspect(reference), options);
      },
      reference,
      auth,
    );
  }

  sizeOfParents(): Promise<number> {
    return Promise.resolve(0);
  }

  async unpack({ reference, modelkit, tree, progress }: UnpackJob): Promise<void> {
    const { kit, config, trust, retry: options } = this.#options;
    await retry(async () => {
      try {
        const measure = async () => ({ bytes: await folderBytes(tree), total: progress.total });
        using shown = new Progress({ ...progress, measure });
        await kit.unpack({ ...reference, digest: modelkit.digest }, tree, {
          words: [...config.flags.words, ...trust],
          progress: () => shown.bytes,
        });
      } catch (error) {
        // A further attempt needs an empty folder; what is wrong with this one is said by kit then.
        await removeTree(tree).catch(() => {});
        throw error;
      }
    }, options);
  }

  cost(): undefined {
    return undefined;
  }
}
