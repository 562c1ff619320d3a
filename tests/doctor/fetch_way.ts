// Asks the real fetch which way it takes: prints, for each row of its argument, whether the proxy was asked.
interface Row {
  url: string;
  variables: Record<string, string>;
  flag?: string;
}

const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
let asked = 0;
(async () => {
  for await (const connection of listener) {
    asked++;
    connection.close();
  }
})().catch(() => {});
const address = `127.0.0.1:${listener.addr.port}`;

const answers: boolean[] = [];
for (const { url, variables, flag } of JSON.parse(Deno.args[0]) as Row[]) {
  for (const name of NAMES) {
    Deno.env.delete(name);
    Deno.env.delete(name.toLowerCase());
  }
  for (const [name, value] of Object.entries(variables)) {
    Deno.env.set(name, value.replace("PROXY", address));
  }
  const proxy = flag === undefined ? undefined : { url: flag.replace("PROXY", address) };
  const client = Deno.createHttpClient({ proxy });
  const before = asked;
  // Nobody answers: either the proxy hangs up, or the name leads nowhere.
  await fetch(url, { client }).then((response) => response.body?.cancel(), () => {});
  client.close();
  answers.push(asked > before);
}
listener.close();
console.log(JSON.stringify(answers));
