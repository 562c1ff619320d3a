// Microsoft Entra, a node's metadata service and an ACR registry, which check every field of what they are asked.
import assert from "node:assert/strict";

/** Parts of Azure that may be asked. */
export type Place = "entra" | "metadata" | "exchange" | "token" | "registry";

/** One request as the part of Azure that it reached saw it. */
export interface AzureVisit {
  place: Place;
  method: string;
  url: URL;
  headers: Headers;
  /** The fields of the body. */
  form: Record<string, string>;
}

/** What a part answers in place of what it says on success, which is what `undefined` stands for. */
export type Answer = (visit: AzureVisit, call: number) => Response | Promise<Response> | undefined;

export interface FakeAzureOptions {
  /** Default: `myregistry.azurecr.io`. */
  registry?: string;
  /** Where the cloud signs in. Default: the public cloud's. */
  authority?: string;
  /** What proves who asks: a secret, an assertion, or the certificate of one who signs an assertion. */
  proof?: { secret: string } | { assertion: string } | { certificate: RsaCertificate };
  /** The client id that the metadata service must be asked for. */
  managed?: string;
  /** Whether the exchange names the tenant, which one without AZURE_TENANT_ID does not know. Default: true. */
  knowsTenant?: boolean;
  /** Whether the registry may be read without signing in. */
  anonymousPull?: boolean;
  /** Claims of ACR's refresh token. */
  claims?: Record<string, unknown>;
  answers?: Partial<Record<Place, Answer>>;
  /** Answers what is asked of the registry with a good token. */
  forward?(request: Request): Promise<Response>;
}

export const CLIENT = "11111111-1111-1111-1111-111111111111";
export const TENANT = "22222222-2222-2222-2222-222222222222";
/** https://learn.microsoft.com/en-us/azure/container-registry/container-registry-authentication#az-acr-login-with---expose-token */
export const TOKEN_USER = "00000000-0000-0000-0000-000000000000";
const RESOURCE = "https://containerregistry.azure.net";
const METADATA = "http://169.254.169.254";

/** Azure, as far as signing in to one registry needs it. */
export class FakeAzure {
  readonly visits: AzureVisit[] = [];
  /** What was asked in another way than Microsoft documents. Such a request is refused. */
  readonly mistakes: string[] = [];
  readonly accessToken = fakeToken({ aud: RESOURCE });
  readonly refreshToken: string;
  readonly registryToken = fakeToken({});
  readonly registry: string;
  readonly authority: string;
  readonly #options: FakeAzureOptions;

  constructor(options: FakeAzureOptions = {}) {
    this.#options = options;
    this.registry = options.registry ?? "myregistry.azurecr.io";
    this.authority = options.authority ?? "https://login.microsoftonline.com";
    // Whole seconds, as in every JWT.
    const exp = Math.floor(Date.now() / 1000) + 3 * 3600 - 60;
    this.refreshToken = fakeToken({ aud: this.registry, exp, ...options.claims });
  }

  /** All values that nobody may print. */
  get secrets(): string[] {
    return [this.accessToken, this.refreshToken, this.registryToken];
  }

