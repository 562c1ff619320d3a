import assert from "node:assert/strict";
import type { Site, Visit } from "./network.ts";

/** The service account and the workload of these tests. */
export const ACCOUNT = "reader@models.iam.gserviceaccount.com";
export const AUDIENCE =
  "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/cluster";
export const METADATA = "http://169.254.169.254";
export const IMPERSONATION_URL =
  `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${ACCOUNT}:generateAccessToken`;

/** The least that reads: https://cloud.google.com/artifact-registry/docs/integrate-compute#required_permissions */
const READ_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only";
/** What STS's token needs to be exchanged for an account's: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken#authorization-scopes */
const PLATFORM_SCOPE = "https://www.googleapis.com/auth/cloud-platform";

/**
 * Google's side of signing in. Each site checks every field of a request as Google's documents state them, and answers
 * with 400 and what is wrong when one is not so; `wrong` keeps it.
 */
export class GoogleMock {
  /** What the last step of every way gives. */
  readonly token: string = `ya29.test-${crypto.randomUUID()}`;
  /** What STS gives to those who go on to IAM Credentials. */
  readonly federatedToken: string = `ya29.test-federated-${crypto.randomUUID()}`;
  /** What the other identity provider gives. */
  readonly subjectToken: string = `test.${crypto.randomUUID()}.subject`;
  readonly refreshToken: string = `test-refresh-${crypto.randomUUID()}`;
  readonly clientSecret: string = `test-client-${crypto.randomUUID()}`;
  readonly wrong: string[] = [];
  readonly #key: CryptoKeyPair;
  readonly #pem: string;

  private constructor(key: CryptoKeyPair, pem: string) {
    this.#key = key;
    this.#pem = pem;
  }

