import assert from "node:assert/strict";
import { readConfig } from "../lib/config.ts";
import { failureOf } from "./support/failure.ts";

const PAIR = ["kit://ghcr.io/org/model:v1", "/mnt/models"];
const OTHER = ["kit://quay.io/org/other:v1", "/mnt/other"];

Deno.test("config: with nothing but a pair everything has its default", () => {
  assert.deepEqual({ ...readConfig(PAIR, {}) }, {
    action: "run",
    pairs: [{
      uri: PAIR[0],
      reference: { host: "ghcr.io", repository: "org/model", tag: "v1" },
      destination: PAIR[1],
    }],
    flags: {
      words: [],
      network: [],
      local: [],
      tlsVerify: true,
      tlsCert: [],
      selection: [],
      filters: [],
      plainHttp: false,
      overwrite: false,
      ignoreExisting: false,
      includeRemote: false,
      ownChoice: false,
    },
    dockerConfigJson: undefined,
    transfer: "verified",
    connections: 8,
    kitBin: "kit",
    attempts: 6,
    expect: [],
    mirrors: new Map(),
    signature: undefined,
    timeout: undefined,
    stallTimeout: 60_000,
    caBundle: undefined,
    logFormat: "text",
    logLevel: "info",
    environment: {},
    warnings: [],
    mistakes: [],
  });
});

Deno.test("config: every setting is read", () => {
  const config = readConfig(PAIR, {
    KIT_UNPACK_FLAGS: "--plain-http -f 'model:a b'",
    KIT_TRANSFER: "direct",
    KIT_USER: "me",
    KIT_PASSWORD: "pass:word",
    KIT_REGISTRY: "quay.io",
    KIT_DOCKER_CONFIG_JSON: "{}",
    KIT_BIN: "/opt/kit",
    KIT_RETRIES: "3",
    KIT_TIMEOUT: "1h30m",
    KIT_STALL_TIMEOUT: "5",
    KIT_CA_BUNDLE: "/ca.pem",
    KIT_LOG_FORMAT: "json",
    KIT_LOG_LEVEL: "warn",
    KIT_TERMINATION_LOG: "/tmp/log",
  });
  assert.equal(config.flags.plainHttp, true);
  assert.deepEqual(config.flags.filters, ["model:a b"]);
  assert.equal(config.user, "me");
  assert.equal(config.password?.reveal(), "pass:word");
  assert.equal(config.registry, "quay.io");
  assert.equal(config.dockerConfigJson?.reveal(), "{}");
  assert.deepEqual(
    [config.kitBin, config.attempts, config.timeout, config.stallTimeout, config.caBundle],
    ["/opt/kit", 3, 5_400_000, 5000, "/ca.pem"],
  );
  assert.deepEqual([config.logFormat, config.logLevel], ["json", "warn"]);
  assert.deepEqual(config.warnings, []);
});

Deno.test("config: signatures that are required are read, and an empty name is told", () => {
  const { signature } = readConfig(PAIR, { KIT_COSIGN_KEY: "/cosign.pub" });
  assert.equal(signature?.key, "/cosign.pub");
  const { signature: none, warnings } = readConfig(PAIR, { KIT_COSIGN_KEY: "" });
  assert.equal(none, undefined);
  assert.deepEqual(warnings, ["KIT_COSIGN_KEY is empty: signatures are not checked"]);
  const { warnings: [uncovered] } = readConfig(PAIR, {
    KIT_COSIGN_KEY: "/cosign.pub",
    KIT_UNPACK_FLAGS: "--include-remote",
  });
  assert.match(uncovered, /^Signatures do not cover datasets in S3/);
});

const QUIET: [args: string[], environment: Record<string, string>, level: string][] = [
  [["--quiet"], {}, "warn"],
  [["-q"], {}, "warn"],
  [["--quiet"], { KIT_LOG_LEVEL: "debug" }, "warn"],
  [["--quiet"], { KIT_LOG_LEVEL: "error" }, "error"],
  [["--quiet", "--log-level=error"], {}, "error"],
  [["--quiet", "--log-level=debug"], { KIT_LOG_LEVEL: "error" }, "warn"],
];
for (const [args, environment, level] of QUIET) {
  Deno.test(`config: ${args.join(" ")} with ${JSON.stringify(environment)} is ${level}`, () => {
    const config = readConfig([...args, ...PAIR], environment);
    assert.equal(config.logLevel, level);
    assert.equal(config.pairs.length, 1);
  });
}

Deno.test("config: several pairs are read in their order", () => {
  const { pairs } = readConfig([...PAIR, ...OTHER], {});
  assert.deepEqual(pairs.map(({ uri, destination }) => [uri, destination]), [PAIR, OTHER]);
});

Deno.test("config: words that look like numbers stay as they are written", () => {
  assert.equal(readConfig([PAIR[0], "007"], {}).pairs[0].destination, "007");
});