  /** In the place of the network; an address that is none of Azure's is a mistake. */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const response = await this.handle(request);
    const location = response.headers.get("Location");
    // As a real fetch would do it.
    if (location !== null && request.redirect === "follow") return await this.fetch(location);
    return response;
  };

  async handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const place = this.#placeOf(url);
    if (place === undefined) {
      this.mistakes.push(`somebody asked ${url.origin}${url.pathname}`);
      return new Response(null, { status: 502 });
    }
    const isForm = request.headers.get("Content-Type")?.split(";")[0] ===
      "application/x-www-form-urlencoded";
    const visit = {
      place,
      method: request.method,
      url,
      headers: request.headers,
      form: isForm ? Object.fromEntries(new URLSearchParams(await request.text())) : {},
    };
    this.visits.push(visit);
    const call = this.visits.filter((other) => other.place === place).length;
    const answer = await this.#options.answers?.[place]?.(visit, call);
    if (answer !== undefined) return answer;
    try {
      return await (place === "registry" ? this.#serve(visit, request) : this[place](visit));
    } catch (error) {
      this.mistakes.push(`${place}: ${error instanceof Error ? error.message : error}`);
      return Response.json({ error: "invalid_request", error_description: "A mistake." }, {
        status: 400,
      });
    }
  }

  #placeOf({ origin, pathname }: URL): Place | undefined {
    if (origin === METADATA) return "metadata";
    if (origin === new URL(this.authority).origin) return "entra";
    if (origin !== `https://${this.registry}`) return undefined;
    if (pathname === "/oauth2/exchange") return "exchange";
    return pathname === "/oauth2/token" ? "token" : "registry";
  }

  /** https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
  async entra({ method, url, form }: AzureVisit): Promise<Response> {
    const { proof } = this.#options;
    const path = new URL(this.authority).pathname.replace(/\/$/, "");
    assert.equal(method, "POST");
    assert.equal(url.pathname + url.search, `${path}/${TENANT}/oauth2/v2.0/token`);
    const common = {
      grant_type: "client_credentials",
      client_id: CLIENT,
      scope: `${RESOURCE}/.default`,
    };
    if (proof !== undefined && "secret" in proof) {
      assert.deepEqual(form, { ...common, client_secret: proof.secret });
    } else {
      const { client_assertion, ...others } = form;
      const client_assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
      assert.deepEqual(others, { ...common, client_assertion_type });
      if (proof !== undefined && "certificate" in proof) {
        await checkAssertion(client_assertion, proof.certificate, url.href);
      } else assert.equal(client_assertion, proof?.assertion);
    }
    return Response.json({
      token_type: "Bearer",
      expires_in: 3599,
      ext_expires_in: 3599,
      access_token: this.accessToken,
    });
  }

  /** https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
  metadata({ method, url, headers }: AzureVisit): Response {
    const { managed } = this.#options;
    assert.equal(method, "GET");
    assert.equal(url.pathname, "/metadata/identity/oauth2/token");
    if (headers.get("Metadata") === null) {
      return azureError(400, "invalid_request", "Required metadata header not specified");
    }
    assert.equal(headers.get("Metadata"), "true");
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      "api-version": "2018-02-01",
      resource: RESOURCE,
      ...(managed !== undefined && { client_id: managed }),
    });
    return Response.json({
      access_token: this.accessToken,
      client_id: managed ?? CLIENT,
      expires_in: "86399",
      expires_on: String(Math.floor(Date.now() / 1000) + 86399),
      ext_expires_in: "86399",
      not_before: String(Math.floor(Date.now() / 1000)),
      resource: RESOURCE,
      token_type: "Bearer",
    });
  }

  /** https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2exchange-to-get-an-acr-refresh-token */
  exchange({ method, url, form }: AzureVisit): Response {
    assert.equal(method, "POST");
    assert.equal(url.search, "");
    assert.deepEqual(form, {
      grant_type: "access_token",
      service: this.registry,
      ...(this.#options.knowsTenant !== false && { tenant: TENANT }),
      access_token: this.accessToken,
    });
    return Response.json({ refresh_token: this.refreshToken });
  }

  /**
   * As docker asks it: the refresh token is the password of the user with the zero id.
   * https://distribution.github.io/distribution/spec/auth/token/
   * https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#authenticating-docker-with-an-acr-refresh-token
   */
  token({ method, url, headers }: AzureVisit): Response {
    assert.equal(method, "GET");
    const authorization = headers.get("Authorization");
    if (authorization === null && this.#options.anonymousPull === false) {
      return acrError(401, "UNAUTHORIZED", "authentication required");
    }
    if (this.#options.anonymousPull) assert.equal(authorization, null);
    else assert.equal(authorization, `Basic ${btoa(`${TOKEN_USER}:${this.refreshToken}`)}`);
    const { service, scope = "", ...others } = Object.fromEntries(url.searchParams);
    assert.equal(service, this.registry);
    // A login that only tries the password has no scope.
    assert.match(scope, /^(repository:[a-z/]+:pull)?$/);
    assert.deepEqual(others, {});
    return Response.json({ access_token: this.registryToken });
  }

  /** https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md#calling-post-oauth2token-to-get-an-acr-access-token */
  async #serve({ url, headers }: AzureVisit, request: Request): Promise<Response> {
    if (headers.get("Authorization") === `Bearer ${this.registryToken}`) {
      assert.ok(this.#options.forward, "this test has no registry");
      return await this.#options.forward(request);
    }
    assert.equal(headers.get("Authorization"), null);
    const repository = /^\/v2\/(.+)\/(manifests|blobs)\//.exec(url.pathname)?.[1];
    const scope = repository === undefined ? "" : `,scope="repository:${repository}:pull"`;
    const realm = `https://${this.registry}/oauth2/token`;
    return Response.json(
      { errors: [{ code: "UNAUTHORIZED", message: "authentication required", detail: null }] },
      {
        status: 401,
        headers: {
          "WWW-Authenticate": `Bearer realm="${realm}",service="${this.registry}"${scope}`,
        },
      },
    );
  }
}

/** A refusal in the words of Entra and of the metadata service. */
export function azureError(status: number, error: string, description: string): Response {
  return Response.json({ error, error_description: description }, { status });
}

/** A refusal with all that Entra adds to it: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes */
export function entraError(status: number, error: string, sentences: string): Response {
  const trace = "aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb";
  const lines = [
    sentences,
    `Trace ID: ${trace}`,
    `Correlation ID: ${trace}`,
    "Timestamp: 2026-01-01 00:00:00Z",
  ];
  return Response.json({
    error,
    error_description: lines.join("\r\n"),
    error_codes: [Number(/\d+/.exec(sentences)?.[0])],
    timestamp: "2026-01-01 00:00:00Z",
    trace_id: trace,
    correlation_id: trace,
  }, { status });
}

/** A refusal in the words of ACR. */
export function acrError(status: number, code: string, message: string): Response {
  return Response.json({ errors: [{ code, message, detail: null }] }, { status });
}

/** What looks like a JWT, signed by nobody. */
export function fakeToken(claims: Record<string, unknown>): string {
  const signature = crypto.getRandomValues(new Uint8Array(32));
  return [
    encode({ alg: "none", typ: "JWT" }),
    encode({ ...claims, jti: crypto.randomUUID() }),
    signature.toBase64({ alphabet: "base64url", omitPadding: true }),
  ].join(".");
}

function encode(part: Record<string, unknown>): string {
  const bytes = new TextEncoder().encode(JSON.stringify(part));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** A certificate with an RSA key, in PEM, and what its owner's signatures are checked with. */
export interface RsaCertificate {
  pem: string;
  /** The certificate's SHA-256 digest in base64url. */
  thumbprint: string;
  publicKey: CryptoKey;
}

/** Makes a certificate with `openssl`, valid for one day. */
export async function makeRsaCertificate(): Promise<RsaCertificate> {
  const folder = await Deno.makeTempDir({ prefix: "rsa-" });
  const openssl = async (...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command("openssl", { args, cwd: folder })
      .output();
    const said = new TextDecoder().decode(stderr);
    assert.ok(success, `This test needs openssl 3 ("apt-get install openssl"): ${said}`);
    return stdout;
  };
  try {
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
    await openssl(...request, "-subj", "/CN=test", "-keyout", "key.pem", "-out", "cert.pem");
    const der = await openssl("x509", "-in", "cert.pem", "-outform", "der");
    const spki = await openssl("rsa", "-in", "key.pem", "-pubout", "-outform", "der");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", der));
    const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
    return {
      pem: await read("key.pem") + await read("cert.pem"),
      thumbprint: digest.toBase64({ alphabet: "base64url", omitPadding: true }),
      publicKey: await crypto.subtle.importKey(
        "spki",
        spki,
        { name: "RSA-PSS", hash: "SHA-256" },
        true,
        ["verify"],
      ),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials */
export async function checkAssertion(
  assertion: string,
  { thumbprint, publicKey }: RsaCertificate,
  audience: string,
): Promise<void> {
  const parts = assertion.split(".");
  const [header, claims, signature] = parts.map((part) =>
    Uint8Array.fromBase64(part, { alphabet: "base64url" })
  );
  const parse = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
  assert.deepEqual(parse(header), { alg: "PS256", typ: "JWT", "x5t#S256": thumbprint });
  const { jti, iat, nbf, exp, ...others } = parse(claims);
  assert.deepEqual(others, { aud: audience, iss: CLIENT, sub: CLIENT });
  assert.match(jti, /^[0-9a-f-]{36}$/);
  assert.equal(nbf, iat);
  assert.ok(Math.abs(nbf * 1000 - Date.now()) < 60_000, "it begins now");
  assert.ok(exp > nbf && exp - nbf <= 600, "it lives ten minutes at most");
  const signed = new TextEncoder().encode(parts.slice(0, 2).join("."));
  const pss = { name: "RSA-PSS", saltLength: 32 };
  assert.ok(await crypto.subtle.verify(pss, publicKey, signature, signed), "the signature is good");
}
