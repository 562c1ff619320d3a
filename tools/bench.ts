// `deno task bench`: the program beside upstream's way, in one run. Numbers are medians; runs take turns, so
// that whatever else the machine does meets both alike.
import { acquire } from "./acquire.ts";
import { measure, type Measured, median } from "./bench/measure.ts";
import { packAndPush } from "./kit.ts";
import { programCommand } from "./program.ts";
import { startRegistry } from "./registry.ts";

const ROUNDS = Number(Deno.args[0] ?? 15);
const MODEL = new TextEncoder().encode("a small model\n");

interface Way {
  name: string;
  /** The commands that one start runs, one after the other. */
  commands(destination: string): { command: string; args: string[] }[];
}

if (!Number.isInteger(ROUNDS) || ROUNDS < 3) {
  console.error("Usage: deno task bench [rounds, at least 3]");
  Deno.exit(2);
}
const { kit, registry: binary } = await acquire();
const folder = await Deno.makeTempDir({ prefix: "bench-" });
try {
  await using registry = await startRegistry({ binary });
  await Deno.mkdir(`${folder}/pack`);
  await Deno.writeFile(`${folder}/pack/model.bin`, MODEL);
  await Deno.writeTextFile(
    `${folder}/pack/Kitfile`,
    'manifestVersion: "1.0.0"\nmodel: {path: model.bin}\n',
  );
  const reference = `${registry.host}/bench/start:v1`;
  await packAndPush(kit, { folder: `${folder}/pack`, reference, plainHttp: true });
  const env = {
    PATH: Deno.env.get("PATH") ?? "",
    HOME: folder,
    KITOPS_HOME: `${folder}/kit`,
    KIT_BIN: kit,
    KIT_UNPACK_FLAGS: "--plain-http",
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
  };
  await Deno.mkdir(env.KITOPS_HOME);
  // As our program does for itself: a release of kit asks for updates on every command.
  await Deno.writeTextFile(`${env.KITOPS_HOME}/disable-update-notifications`, "");
  const program = programCommand();
  const ways: Way[] = [
    {
      name: "upstream's commands: kit version, kit unpack",
      commands: (destination) => [
        { command: kit, args: ["version"] },
        { command: kit, args: ["unpack", reference, "--plain-http", "-d", destination] },
      ],
    },
    {
      name: "the same kit commands as ours: version, inspect, unpack",
      commands: (destination) => [
        { command: kit, args: ["version"] },
        { command: kit, args: ["inspect", "--remote", reference, "--plain-http=true"] },
        { command: kit, args: ["unpack", reference, "--plain-http", "-d", destination] },
      ],
    },
    {
      name: `ours (${program.args.length === 0 ? "compiled" : "from source"}), direct`,
      commands: (destination) => [
        { ...program, args: [...program.args, `kit://${reference}`, destination] },
      ],
    },
  ];
  const results = new Map<string, Measured[]>(ways.map(({ name }) => [name, []]));
  const again: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, way] of ways.entries()) {
      const destination = `${folder}/dest-${index}-${round}`;
      results.get(way.name)!.push(await measure(way.commands(destination), env));
      if (way === ways.at(-1)) again.push(await measure(way.commands(destination), env));
    }
  }
  console.log(`Start of a ModelKit of a few bytes, plain HTTP, median of ${ROUNDS}:\n`);
  console.log("| way | time | peak memory of all processes |");
  console.log("| --- | ---: | ---: |");
  for (const [name, measured] of [...results, ["ours again, complete already", again] as const]) {
    const ms = median(measured.map(({ milliseconds }) => milliseconds)).toFixed(0);
    const mib = (median(measured.map(({ peakBytes }) => peakBytes)) / 2 ** 20).toFixed(0);
    console.log(`| ${name} | ${ms} ms | ${mib} MiB |`);
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
