// Metrics and traces of the real program: where they are, what they say, and that they disturb nothing.
import assert from "node:assert/strict";
import { makeCertificate } from "../support/certificate.ts";
import { Collector } from "../support/collector.ts";
import { at } from "../support/crash.ts";
import { FaultProxy } from "../support/fault_proxy.ts";
import { parsePrometheus } from "../support/prometheus.ts";
import { TokenServer } from "../support/token_server.ts";
import { snapshot, TestWorld } from "../support/world.ts";

const NAME = ".kit-storage.prom";
const USER = { user: "alice", password: "correct-horse-4721" };

/** The values of a file of metrics, by name and what tells samples of one metric apart. */
async function metricsIn(path: string): Promise<Record<string, number>> {
  const samples = parsePrometheus(await Deno.readTextFile(path));
  return Object.fromEntries(
    samples.map(({ name, labels: { pair, phase, outcome, limit }, value }) => [
      [name.replace("kitops_storage_initializer_", ""), pair, phase, outcome, limit]
        .filter((part) => part !== undefined).join(" "),
      value,
    ]),
  );
}

Deno.test("metrics in the destination: beside the ModelKit, and not in its way", async (t) => {
  await using world = await TestWorld.create();
  const files = { "model.bin": "payload of metrics", "data/x.csv": "1" };
  const { uri } = await world.push("team/metrics:v1", files);
  const destination = world.destination("metrics");
  const path = `${destination}/${NAME}`;
  const run = (args = [uri, destination], env: Record<string, string> = {}) =>
    world.run(args, { env: { KIT_METRICS_FILE: path, ...env } });

  await t.step("the first start says what it did", async () => {
    const ended = await run();
    assert.equal(ended.code, 0, ended.stderr);
    const paths = Object.keys(await snapshot(destination));
    assert.deepEqual(paths, [NAME, "Kitfile", "data", "data/x.csv", "model.bin"]);
    const metrics = await metricsIn(path);
    assert.equal(metrics["last_run_exit_code"], 0);
    assert.equal(metrics["last_run_outcome ok"], 1);
    assert.equal(metrics["pair_complete 1"], 1);
    assert.equal(metrics["pair_already_complete 1"], 0);
    assert.equal(metrics["pair_unpacked_bytes 1"], ended.report.bytes);
    assert.ok(metrics["pair_downloaded_bytes 1"] > files["model.bin"].length);
    assert.ok(metrics["pair_connections 1"] >= 1);
    const phases = ["lock", "resolve", "transfer", "publish"]
      .map((phase) => metrics[`pair_phase_duration_seconds 1 ${phase}`]);
    assert.ok(phases.every((seconds) => seconds > 0), `${phases}`);
    const whole = metrics["pair_duration_seconds 1"];
    assert.ok(phases.reduce((sum, seconds) => sum + seconds) <= whole, `${phases} in ${whole}`);
    assert.ok(whole <= metrics["last_run_duration_seconds"]);
    const took = metrics["last_run_end_timestamp_seconds"] -
      metrics["last_run_start_timestamp_seconds"];
    assert.ok(Math.abs(took - metrics["last_run_duration_seconds"]) < 0.001);
  });

  await t.step("the second start finds all of it complete, and says so", async () => {
    const ended = await run();
    assert.equal(ended.report.bytes, 0, ended.stderr);
    const metrics = await metricsIn(path);
    assert.equal(metrics["pair_complete 1"], 1);
    assert.equal(metrics["pair_already_complete 1"], 1);
    assert.equal(metrics["pair_downloaded_bytes 1"], 0);
  });

  await t.step("a tag that moved replaces the ModelKit's files, and not this one", async () => {
    await world.push("team/metrics:v1", { "model.bin": "payload of other metrics" });
    const ended = await run();
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual(Object.keys(await snapshot(destination)), [NAME, "Kitfile", "model.bin"]);
    assert.equal((await metricsIn(path))["pair_already_complete 1"], 0);
  });

  await t.step("a failure is told too, with the pair that was complete before it", async () => {
    const other = world.destination("metrics-missing");
    const ended = await run([uri, destination, uri.replace(":v1", ":v9"), other]);
    assert.equal(ended.code, 4, ended.stderr);
    const metrics = await metricsIn(path);
    assert.equal(metrics["last_run_exit_code"], 4);
    assert.equal(metrics["last_run_outcome not found"], 1);
    assert.equal(metrics["last_run_outcome ok"], 0);
    assert.equal(metrics["pair_complete 1"], 1);
    assert.equal(metrics["pair_complete 2"], 0);
  });

  await t.step("a ModelKit with a file of that name is refused", async () => {
    const bad = await world.push("team/bad:v1", { "model.bin": "x", [NAME]: "not metrics" });
    const ended = await run([bad.uri, world.destination("bad")]);
    assert.equal(ended.code, 7, ended.stderr);
    assert.match(ended.sentence, /"\.kit-storage\.prom": the name is reserved/);
  });

  await t.step("any other name there could be the ModelKit's: a warning", async () => {
    const ended = await run(undefined, { KIT_METRICS_FILE: `${destination}/model.bin` });
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /WARN .*Cannot write the metrics: .*must be ".*\.prom"/);
    assert.equal(
      await Deno.readTextFile(`${destination}/model.bin`),
      "payload of other metrics",
    );
  });
});

