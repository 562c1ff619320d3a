import { createFetch } from "../../lib/http.ts";

// For http_test.ts, which runs it as a process, since Deno reads proxies and roots from the environment once.
// Arguments: a file with CA certificates, then URLs. It prints each answer's body on a line.
const [caFile, ...urls] = Deno.args;
using fetch = createFetch({ caCertificates: [await Deno.readTextFile(caFile)] });
for (const url of urls) console.log(await (await fetch(url)).text());
