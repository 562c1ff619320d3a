import assert from "node:assert/strict";
import { certificateAssertion } from "../../lib/auth/azure_certificate.ts";
import { checkAssertion, CLIENT, makeRsaCertificate } from "../support/azure.ts";

const AUDIENCE = "https://login.example/tenant/oauth2/v2.0/token";
const options = () => ({ clientId: CLIENT, audience: AUDIENCE, now: Date.now() });

Deno.test("a certificate signs what Microsoft documents, in either order of its file", async () => {
  const certificate = await makeRsaCertificate();
  const blocks = certificate.pem.split(/(?=-----BEGIN CERTIFICATE)/);
  for (const pem of [certificate.pem, blocks.toReversed().join("\n")]) {
    const assertion = await certificateAssertion(pem, options());
    assert.equal(String(assertion), "***");
    await checkAssertion(assertion.reveal(), certificate, AUDIENCE);
  }
});

Deno.test("a certificate file that cannot be used says what is missing, without quoting it", async () => {
  const { pem } = await makeRsaCertificate();
  const [key, certificate] = pem.split(/(?=-----BEGIN CERTIFICATE)/);
  const rename = (label: string) => key.replaceAll("PRIVATE KEY", label) + certificate;
  const rows: [text: string, expected: string][] = [
    [key, "has no CERTIFICATE in PEM form"],
    [certificate, "has no PRIVATE KEY in PEM form without a password"],
    [rename("ENCRYPTED PRIVATE KEY"), "has no PRIVATE KEY in PEM form without a password"],
    [rename("RSA PRIVATE KEY"), "has no PRIVATE KEY in PEM form without a password"],
    [
      certificate.replaceAll("CERTIFICATE", "PRIVATE KEY") + certificate,
      "has a PRIVATE KEY that is not one of RSA",
    ],
    ["", "has no CERTIFICATE in PEM form"],
  ];
  for (const [text, message] of rows) {
    await assert.rejects(certificateAssertion(text, options()), { message });
  }
});