Deno.test("metrics elsewhere", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/elsewhere:v1", { "model.bin": "payload of elsewhere" });
  const path = `${world.folder}/kit.prom`;

  await t.step("a run that cannot read its configuration is told of", async () => {
    const ended = await world.run([uri], { env: { KIT_METRICS_FILE: path } });
    assert.equal(ended.code, 2);
    const metrics = await metricsIn(path);
    assert.equal(metrics["last_run_outcome usage"], 1);
    assert.equal(metrics["pair_complete 1"], undefined);
  });

  await t.step(
    "a file that cannot be written is a warning, and the last line is another",
    async () => {
      const ended = await world.run([uri, world.destination("unwritable")], {
        env: { KIT_METRICS_FILE: "/nowhere/kit.prom" },
      });
      assert.equal(ended.code, 0, ended.stderr);
      const lines = ended.stderr.trimEnd().split("\n");
      assert.match(lines.at(-2)!, /WARN .*Cannot write the metrics: .*path=\/nowhere\/kit\.prom/);
      assert.match(lines.at(-1)!, /is complete in/);
    },
  );

  await t.step("doctor is no run, also where a signal ends it", async () => {
    const other = `${world.folder}/doctor.prom`;
    const asked = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    await using held = new FaultProxy(world.host, () => {
      asked.resolve();
      return { hold: end.promise };
    });
    const ended = await world.run(["doctor", uri.replace(world.host, held.host)], {
      env: { KIT_METRICS_FILE: other },
      onStart: async (process) => {
        await asked.promise;
        process.kill("SIGTERM");
        await process.status;
      },
    });
    end.resolve();
    assert.equal(ended.code, 143, ended.stderr);
    await assert.rejects(Deno.stat(other), Deno.errors.NotFound);
  });

  await t.step("an empty value is none", async () => {
    const ended = await world.run([uri, world.destination("empty")], {
      env: { KIT_METRICS_FILE: "", OTEL_EXPORTER_OTLP_ENDPOINT: "" },
    });
    assert.equal(ended.code, 0);
    assert.doesNotMatch(ended.stderr, /WARN/);
  });
});

Deno.test("a signal in the middle of a layer: metrics and trace say so, in time", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/signal:v1", { "model.bin": "payload of a signal" });
  const CASES: [name: string, hangs: "nothing" | "collector" | "cleaning up"][] = [
    ["a collector that answers", "nothing"],
    ["a collector that does not answer", "collector"],
    ["a disk that does not let us clean up", "cleaning up"],
  ];
  for (const [name, hangs] of CASES) {
    await t.step(`with ${name}`, async () => {
      const [asked, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      await using collector = new Collector({
        onTrace: () => hangs === "collector" ? end.promise : undefined,
      });
      // Only layers are asked for in ranges.
      await using held = new FaultProxy(world.host, ({ range }) => {
        if (range === null) return undefined;
        asked.resolve();
        return { hold: end.promise };
      });
      const { preload, env } = at({ when: "before", step: "^remove .*/STAGING$", act: "hang" });
      const path = `${world.folder}/${hangs}.prom`;
      let sent = 0;
      const ended = await world.run(
        [uri.replace(world.host, held.host), world.destination(hangs.replace(" ", "-"))],
        {
          preload: hangs === "cleaning up" ? preload : undefined,
          env: {
            ...env,
            KIT_METRICS_FILE: path,
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
          },
          onStart: async (process) => {
            await asked.promise;
            sent = performance.now();
            process.kill("SIGTERM");
            await process.status;
            sent = performance.now() - sent;
          },
        },
      );
      end.resolve();
      assert.equal(ended.code, 143, ended.stderr);
      assert.ok(sent < 2000, `it took ${sent} ms`);
      const metrics = await metricsIn(path);
      assert.equal(metrics["last_run_exit_code"], 143);
      assert.equal(metrics["last_run_outcome terminated"], 1);
      assert.equal(metrics["pair_complete 1"], 0);
      assert.equal(/Cannot send the trace: No answer/.test(ended.stderr), hangs === "collector");
      // Who cannot clean up has no time to send it.
      assert.equal(collector.traces.length, hangs === "cleaning up" ? 0 : 1);
      for (const { spans: [run, pair, ...phases] } of collector.traces) {
        for (const span of [run, pair, phases.find(({ name }) => name === "transfer")]) {
          assert.equal(span?.attributes["error.type"], "terminated");
        }
        assert.equal(run.attributes["process.exit.code"], 143);
      }
    });
  }
});

