import assert from "node:assert/strict";
import fc from "fast-check";
import { parseGoogleHost } from "../../lib/auth/google.ts";

const mine: [host: string, location: string | undefined][] = [
  ["us-docker.pkg.dev", "us"],
  ["europe-docker.pkg.dev", "europe"],
  ["asia-docker.pkg.dev", "asia"],
  ["europe-west4-docker.pkg.dev", "europe-west4"],
  ["us-central1-docker.pkg.dev", "us-central1"],
  ["northamerica-northeast1-docker.pkg.dev", "northamerica-northeast1"],
  ["africa-south1-docker.pkg.dev", "africa-south1"],
  ["me-central2-docker.pkg.dev", "me-central2"],
  ["Europe-West4-Docker.pkg.dev", "europe-west4"],
  ["europe-west4-docker.pkg.dev:443", "europe-west4"],
  ["docker.africa-south1.rep.pkg.dev", "africa-south1"],
  ["docker.me-central2.rep.pkg.dev:443", "me-central2"],
  ["gcr.io", undefined],
  ["GCR.io", undefined],
  ["gcr.io:443", undefined],
  ["us.gcr.io", undefined],
  ["eu.gcr.io", undefined],
  ["asia.gcr.io", undefined],
  ["marketplace.gcr.io", undefined],
  ["staging-k8s.gcr.io", undefined],
  ["mirror.gcr.io", undefined],
];

for (const [host, location] of mine) {
  Deno.test(`${host} is Google's, ${location ? `in ${location}` : "of no location"}`, () => {
    assert.deepEqual(parseGoogleHost(host), { location });
  });
}

const lookAlikes: [host: string, why: string][] = [
  ["pkg.dev", "no registry, the domain alone"],
  ["docker.pkg.dev", "no location"],
  ["-docker.pkg.dev", "an empty location"],
  ["europe-west4-docker.pkg.dev.evil.example", "goes on behind"],
  ["europe-west4-docker.pkg.dev.", "a dot at the end"],
  ["europe-west4-docker.pkg.development", "a top-level domain that goes on"],
  ["europe-west4-docker.pkg.dev:443.evil.example", "goes on behind the port"],
  ["europe-west4-docker.pkg.dev:8443", "another port"],
  ["europe-west4-docker.pkg.dev\n", "a line break"],
  ["europe-west4-docker.pkg.dev@evil.example", "a user's name before another host"],
  ["evil.example/europe-west4-docker.pkg.dev", "a path of another host"],
  ["evil.europe-west4-docker.pkg.dev", "begins earlier"],
  ["europe-west4-docker-pkg.dev", "a dot that is none"],
  ["europe-west4-docker.pkgxdev", "a dot that is none at the end"],
  ["europe-west4-docker.xpkg.dev", "another domain"],
  ["europe-west4-docker.evil-pkg.dev", "another domain with a dash"],
  ["europe-west4-npm.pkg.dev", "another format"],
  ["europe-west4-maven.pkg.dev", "another format, Maven's"],
  ["europe-west4-mydocker.pkg.dev", "a format that ends like docker's"],
  ["europe-west4.pkg.dev", "no format"],
  ["rep.pkg.dev", "a regional endpoint without format and region"],
  ["docker.rep.pkg.dev", "a regional endpoint without region"],
  ["npm.us-east1.rep.pkg.dev", "a regional endpoint of another format"],
  ["docker.us-east1.rep.pkg.dev.evil.example", "a regional endpoint that goes on behind"],
  ["evil.docker.us-east1.rep.pkg.dev", "a regional endpoint that begins earlier"],
  ["docker.us-east1.evil.rep.pkg.dev", "a regional endpoint with a label too many"],
  ["docker.us-east1.xrep.pkg.dev", "a regional endpoint of another name"],
  ["xgcr.io", "a letter before gcr.io"],
  ["us-gcr.io", "a dash before gcr.io"],
  ["gcr.io.evil.example", "gcr.io goes on behind"],
  ["us.gcr.io.evil.example", "us.gcr.io goes on behind"],
  ["us.gcr.iox", "gcr.io, a longer ending"],
  ["gcrxio", "gcr.io, a dot that is none"],
  ["usxgcr.io", "us.gcr.io, a dot that is none"],
  ["evil.us.gcr.io", "gcr.io with a label too many"],
  [".gcr.io", "gcr.io with an empty label"],
  ["-us.gcr.io", "gcr.io with a label that begins with a dash"],
  ["gcr.io:5000", "gcr.io, another port"],
  ["gcr.io/evil", "a path"],
  ["k8s.io", "another domain of Kubernetes"],
  ["registry.k8s.io", "Kubernetes' registry, which is not gcr.io any more"],
  ["storage.googleapis.com", "another service"],
  ["ghcr.io", "another registry"],
  ["", "nothing"],
];

for (const [host, why] of lookAlikes) {
  Deno.test(`${JSON.stringify(host)} is not Google's: ${why}`, () => {
    assert.equal(parseGoogleHost(host), undefined);
  });
}

Deno.test("whatever stands behind a Google host, or before it with a dot, it is none any more", () => {
  const hosts = fc.constantFrom(...mine.map(([host]) => host.replace(":443", "")));
  const more = fc.stringMatching(/^[a-z0-9.@/:-]+$/).filter((text) => text !== ":443");
  fc.assert(fc.property(hosts, more, (host, text) => {
    assert.equal(parseGoogleHost(host + text), undefined);
    // A label before gcr.io is Google's too, and a longer first label names another location.
    assert.equal(parseGoogleHost(`${text}.evil.${host}`), undefined);
  }));
});
