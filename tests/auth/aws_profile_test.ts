import assert from "node:assert/strict";
import { findDefaultProfile } from "../../lib/auth/aws_profile.ts";
import { testContext, type World } from "./context.ts";

const KEYS = "aws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = secret-of-test\n";
const HOME = { HOME: "/home/me" };
const CREDENTIALS = "/home/me/.aws/credentials";
const CONFIG = "/home/me/.aws/config";

const rows: [name: string, world: World, expected: string | undefined][] = [
  ["no files", { environment: HOME }, undefined],
  ["no home", { files: { [CREDENTIALS]: `[default]\n${KEYS}` } }, undefined],
  ["keys", { environment: HOME, files: { [CREDENTIALS]: `[default]\n${KEYS}` } }, CREDENTIALS],
  ["an empty file", { environment: HOME, files: { [CREDENTIALS]: "" } }, undefined],
  ["a region alone", {
    environment: HOME,
    files: { [CONFIG]: "[default]\nregion = eu-west-1\n" },
  }, undefined],
  ["keys of another profile", {
    environment: HOME,
    files: { [CREDENTIALS]: `[default]\nregion = x\n[dev]\n${KEYS}` },
  }, undefined],
  ["keys behind another profile", {
    environment: HOME,
    files: { [CREDENTIALS]: `[dev]\nregion = x\n\n [ default ]\n${KEYS}` },
  }, CREDENTIALS],
  ["a profile whose name only begins so", {
    environment: HOME,
    files: { [CREDENTIALS]: `[default2]\n${KEYS}` },
  }, undefined],
  ["a role in the config", {
    environment: HOME,
    files: { [CONFIG]: "[profile default]\nrole_arn = arn:aws:iam::1:role/r\n" },
  }, CONFIG],
  ["a process in the config", {
    environment: HOME,
    files: { [CONFIG]: "[default]\ncredential_process=/bin/true\n" },
  }, CONFIG],
  ["a setting that is commented out", {
    environment: HOME,
    files: { [CONFIG]: "[default]\n# role_arn = arn:aws:iam::1:role/r\n" },
  }, undefined],
  ["the credentials go before the config", {
    environment: HOME,
    files: { [CREDENTIALS]: `[default]\n${KEYS}`, [CONFIG]: "[default]\nsso_session = s\n" },
  }, CREDENTIALS],
  ["AWS_SHARED_CREDENTIALS_FILE", {
    environment: { ...HOME, AWS_SHARED_CREDENTIALS_FILE: "/aws/keys" },
    files: { "/aws/keys": `[default]\n${KEYS}` },
  }, "/aws/keys"],
  ["AWS_CONFIG_FILE", {
    environment: { AWS_CONFIG_FILE: "/aws/config" },
    files: { "/aws/config": "[default]\nweb_identity_token_file = /token\n" },
  }, "/aws/config"],
  ["a file that cannot be read", {
    environment: HOME,
    files: { [CREDENTIALS]: new Deno.errors.PermissionDenied("no") },
  }, undefined],
];

for (const [name, world, expected] of rows) {
  Deno.test(`AWS default profile: ${name}: ${expected ?? "none"}`, async () => {
    assert.equal(await findDefaultProfile(testContext(world)), expected);
  });
}
