import assert from "node:assert/strict";
import type { FailureName } from "../lib/errors.ts";
import { kitFailure, KitKilled } from "../lib/kit_errors.ts";

const HOST = "registry.test:5000";
const FAILED = { status: { code: 1, signal: null }, host: HOST };

const NETWORK = /^Check the network, the proxy and the port of the registry$/;
const OWN_WORDS = /^Look at the container's log for kit's own words/;
const LONG = "folder/".repeat(580) + "file";

/** What kit 1.15.0 really says. */
const MESSAGES: [
  name: string,
  lines: string[],
  outcome: FailureName,
  hint: RegExp,
  transient?: boolean,
][] = [
  [
    "a missing repository or tag, by unpack",
    [`[ERROR] Failed to find reference ${HOST}/r:t: reference ${HOST}/r:t is not present in local storage and could not be found in remote`],
    "not found",
    /^Check the repository and the tag; /,
  ],
  [
    "a missing tag, by inspect",
    [`[ERROR] Could not find modelkit ${HOST}/r:t`],
    "not found",
    /^Check the repository and the tag; /,
  ],
  [
    "no credentials",
    [`[ERROR] Error resolving modelkit: reference v1 not found in repository: HEAD "http://${HOST}/v2/a/b/manifests/v1": basic credential not found`],
    "auth",
    /^Check the credentials for this host/,
  ],
  [
    "a refused password",
    [`[ERROR] Failed to validate the credentials for ${HOST}: GET "http://${HOST}/v2/": response status code 401: unauthorized: authentication required`],
    "auth",
    /^Check the credentials for this host/,
  ],
  [
    "a refused connection",
    [`[ERROR] Error resolving modelkit: reference v2 not found in repository: Head "http://${HOST}/v2/a/b/manifests/v2": dial tcp 127.0.0.1:5599: connect: connection refused`],
    "unavailable",
    NETWORK,
    true,
  ],
  [
    "plain HTTP where TLS is expected",
    [`[ERROR] Error resolving modelkit: reference v1 not found in repository: Head "https://${HOST}/v2/a/b/manifests/v1": http: server gave HTTP response to HTTPS client`],
    "unavailable",
    /^Set KIT_UNPACK_FLAGS to --plain-http/,
    false,
  ],
  [
    "a host that there is not",
    [`[ERROR] Error resolving modelkit: reference v1 not found in repository: Head "https://nosuch.invalid/v2/a/b/manifests/v1": dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host`],
    "unavailable",
    /^Check the host's name and the DNS of the cluster$/,
    true,
  ],
  [
    "an unknown authority",
    [`[ERROR] Error resolving modelkit: reference v1 not found in repository: Head "https://${HOST}/v2/a/b/manifests/v1": tls: failed to verify certificate: x509: certificate signed by unknown authority`],
    "unavailable",
    /^Give the CA certificate of the registry in KIT_CA_BUNDLE$/,
    false,
  ],
  [
    "an unknown flag",
    ["Error: unknown flag: --bogus"],
    "usage",
    /^Build the image on a kit that has this flag/,
  ],
  [
    "a bad filter",
    [
      "[ERROR] Invalid filter 'bogus': invalid filter type bogus (must be one of model)",
    ],
    "usage",
    /^Correct KIT_UNPACK_FLAGS: kit does not take this$/,
  ],
  [
    "a full disk",
    ["[ERROR] Failed to unpack: write model.bin: no space left on device"],
    "destination",
    /^Give the volume more space$/,
  ],
  [
    "a path that is too long",
    ["[ERROR] Failed to unpack: mkdir /mnt/models/a/b: file name too long"],
    "destination",
    /^Pack shorter names: one may have 255 bytes, and a path with the destination's 4055$/,
  ],
  [
    "a path that is too long, and takes kit two lines to name",
    [`[ERROR] Failed to unpack: illegal file path: ${LONG}: error resolving /mnt/${LONG}: lstat /mnt/${LONG}: file name too long`],
    "destination",
    /^Pack shorter names: one may have 255 bytes/,
  ],
  [
    "a layer of more files than can be open",
    ["[ERROR] Failed to unpack: failed to create file x/4086: open x/4086: too many open files"],
    "kit",
    /^Raise the container's limit of open files/,
  ],
  ["a cut stream", ["[ERROR] Failed to unpack: unexpected EOF"], "unavailable", NETWORK, true],
  [
    "a closed connection",
    [`[ERROR] Failed: Get "http://${HOST}/v2/r/blobs/x": EOF`],
    "unavailable",
    NETWORK,
    true,
  ],
  [
    "a panic",
    ["panic: runtime error: invalid memory address or nil pointer dereference"],
    "kit",
    OWN_WORDS,
  ],
  ["nothing", [], "kit", OWN_WORDS],
  [
    "too many requests",
    [`[ERROR] GET "http://${HOST}/v2/": response status code 429: toomanyrequests`],
    "unavailable",
    /^Try again later, or look at the registry$/,
    true,
  ],
  [
    "a broken registry",
    [`[ERROR] GET "http://${HOST}/v2/": response status code 503: Service Unavailable`],
    "unavailable",
    /^Try again later, or look at the registry$/,
    true,
  ],
  [
    "a forbidden repository",
    [
      `[ERROR] GET "http://${HOST}/v2/": response status code 403: denied: no`,
    ],
    "auth",
    /^Check the credentials for this host/,
  ],
  [
    "a damaged manifest",
    ["[ERROR] Failed to fetch manifest: mismatch digest"],
    "integrity",
    /^Push the ModelKit again: what the registry has is damaged$/,
  ],
  [
    "a folder that is not writable",
    ["[ERROR] Failed to unpack: mkdir /x: permission denied"],
    "destination",
    /^Make the destination writable, for example with the pod's fsGroup$/,
  ],
  [
    "a read-only volume",
    ["[ERROR] open /x: read-only file system"],
    "destination",
    /^Mount the volume writable$/,
  ],
];
for (const [name, lines, outcome, hint, transient] of MESSAGES) {
  Deno.test(`kit errors: ${name} is "${outcome}"`, () => {
    const failure = kitFailure("unpack it", lines, FAILED);
    assert.deepEqual([failure.outcome, failure.host], [outcome, HOST]);
    if (transient !== undefined) assert.equal(failure.transient, transient);
    assert.match(failure.message, /^Cannot unpack it: \S/);
    assert.doesNotMatch(failure.message, /\[ERROR|Error:/);
    assert.match(failure.hint ?? "", hint);
  });
}

/** What kit 1.0.0 says of what only newer versions have. */
const TOO_OLD: [name: string, line: string, outcome: FailureName, hint?: RegExp][] = [
  ["a flag", "Error: unknown flag: --include-remote", "usage"],
  ["a short flag", "Error: unknown shorthand flag: 'i' in -i", "usage"],
  [
    "a ModelPack",
    "[ERROR] Failed to read model: reference exists but is not a modelkit",
    "kit",
    /this one does not know ModelPacks/,
  ],
];
for (const [name, line, outcome, hint = /./] of TOO_OLD) {
  Deno.test(`kit errors: ${name} that this kit is too old for is "${outcome}", and asks for a newer one`, () => {
    const failure = kitFailure("unpack it", [line], FAILED);
    assert.equal(failure.outcome, outcome);
    assert.match(failure.hint!, /^Build the image on a (newer )?kit\b.*1\.15\.0/);
    assert.match(failure.hint!, hint);
  });
}

for (const name of ["tls", "unauthorized", "x509", "unexpected-eof/denied"]) {
  Deno.test(`kit errors: a missing repository that is called "${name}" is "not found" all the same`, () => {
    const reference = `${HOST}/acme/${name}:v1`;
    for (
      const line of [
        `[ERROR] Could not find modelkit ${reference}`,
        `[ERROR] Failed to find reference ${reference}: reference ${reference} is not present in local storage and could not be found in remote`,
      ]
    ) assert.equal(kitFailure("find it", [line], FAILED).outcome, "not found");
  });
}

Deno.test("kit errors: several lines are one message", () => {
  const failure = kitFailure("run kit", ["[ERROR] one", "Error: two"], FAILED);
  assert.equal(failure.message, "Cannot run kit: one; two");
});

Deno.test("kit errors: a flag of ours that kit does not know is not the user's mistake", () => {
  const failWith = (flags: string) =>
    kitFailure("run kit", ["Error: unknown flag: --proxy"], { ...FAILED, flags });
  const failure = failWith("--plain-http");
  assert.deepEqual([failure.outcome, failure.message], [
    "kit",
    "Cannot run kit: this kit does not know --proxy",
  ]);
  assert.match(failure.hint ?? "", /1\.15/);
  assert.equal(failWith("--proxy=http://proxy.test").outcome, "usage");
});

Deno.test("kit errors: a message has a limit, and keeps its end, where the reason is", () => {
  const { message } = kitFailure("run kit", ["x y ".repeat(25_000) + "the reason"], FAILED);
  assert.ok(message.length < 700);
  assert.match(message, /^Cannot run kit: x y .*….* the reason$/);
});

Deno.test("kit errors: a path that nobody reads is cut, and a name that is as long as names may be is not", () => {
  const name = "n".repeat(255);
  const { message } = kitFailure("run kit", [`open ${LONG}: read ${name}: no`], FAILED);
  assert.equal(
    message,
    `Cannot run kit: open ${LONG.slice(0, 40)}…${LONG.slice(-19)}: read ${name}: no`,
  );
});

const ENDS: [
  name: string,
  status: Pick<Deno.CommandStatus, "code" | "signal">,
  message: string,
  hint: RegExp,
][] = [
  [
    "a code",
    { code: 3, signal: null },
    "Cannot run kit: kit ended with code 3",
    /KIT_LOG_LEVEL=debug/,
  ],
  [
    "a signal",
    { code: 139, signal: "SIGSEGV" },
    "Cannot run kit: kit was ended by SIGSEGV",
    OWN_WORDS,
  ],
  [
    "SIGKILL",
    { code: 137, signal: "SIGKILL" },
    "Cannot run kit: kit was ended by SIGKILL",
    /memory limit/,
  ],
];
for (const [name, status, message, hint] of ENDS) {
  Deno.test(`kit errors: without words, ${name} is what is said`, () => {
    const failure = kitFailure("run kit", [], { status });
    assert.deepEqual([failure.outcome, failure.message], ["kit", message]);
    assert.match(failure.hint ?? "", hint);
    assert.equal(failure instanceof KitKilled, status.signal !== null);
  });
}