  /** With a key pair of its own: nothing that looks like a key is in this repository. */
  static async create(): Promise<GoogleMock> {
    const key = await crypto.subtle.generateKey(
      {
        name: "RSASSA-PKCS1-v1_5",
        modulusLength: 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: "SHA-256",
      },
      true,
      ["sign", "verify"],
    );
    const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key.privateKey));
    const lines = der.toBase64().match(/.{1,64}/g)!.join("\n");
    const name = "PRIVATE KEY";
    return new GoogleMock(key, `-----BEGIN ${name}-----\n${lines}\n-----END ${name}-----\n`);
  }

  /** By origin; metadata server and credential source included. */
  get sites(): Record<string, Site> {
    return {
      [METADATA]: this.#checking((visit) => this.#metadata(visit)),
      "https://oauth2.googleapis.com": this.#checking((visit) => this.#tokenEndpoint(visit)),
      "https://sts.googleapis.com": this.#checking((visit) => this.#sts(visit)),
      "https://iamcredentials.googleapis.com": this.#checking((visit) =>
        this.#iamCredentials(visit)
      ),
      "http://idp.test": this.#checking((visit) => this.#subjectTokens(visit)),
    };
  }

  /** Every value that must be seen nowhere. */
  get secrets(): string[] {
    const { token, federatedToken, subjectToken, refreshToken, clientSecret } = this;
    // A line from the middle: wherever the key is printed, it is in it.
    const line = this.#pem.split("\n")[5];
    return [token, federatedToken, subjectToken, refreshToken, clientSecret, line];
  }

  /** https://cloud.google.com/iam/docs/keys-create-delete#creating */
  serviceAccountFile(changes: Record<string, unknown> = {}): string {
    return JSON.stringify({
      type: "service_account",
      project_id: "models",
      private_key_id: "0123456789abcdef",
      private_key: this.#pem,
      client_email: ACCOUNT,
      client_id: "100000000000000000001",
      auth_uri: "https://accounts.google.com/o/oauth2/auth",
      token_uri: "https://oauth2.googleapis.com/token",
      universe_domain: "googleapis.com",
      ...changes,
    });
  }

  /** What `gcloud auth application-default login` writes. */
  userFile(changes: Record<string, unknown> = {}): string {
    return JSON.stringify({
      type: "authorized_user",
      client_id: "764086051850.apps.googleusercontent.com",
      client_secret: this.clientSecret,
      refresh_token: this.refreshToken,
      ...changes,
    });
  }

  /** https://google.aip.dev/auth/4117#determining-the-subject-token-in-microsoft-azure-and-url-based-credentials */
  externalFile(changes: Record<string, unknown> = {}): string {
    return JSON.stringify({
      type: "external_account",
      audience: AUDIENCE,
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: "https://sts.googleapis.com/v1/token",
      credential_source: { file: "/var/run/subject-token" },
      ...changes,
    });
  }

  #checking(site: Site): Site {
    return async (visit) => {
      try {
        return await site(visit);
      } catch (error) {
        this.wrong.push(`${visit.method} ${visit.url}: ${error}`);
        return refuse("wrong_request", "The mock's list says what is wrong");
      }
    };
  }

  /**
   * https://cloud.google.com/compute/docs/metadata/querying-metadata (path and header)
   * https://cloud.google.com/compute/docs/access/authenticate-workloads#applications (the answer)
   * https://cloud.google.com/compute/docs/instances/detect-compute-engine (the root)
   */
  #metadata({ method, path, headers }: Visit): Response {
    assert.equal(method, "GET");
    assert.equal(headers.get("Metadata-Flavor"), "Google");
    assert.equal(headers.get("X-Forwarded-For"), null, "the server refuses forwarded requests");
    const answer = { headers: { "Metadata-Flavor": "Google", Server: "Metadata Server for VM" } };
    if (path === "/") return new Response("computeMetadata/\n", answer);
    assert.equal(path, "/computeMetadata/v1/instance/service-accounts/default/token");
    const token = { access_token: this.token, expires_in: 3599, token_type: "Bearer" };
    return Response.json(token, answer);
  }

  /**
   * https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests
   * https://developers.google.com/identity/protocols/oauth2/web-server#offline
   */
  async #tokenEndpoint({ method, path, headers, body }: Visit): Promise<Response> {
    assert.deepEqual([method, path], ["POST", "/token"]);
    const form = parseForm(headers, body);
    const answer = { access_token: this.token, expires_in: 3599, token_type: "Bearer" };
    if (form.grant_type === "refresh_token") {
      assert.deepEqual(form, {
        grant_type: "refresh_token",
        client_id: "764086051850.apps.googleusercontent.com",
        client_secret: this.clientSecret,
        refresh_token: this.refreshToken,
      });
      return Response.json({ ...answer, scope: PLATFORM_SCOPE });
    }
    const { assertion, ...rest } = form;
    assert.deepEqual(rest, { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer" });
    return await this.#isSigned(assertion)
      ? Response.json(answer)
      : refuse("invalid_grant", "Invalid JWT Signature.");
  }

  /** Whether the key has signed it; everything else in it must be right. */
  async #isSigned(assertion: string): Promise<boolean> {
    const parts = assertion.split(".");
    assert.equal(parts.length, 3);
    const [header, claims, signature] = parts.map((part) =>
      Uint8Array.fromBase64(part, { alphabet: "base64url" })
    );
    const parse = (bytes: BufferSource) => JSON.parse(new TextDecoder().decode(bytes));
    const { alg, typ = "JWT", ...otherHeaders } = parse(header);
    // Google's page has `typ`, RFC 7519 section 5.1 lets one leave it out, and Google's own library does.
    assert.deepEqual({ alg, typ, otherHeaders }, { alg: "RS256", typ: "JWT", otherHeaders: {} });
    const { iat, exp, ...others } = parse(claims);
    assert.deepEqual(others, {
      iss: ACCOUNT,
      scope: READ_SCOPE,
      aud: "https://oauth2.googleapis.com/token",
    });
    assert.ok(Math.abs(Date.now() / 1000 - iat) < 60, `iat is now, not ${iat}`);
    assert.ok(exp > iat && exp - iat <= 3600, "it is good for at most an hour");
    const signed = new TextEncoder().encode(parts.slice(0, 2).join("."));
    const { publicKey } = this.#key;
    return await crypto.subtle.verify("RSASSA-PKCS1-v1_5", publicKey, signature, signed);
  }

  /** https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token */
  #sts({ method, path, headers, body }: Visit): Response {
    assert.deepEqual([method, path], ["POST", "/v1/token"]);
    assert.equal(headers.get("Authorization"), null);
    const { scope, subject_token, ...form } = parseForm(headers, body);
    assert.deepEqual(form, {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      audience: AUDIENCE,
      requested_token_type: "urn:ietf:params:oauth:token-type:access_token",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    });
    assert.ok([READ_SCOPE, PLATFORM_SCOPE].includes(scope), `the scope is ${scope}`);
    if (subject_token !== this.subjectToken) {
      return refuse("invalid_grant", "Unable to parse the ID Token.");
    }
    return Response.json({
      // Only a token of this scope is of use to IAM Credentials, and only one of that to the registry.
      access_token: scope === READ_SCOPE ? this.token : this.federatedToken,
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: "Bearer",
      expires_in: 3599,
    });
  }

  /** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
  #iamCredentials({ method, url, headers, body }: Visit): Response {
    assert.deepEqual([method, url], ["POST", IMPERSONATION_URL]);
    assert.equal(headers.get("Authorization"), `Bearer ${this.federatedToken}`);
    assert.match(headers.get("Content-Type") ?? "", /^application\/json\b/);
    assert.deepEqual(JSON.parse(body), { scope: [READ_SCOPE], lifetime: "3600s" });
    const expireTime = new Date(Date.now() + 3_599_000).toISOString();
    return Response.json({ accessToken: this.token, expireTime });
  }

  /** An identity provider that is asked by its URL, with a header as Azure's wants one. */
  #subjectTokens({ method, path, headers }: Visit): Response {
    assert.deepEqual([method, path], ["GET", "/token?audience=pool"]);
    assert.equal(headers.get("Metadata"), "True");
    return Response.json({ id_token: this.subjectToken });
  }
}

/** https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
function refuse(error: string, error_description: string): Response {
  return Response.json({ error, error_description }, { status: 400 });
}

/** Every field once. */
function parseForm(headers: Headers, body: string): Record<string, string> {
  assert.match(headers.get("Content-Type") ?? "", /^application\/x-www-form-urlencoded\b/);
  const fields = [...new URLSearchParams(body)];
  const form = Object.fromEntries(fields);
  assert.equal(Object.keys(form).length, fields.length, "no field comes twice");
  return form;
}