Deno.test("a trace with sign-ins, over TLS, without a secret", async (t) => {
  const { cert, key, ca } = await makeCertificate();
  await using tokens = await TokenServer.create({ users: { [USER.user]: USER.password } });
  await using world = await TestWorld.create({ token: tokens.config });
  const { uri } = await world.push("alice/traced:v1", { "model.bin": "payload of a trace" }, {
    login: USER,
  });
  for (const transfer of ["verified", "direct"]) {
    await t.step(`${transfer} transfer`, async () => {
      await using collector = new Collector({ tls: { cert, key } });
      const parent = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
      const path = `${world.folder}/${transfer}.prom`;
      const ended = await world.run([uri, world.destination(transfer)], {
        env: {
          KIT_USER: USER.user,
          KIT_PASSWORD: USER.password,
          KIT_TRANSFER: transfer,
          KIT_CA_BUNDLE: ca,
          KIT_LOG_LEVEL: "debug",
          KIT_METRICS_FILE: path,
          OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.endpoint}/`,
          OTEL_EXPORTER_OTLP_HEADERS: "api-key=open%20sesame%204722",
          OTEL_RESOURCE_ATTRIBUTES: "k8s.pod.name=iris-0",
          TRACEPARENT: `00-${parent.traceId}-${parent.spanId}-01`,
        },
      });
      assert.equal(ended.code, 0, ended.stderr);
      assert.doesNotMatch(ended.stderr, /Cannot send/);
      assert.equal(collector.traces.length, 1);
      assert.equal(collector.headers[0].get("api-key"), "open sesame 4722");
      const [{ resource, spans }] = collector.traces;
      assert.equal(resource["service.name"], "kit-storage-initializer");
      assert.equal(resource["k8s.pod.name"], "iris-0");
      assert.equal(spans[0].parentSpanId, parent.spanId);
      assert.equal(spans[0].traceId, parent.traceId);
      const resolving = spans.find(({ name }) => name === "resolve")!;
      const signIns = spans.filter(({ name }) => name === "sign-in");
      assert.ok(signIns.some(({ parentSpanId }) => parentSpanId === resolving.spanId));
      // A token for the repository; or what credentials there are, and kit's login.
      assert.equal(signIns.length, transfer === "verified" ? 1 : 2);
      for (const { attributes } of signIns) {
        assert.equal(attributes["server.address"], "127.0.0.1");
        assert.equal(attributes["server.port"], Number(world.host.split(":")[1]));
      }
      assert.ok((await metricsIn(path))["pair_phase_duration_seconds 1 sign-in"] > 0);
      const told = [
        JSON.stringify(spans, (_, value) => typeof value === "bigint" ? String(value) : value),
        await Deno.readTextFile(path),
      ];
      for (const text of [...told, ended.stderr, ended.message, await world.kitCalls()]) {
        assert.doesNotMatch(text, /correct-horse|sesame|Bearer [\w-]/);
      }
    });
  }
});

Deno.test("a trace that cannot be sent is a warning, and nobody waits long for it", async (t) => {
  await using world = await TestWorld.create();
  const { uri } = await world.push("team/unsent:v1", { "model.bin": "payload of the unsent" });
  const destination = world.destination("unsent");
  const endsWell = (ended: { code: number; stderr: string }, warning: RegExp) => {
    assert.equal(ended.code, 0, ended.stderr);
    const lines = ended.stderr.trimEnd().split("\n");
    assert.match(lines.at(-2)!, warning);
    assert.match(lines.at(-1)!, /is complete in/);
  };

  const CASES: [name: string, env: Record<string, string>, warning: RegExp][] = [
    [
      "nobody listens",
      { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${closedPort()}` },
      /WARN .*Cannot send the trace: .*refused/i,
    ],
    [
      "gRPC is asked for",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      /WARN .*Cannot send the trace: .*"grpc", and can be http\/json/,
    ],
    [
      "the collector has another path",
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://${world.host}/v1/traces` },
      /WARN .*Cannot send the trace: the collector answered 404/,
    ],
  ];
  for (const [name, env, warning] of CASES) {
    await t.step(name, async () => {
      endsWell(await world.run([uri, destination], { env }), warning);
    });
  }

  await t.step(
    "the collector does not answer, and a signal comes: the run had ended well",
    async () => {
      const asked = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<void>();
      const onTrace = () => {
        asked.resolve();
        return answer.promise;
      };
      await using collector = new Collector({ onTrace });
      let waited = 0;
      const ended = await world.run([uri, destination], {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
        onStart: async (process) => {
          await asked.promise;
          waited = performance.now();
          process.kill("SIGTERM");
          await process.status;
          waited = performance.now() - waited;
        },
      });
      answer.resolve();
      endsWell(ended, /WARN .*Cannot send the trace: Stopped by SIGTERM/);
      assert.ok(waited < 1000, `it took ${waited} ms`);
    },
  );

  await t.step("the collector does not answer: 2 s at most", async () => {
    const answer = Promise.withResolvers<void>();
    await using collector = new Collector({ onTrace: () => answer.promise });
    const ended = await world.run([uri, destination], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
    });
    answer.resolve();
    endsWell(ended, /WARN .*Cannot send the trace: No answer within 2 s/);
    assert.ok(ended.elapsed < 10_000);
  });
});

/** A port that was free a moment ago. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
