import assert from "node:assert/strict";
import { nearMisses, wayTo } from "../../lib/doctor/proxy.ts";

interface Row {
  url: string;
  variables: Record<string, string>;
  flag?: string;
  /** The setting whose proxy is taken, or `undefined`: none. */
  by?: string;
}

const [HTTP, HTTPS, PROXY] = ["http://h.invalid", "https://h.invalid", "http://PROXY"];
/** A port where nobody listens, on another address of this machine. */
const ADDRESS = "http://127.0.0.2:1025";
const ROWS: Record<string, Row> = {
  "nothing is set": { url: HTTP, variables: {} },
  "HTTP_PROXY, for http": { url: HTTP, variables: { HTTP_PROXY: PROXY }, by: "HTTP_PROXY" },
  "HTTP_PROXY, for https": { url: HTTPS, variables: { HTTP_PROXY: PROXY } },
  "HTTPS_PROXY, for https": { url: HTTPS, variables: { HTTPS_PROXY: PROXY }, by: "HTTPS_PROXY" },
  "HTTPS_PROXY, for http": { url: HTTP, variables: { HTTPS_PROXY: PROXY } },
  "the name in small letters": { url: HTTP, variables: { http_proxy: PROXY }, by: "http_proxy" },
  "https_proxy": { url: HTTPS, variables: { https_proxy: PROXY }, by: "https_proxy" },
  "ALL_PROXY": { url: HTTPS, variables: { ALL_PROXY: PROXY }, by: "ALL_PROXY" },
  "--proxy": { url: HTTPS, variables: {}, flag: PROXY, by: "--proxy in KIT_UNPACK_FLAGS" },
  "a proxy without a scheme": { url: HTTP, variables: { HTTP_PROXY: "PROXY" }, by: "HTTP_PROXY" },
  "a proxy of a scheme that there is not": { url: HTTP, variables: { HTTP_PROXY: "ftp://PROXY" } },
  "an empty proxy": { url: HTTP, variables: { HTTP_PROXY: "" } },
  "NO_PROXY": { url: HTTP, variables: { HTTP_PROXY: PROXY, NO_PROXY: "h.invalid" } },
  "NO_PROXY, with --proxy": { url: HTTP, variables: { NO_PROXY: "h.invalid" }, flag: PROXY },
  "no_proxy": { url: HTTP, variables: { HTTP_PROXY: PROXY, no_proxy: "h.invalid" } },
  "an empty NO_PROXY hides no_proxy": {
    url: HTTP,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "", no_proxy: "h.invalid" },
    by: "HTTP_PROXY",
  },
  "NO_PROXY with several": {
    url: HTTP,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "localhost, h.invalid ,x" },
  },
  "NO_PROXY with a domain": {
    url: "http://a.b.invalid",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "b.invalid" },
  },
  "NO_PROXY with a domain and a dot": {
    url: "http://a.b.invalid",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: ".b.invalid" },
  },
  "NO_PROXY with a dot before the host itself": {
    url: HTTP,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: ".h.invalid" },
  },
  "NO_PROXY with the end of a name": {
    url: "http://ab.invalid",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "b.invalid" },
    by: "HTTP_PROXY",
  },
  "NO_PROXY with a star": { url: HTTP, variables: { HTTP_PROXY: PROXY, NO_PROXY: "*" } },
  "NO_PROXY with a star in a domain": {
    url: "http://a.b.invalid",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "*.b.invalid" },
    by: "HTTP_PROXY",
  },
  "NO_PROXY with a port": {
    url: "http://h.invalid:5000",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "h.invalid:5000" },
    by: "HTTP_PROXY",
  },
  "NO_PROXY with an address": {
    url: ADDRESS,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "127.0.0.2" },
  },
  "NO_PROXY with a network": {
    url: ADDRESS,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "127.0.0.0/30" },
  },
  "NO_PROXY with another network": {
    url: ADDRESS,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "127.0.0.0/31,10.0.0.0/8" },
    by: "HTTP_PROXY",
  },
  ...Object.fromEntries(
    ["127.0.0.0/", "127.0.0.0/x", "127.0.0.2/33"].map((entry): [string, Row] => [
      `NO_PROXY with the network "${entry}", which is none`,
      { url: ADDRESS, variables: { HTTP_PROXY: PROXY, NO_PROXY: entry }, by: "HTTP_PROXY" },
    ]),
  ),
  "NO_PROXY with a star, for an address": {
    url: ADDRESS,
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "*" },
    by: "HTTP_PROXY",
  },
  "NO_PROXY with an IPv6 network": {
    url: "http://[::1]:1025",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "::/64" },
  },
  "NO_PROXY with another IPv6 network": {
    url: "http://[::1]:1025",
    variables: { HTTP_PROXY: PROXY, NO_PROXY: "fe80::/10" },
    by: "HTTP_PROXY",
  },
};

for (const [name, { url, variables, flag, by }] of Object.entries(ROWS)) {
  Deno.test(`doctor: the way with ${name}`, () => {
    assert.equal(wayTo(new URL(url), flag, variables).proxy?.from, by);
  });
}

Deno.test("doctor: fetch takes the way that we say it does", async () => {
  const script = new URL("./fetch_way.ts", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", script, JSON.stringify(Object.values(ROWS))],
  }).output();
  const text = new TextDecoder();
  const answers = JSON.parse(text.decode(stdout) || text.decode(stderr));
  assert.deepEqual(
    Object.fromEntries(Object.keys(ROWS).map((name, index) => [name, answers[index]])),
    Object.fromEntries(Object.entries(ROWS).map(([name, { by }]) => [name, by !== undefined])),
  );
});

const MISSES: [entry: string, url: string, instead?: string][] = [
  ["h.invalid:5000", "http://h.invalid:5000", "h.invalid"],
  ["http://h.invalid", "http://h.invalid", "h.invalid"],
  ["*.invalid", "http://h.invalid", ".invalid"],
  ["h.invalid", "http://h.invalid"],
  ["other.invalid:5000", "http://h.invalid:5000"],
  ["*.example", "http://h.invalid"],
];
for (const [entry, url, instead] of MISSES) {
  Deno.test(`doctor: "${entry}" in NO_PROXY ${instead ? `was meant as "${instead}"` : "is what it says"}`, () => {
    const found = nearMisses(new URL(url), { NO_PROXY: entry });
    assert.deepEqual(found, instead === undefined ? [] : [{ entry, instead }]);
  });
}

Deno.test("doctor: a proxy that cannot be used is named", () => {
  const variables = { HTTP_PROXY: "ftp://proxy.example.com" };
  assert.deepEqual(wayTo(new URL(HTTP), undefined, variables), { unusable: ["HTTP_PROXY"] });
});
