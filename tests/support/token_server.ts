export interface TokenServerOptions {
  /** Passwords by user; a user may do all that is asked for, below the path of its own name. */
  users?: Record<string, string>;
  /** Refresh tokens, and the user of each. */
  refreshTokens?: Record<string, string>;
  /** What the answers say of a token's life, in seconds. */
  expiresIn?: number;
}

/** A request for a token as it came. */
export interface TokenRequest {
  method: string;
  authorization: string | null;
  scopes: string[];
  service: string | null;
  grant: string | null;
}

const ISSUER = "test issuer";
const SERVICE = "test registry";

/**
 * A token server for the registry's `auth: token`, with a key that it makes for itself. Anybody may read below
 * `public/`. https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/
 */
export class TokenServer implements AsyncDisposable {
  readonly requests: TokenRequest[] = [];
  readonly #options: TokenServerOptions;
  readonly #keys: CryptoKeyPair;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #jwks: string;
  /** When each token was given out. */
  readonly #issued = new Map<string, number>();

  private constructor(options: TokenServerOptions, keys: CryptoKeyPair, jwks: string) {
    this.#options = options;
    this.#keys = keys;
    this.#jwks = jwks;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  static async create(options: TokenServerOptions = {}): Promise<TokenServer> {
    const keys = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, [
      "sign",
      "verify",
    ]);
    const jwks = await Deno.makeTempFile({ prefix: "jwks-" });
    const key = await crypto.subtle.exportKey("jwk", keys.publicKey);
    const { kty, crv, x, y } = key;
    await Deno.writeTextFile(jwks, JSON.stringify({ keys: [{ kty, crv, x, y, kid: "test" }] }));
    return new TokenServer(options, keys, jwks);
  }

  /** For the registry's configuration. */
  get config() {
    const { realm } = this;
    return { realm, issuer: ISSUER, service: SERVICE, jwks: this.#jwks };
  }

  get realm(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/token`;
  }

  /** Milliseconds since the token of an Authorization header was given out. */
  ageOf(authorization: string): number {
    const issued = this.#issued.get(authorization.replace(/^Bearer /, ""));
    return issued === undefined ? Infinity : performance.now() - issued;
  }

  /** What a registry answers to a token that it does not take any more. */
  refusal(path: string): Response {
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1];
    const scope = `repository:${repository}:pull`;
    const challenge =
      `Bearer realm="${this.realm}",service="${SERVICE}",scope="${scope}",error="invalid_token"`;
    return new Response("{}", { status: 401, headers: { "WWW-Authenticate": challenge } });
  }

  async #answer(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const form = request.method === "POST"
      ? new URLSearchParams(await request.text())
      : searchParams;
    const authorization = request.headers.get("Authorization");
    const scopes = form.getAll("scope").flatMap((scope) => scope.split(" ")).filter(Boolean);
    const grant = form.get("grant_type");
    this.requests.push({
      method: request.method,
      authorization,
      scopes,
      service: form.get("service"),
      grant,
    });
    const user = grant === "refresh_token"
      ? this.#options.refreshTokens?.[form.get("refresh_token") ?? ""]
      : this.#userOf(authorization);
    if (user === undefined) {
      return Response.json({ errors: [{ code: "UNAUTHORIZED", message: "who are you?" }] }, {
        status: 401,
      });
    }
    const token = await this.#sign(user, scopes);
    const { expiresIn = 300 } = this.#options;
    return Response.json(
      grant === null
        ? { token, expires_in: expiresIn }
        : { access_token: token, expires_in: expiresIn, scope: scopes.join(" ") },
    );
  }

  /** The user's name; empty for nobody, `undefined` where the password is wrong. */
  #userOf(authorization: string | null): string | undefined {
    if (authorization === null) return "";
    const [user, password] = atob(authorization.replace("Basic ", "")).split(/:(.*)/);
    return this.#options.users?.[user] === password ? user : undefined;
  }

  async #sign(user: string, scopes: string[]): Promise<string> {
    const access = scopes.map((scope) => {
      const [, type, name, actions] = /^(\w+):(.*):([^:]*)$/.exec(scope) ?? [];
      const all = actions.split(",");
      const allowed = user !== "" && name.startsWith(`${user}/`)
        ? all
        : name.startsWith("public/")
        ? all.filter((action) => action === "pull")
        : [];
      return { type, name, actions: allowed };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...{ iss: ISSUER, sub: user, aud: [SERVICE], jti: crypto.randomUUID(), access },
      ...{ iat: now, nbf: now, exp: now + 300 },
    };
    const bytesOf = (text: string) => new TextEncoder().encode(text);
    const base64 = (bytes: Uint8Array) =>
      bytes.toBase64({ alphabet: "base64url", omitPadding: true });
    const header = { alg: "ES256", typ: "JWT", kid: "test" };
    const text = [header, claims].map((part) => base64(bytesOf(JSON.stringify(part)))).join(".");
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, this.#keys.privateKey, bytesOf(text));
    const token = `${text}.${base64(new Uint8Array(signature))}`;
    this.#issued.set(token, performance.now());
    return token;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#jwks);
  }
}