Deno.test("config: an empty value counts as absent, for every setting", () => {
  const names = [
    ...["KIT_UNPACK_FLAGS", "KIT_TRANSFER", "KIT_USER", "KIT_PASSWORD", "KIT_REGISTRY", "KIT_BIN"],
    ...[
      "KIT_DOCKER_CONFIG_JSON",
      "KIT_RETRIES",
      "KIT_TIMEOUT",
      "KIT_STALL_TIMEOUT",
      "KIT_CA_BUNDLE",
    ],
    ...["KIT_LOG_FORMAT", "KIT_LOG_LEVEL", "KIT_TERMINATION_LOG", "KIT_UNKNOWN", "AWS_ROLE_ARN"],
  ];
  const empty = Object.fromEntries(names.map((name) => [name, ""]));
  assert.deepEqual(readConfig(PAIR, empty), readConfig(PAIR, {}));
});

Deno.test("config: an option wins over its variable", () => {
  const config = readConfig(["--log-format=json", "--log-level", "debug", ...PAIR], {
    KIT_LOG_FORMAT: "text",
    KIT_LOG_LEVEL: "error",
  });
  assert.deepEqual([config.logFormat, config.logLevel], ["json", "debug"]);
});

const ACTIONS: [args: string[], action: string][] = [
  [["--help"], "help"],
  [["-h"], "help"],
  [["--version"], "version"],
  [["--help", "s3://bucket/x"], "help"],
];
for (const [args, action] of ACTIONS) {
  Deno.test(`config: "${args.join(" ")}" asks for ${action}, whatever else is wrong`, () => {
    assert.equal(readConfig(args, { KIT_RETRIES: "many" }).action, action);
  });
}

Deno.test("config: all mistakes are told at once", async () => {
  const failure = await failureOf(() =>
    readConfig([
      "--bogus=1",
      "s3://bucket/model",
      "/mnt/a",
      "kit://model",
      "/mnt/b",
      "kit://ghcr.io/x",
    ], {
      KIT_USER: "me",
      KIT_RETRIES: "0",
      KIT_TIMEOUT: "soon",
      KIT_STALL_TIMEOUT: "-1s",
      KIT_TRANSFER: "pigeon",
      KIT_LOG_FORMAT: "xml",
      KIT_LOG_LEVEL: "loud",
      KIT_UNPACK_FLAGS: "-d /x",
    })
  );
  assert.equal(failure.outcome, "usage");
  assert.match(failure.message, /^Cannot start \(12 mistakes\): /);
  const parts = [
    /there is no option "--bogus"/,
    /pair 1, "s3:\/\/bucket\/model" to "\/mnt\/a": the scheme is "s3:\/\/"/,
    /pair 2, "kit:\/\/model" to "\/mnt\/b": it has no registry host/,
    /the URI "kit:\/\/ghcr.io\/x" has no destination/,
    /KIT_USER is set, but KIT_PASSWORD is empty or missing/,
    /KIT_RETRIES is "0"/,
    /KIT_TIMEOUT is "soon", and must be a duration such as/,
    /KIT_STALL_TIMEOUT is "-1s"/,
    /KIT_TRANSFER is "pigeon"/,
    /KIT_LOG_FORMAT is "xml", and can be text, json/,
    /KIT_LOG_LEVEL is "loud", and can be debug, info, warn, error/,
    /KIT_UNPACK_FLAGS: --dir is not allowed/,
  ];
  for (const part of parts) assert.match(failure.message, part);
  assert.equal(failure.hint, "Correct the arguments or the environment; --help lists them");
});

Deno.test("config: an option that there is not is told once, without what may be a password", async () => {
  const args = [...PAIR, "--password=hidden-4711", "-abc"];
  const { message } = await failureOf(() => readConfig(args, {}));
  assert.equal(
    message,
    'Cannot start (2 mistakes): there is no option "--password"; there is no option "-abc"',
  );
});

const MISTAKES: [name: string, args: string[], environment: Record<string, string>, why: RegExp][] =
  [
    ["no arguments", [], {}, /^Cannot start: arguments are missing: <uri> <dest>/],
    ["a URI alone", [PAIR[0]], {}, /the URI "kit:\/\/ghcr.io\/org\/model:v1" has no destination/],
    ["an empty destination", [PAIR[0], ""], {}, /pair 1 .* the destination is empty/],
    ["a destination with a NUL", [PAIR[0], "/a\0b"], {}, /pair 1 .* not a path/],
    [
      "an s3:// pair behind ours",
      [...PAIR, "s3://b/m", "/mnt/s3"],
      {},
      /pair 2, "s3:\/\/b\/m" to "\/mnt\/s3"/,
    ],
    ["a log format that there is not", ["--log-format=xml", ...PAIR], {}, /--log-format is "xml"/],
    ["a log level that there is not", ["--log-level=loud", ...PAIR], {}, /--log-level is "loud"/],
    [
      "a password without a user",
      PAIR,
      { KIT_PASSWORD: "secret" },
      /KIT_PASSWORD is set, but KIT_USER/,
    ],
    [
      "an empty password",
      PAIR,
      { KIT_USER: "me", KIT_PASSWORD: "" },
      /KIT_PASSWORD is empty or missing/,
    ],
    ["101 attempts", PAIR, { KIT_RETRIES: "101" }, /KIT_RETRIES is "101"/],
    ["half an attempt", PAIR, { KIT_RETRIES: "1.5" }, /whole number/],
    [
      "an expectation that is no glob",
      PAIR,
      { KIT_EXPECT: "ok a[b" },
      /KIT_EXPECT, "a\[b": there is a "\["/,
    ],
    [
      "an unfinished quote",
      PAIR,
      { KIT_UNPACK_FLAGS: "-f 'x" },
      /KIT_UNPACK_FLAGS: .* not finished/,
    ],
    [
      "a user and URIs on several hosts",
      [...PAIR, ...OTHER],
      { KIT_USER: "me", KIT_PASSWORD: "secret" },
      /KIT_REGISTRY must say which host KIT_USER is for, since the URIs name ghcr.io and quay.io/,
    ],
  ];
