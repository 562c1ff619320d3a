import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAcrHost } from "../../lib/auth/azure.ts";

const PUBLIC = "https://login.microsoftonline.com";
const CHINA = "https://login.chinacloudapi.cn";
const GOVERNMENT = "https://login.microsoftonline.us";

const mine: [host: string, service: string, authority: string][] = [
  ["myregistry.azurecr.io", "myregistry.azurecr.io", PUBLIC],
  ["MyRegistry.AzureCR.io", "myregistry.azurecr.io", PUBLIC],
  ["myregistry.azurecr.io:443", "myregistry.azurecr.io", PUBLIC],
  ["0123456789.azurecr.io", "0123456789.azurecr.io", PUBLIC],
  ["myregistry-a1b2c3d4e5.azurecr.io", "myregistry-a1b2c3d4e5.azurecr.io", PUBLIC],
  ["myregistry.eastus.geo.azurecr.io", "myregistry.eastus.geo.azurecr.io", PUBLIC],
  [
    "myregistry-a1b2.westeurope.geo.azurecr.io",
    "myregistry-a1b2.westeurope.geo.azurecr.io",
    PUBLIC,
  ],
  ["myregistry.azurecr.cn", "myregistry.azurecr.cn", CHINA],
  ["myregistry-a1b2.azurecr.cn", "myregistry-a1b2.azurecr.cn", CHINA],
  ["myregistry.azurecr.us", "myregistry.azurecr.us", GOVERNMENT],
  [
    "myregistry.usgovvirginia.geo.azurecr.us",
    "myregistry.usgovvirginia.geo.azurecr.us",
    GOVERNMENT,
  ],
];

for (const [host, service, authority] of mine) {
  Deno.test(`${host} is ACR, signed in to at ${authority}`, () => {
    assert.deepEqual(parseAcrHost(host), { service, authority });
  });
}

const lookAlikes: [host: string, why: string][] = [
  ["myregistry.azurecr.io.evil.example", "goes on behind"],
  ["myregistry.azurecr.cn.evil.example", "goes on behind China"],
  ["myregistry.azurecr.us.evil.example", "goes on behind the government"],
  ["myregistry.azurecr.io.azurecr.cn", "goes on behind, in Azure"],
  ["myregistry.azurecr.iox", "a longer ending"],
  ["myregistry.azurecr.us.com", "another top-level domain"],
  ["myregistry.azurecr.com", "a top-level domain that is none of Azure's"],
  ["myregistry.azurecr.de", "Germany, which was closed in 2021"],
  ["myregistryazurecr.io", "no dot before the domain"],
  ["xazurecr.io", "no dot, short"],
  ["myregistry.xazurecr.io", "another domain"],
  ["myregistry.my-azurecr.io", "another domain with a hyphen"],
  ["myregistryxazurecr.io", "a dot that is none before the domain"],
  ["myregistry.azurecrxio", "a dot that is none behind it"],
  ["azurecr.io", "no registry"],
  [".azurecr.io", "an empty registry"],
  ["a.b.azurecr.io", "a label too many"],
  ["evil.example/myregistry.azurecr.io", "a path before"],
  ["user@myregistry.azurecr.io", "a user"],
  ["myregistry.eastus.data.azurecr.io", "a data endpoint"],
  ["myregistry.privatelink.azurecr.io", "the zone of private endpoints"],
  ["myregistry.geo.azurecr.io", "a geo-replica without a region"],
  [".eastus.geo.azurecr.io", "a geo-replica without a registry"],
  ["my_registry.azurecr.io", "a character that no registry has"],
  ["-abc.azurecr.io", "a hash without a registry"],
  ["myregistry-.azurecr.io", "a hyphen without a hash"],
  ["foo-azurecr-io.azurecr.cn", "two hyphens"],
  ["myregistry.azurecr.io:5000", "another port"],
  ["myregistry.azurecr.io:443.evil.example", "goes on behind the port"],
  ["myregistry.azurecr.io\n", "a line break"],
  ["myregistry.azurecr.io.", "a dot at the end"],
  ["mcr.microsoft.com", "Microsoft's public registry"],
  ["myregistry.blob.core.windows.net", "another service"],
  ["ghcr.io", "another registry"],
];

for (const [host, why] of lookAlikes) {
  Deno.test(`${JSON.stringify(host)} is not ACR: ${why}`, () => {
    assert.equal(parseAcrHost(host), undefined);
  });
}

Deno.test("whatever stands behind an ACR host, or before it with a dot, it is none any more", () => {
  const hosts = fc.constantFrom(...mine.map(([host]) => host.replace(":443", "")));
  const more = fc.stringMatching(/^[a-z0-9.@/:-]+$/).filter((text) => text !== ":443");
  fc.assert(fc.property(hosts, more, (host, text) => {
    assert.equal(parseAcrHost(host + text), undefined);
    assert.equal(parseAcrHost(`${text}.${host}`), undefined);
  }));
});
