import type { Failure } from "../errors.ts";
import { parseObject } from "../json.ts";
import { retry } from "../retry.ts";
import { Secret } from "../secret.ts";
import {
  answerFailure,
  type Asker,
  type AzureAnswer,
  type AzureService,
  isPassing,
  networkFailure,
} from "./azure_error.ts";
import { limitedFetch } from "./limited_fetch.ts";
import type { AuthContext } from "./source.ts";

/** The requests of one sign-in: limited in time and size, repeated when the answer may pass. */
export class AzureRequests {
  /** What to tell when the time is over. */
  lastFailure?: Failure;
  readonly #asker: Asker;
  readonly #context: AuthContext;
  readonly #milliseconds: number;

  /**
   * @param context whose signal ends all of them
   * @param milliseconds for one request
   */
  constructor(asker: Asker, context: AuthContext, milliseconds: number) {
    this.#asker = asker;
    this.#context = context;
    this.#milliseconds = milliseconds;
  }

  /** Asks until the answer is final; whether it is a good one is left to `tokenOf`. */
  async ask(service: AzureService, url: string, init: RequestInit): Promise<AzureAnswer> {
    const { signal, log, config: { attempts } } = this.#context;
    return await retry(async () => {
      const answer = await this.askOnce(service, url, init);
      if (isPassing(answer)) throw this.lastFailure = answerFailure(answer, this.#asker);
      return answer;
    }, { attempts, signal, log });
  }

  async askOnce(
    service: AzureService,
    url: string,
    init: RequestInit,
    milliseconds = this.#milliseconds,
  ): Promise<AzureAnswer> {
    const { fetch, signal } = this.#context;
    let response: Response;
    try {
      response = await limitedFetch(fetch, signal, milliseconds)(url, init);
    } catch (error) {
      throw this.lastFailure = networkFailure(error, service, this.#asker);
    }
    return { service, status: response.status, body: parseObject(await response.text()) };
  }

  /** The token that the answer has under `name`, registered with the log's redaction. */
  tokenOf(answer: AzureAnswer, name: string): Secret {
    const token = answer.body?.[name];
    if (answer.status === 200 && typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) {
      return new Secret(token);
    }
    throw answerFailure(answer, this.#asker);
  }
}

/** Milliseconds since 1970, as a JWT says it; Infinity when it does not. */
export function expiryOf(token: string): number {
  try {
    const bytes = Uint8Array.fromBase64(token.split(".")[1], { alphabet: "base64url" });
    const exp = parseObject(new TextDecoder().decode(bytes))?.exp;
    return typeof exp === "number" ? exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