for (const [name, args, environment, why] of MISTAKES) {
  Deno.test(`config: ${name} is a usage failure that says so`, async () => {
    const failure = await failureOf(() => readConfig(args, environment));
    assert.equal(failure.outcome, "usage");
    assert.match(failure.message, why);
    assert.doesNotMatch(failure.message, /secret/);
    assert.match(failure.hint ?? "", /--help/);
  });
}

const REGISTRIES: [name: string, given: string | undefined, args: string[], registry: string][] = [
  ["by default it is the URIs' host", undefined, PAIR, "ghcr.io"],
  ["two URIs on one host need no KIT_REGISTRY", undefined, [...PAIR, PAIR[0], "/x"], "ghcr.io"],
  ["with several hosts it is KIT_REGISTRY", "quay.io", [...PAIR, ...OTHER], "quay.io"],
  ["a URL stands for its host", "https://quay.io/v2/", PAIR, "quay.io"],
  ["a port stays", "http://localhost:5000", PAIR, "localhost:5000"],
];
for (const [name, given, args, registry] of REGISTRIES) {
  Deno.test(`config: the host that the password is for: ${name}`, () => {
    const environment = { KIT_USER: "me", KIT_PASSWORD: "secret", KIT_REGISTRY: given ?? "" };
    assert.equal(readConfig(args, environment).registry, registry);
  });
}

Deno.test("config: an unknown KIT_ name is a warning with the nearest one", () => {
  assert.deepEqual(readConfig(PAIR, { KIT_PASSWORT: "x" }).warnings, [
    'Unknown setting "KIT_PASSWORT" has no effect: did you mean KIT_PASSWORD?',
  ]);
});

Deno.test("config: it cannot be changed, and shows no secret", () => {
  const config = readConfig(PAIR, {
    KIT_USER: "me",
    KIT_PASSWORD: "secret-1",
    KIT_DOCKER_CONFIG_JSON: "secret-2",
  });
  assert.throws(() => Object.assign(config, { attempts: 1 }), TypeError);
  const { environment: _, ...rest } = config;
  assert.doesNotMatch(Deno.inspect(rest) + JSON.stringify(rest), /secret-/);
});

const WITH_PASSWORD: [name: string, args: string[]][] = [
  ["in a pair", ["me:pass-word@h.io/a", "/x"]],
  ["with a slash in it", ["me:my/pass-word@h.io/a", "/x"]],
  ["without a destination", ["kit://me:pass-word@h.io/a"]],
  ["with an empty destination", ["me:pass-word@h.io/a", ""]],
];
for (const [name, args] of WITH_PASSWORD) {
  Deno.test(`config: a password in a URI by mistake is not shown, ${name}`, async () => {
    const failure = await failureOf(() => readConfig(args, {}));
    assert.doesNotMatch(failure.message, /pass-word/);
  });
}

const PATIENTS: [words: string[], destinations: [string, boolean][]][] = [
  [[], []],
  [["kit://ghcr.io/a/b"], [["/mnt/models", true]]],
  [["kit://ghcr.io/a/b", "/data"], [["/data", false]]],
  [["kit://ghcr.io/a/b", "./data", "ghcr.io/a/c", "../c"], [["./data", false], ["../c", false]]],
  [["kit://ghcr.io/a/b", "kit://ghcr.io/a/c", "/c"], [["/mnt/models", true], ["/c", false]]],
];
for (const [words, destinations] of PATIENTS) {
  Deno.test(`config: doctor ${words.join(" ")} is for ${destinations.length} places`, () => {
    const { action, pairs, mistakes } = readConfig(["doctor", ...words], {});
    assert.deepEqual([action, mistakes], ["doctor", []]);
    assert.deepEqual(
      pairs.map(({ destination, isAssumed = false }) => [destination, isAssumed]),
      destinations,
    );
  });
}

Deno.test("config: doctor is told of all mistakes, and goes on", () => {
  const words = ["doctor", "/data", "s3://bucket/a", "/a", "ghcr.io/a/b", "--bogus"];
  const { mistakes, pairs } = readConfig(words, { KIT_RETRIES: "0" });
  assert.equal(mistakes.length, 4, mistakes.join("\n"));
  assert.equal(pairs.length, 1);
});
