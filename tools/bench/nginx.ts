/** nginx in front of a registry, giving each connection a limited rate, as object storages do. */
export interface Limited extends AsyncDisposable {
  host: string;
}

/** Starts nginx with `limit_rate 50m`; `undefined` where nginx is not installed. */
export async function startLimited(registry: string): Promise<Limited | undefined> {
  const folder = await Deno.makeTempDir({ prefix: "nginx-" });
  const port = freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`).join(" ");
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; proxy_max_temp_file_size 0; ${temporary}
  server { listen 127.0.0.1:${port};
    location / { proxy_pass http://${registry}; proxy_set_header Host $http_host; limit_rate 50m; } } }
`,
  );
  try {
    const child = new Deno.Command("nginx", {
      args: ["-c", `${folder}/nginx.conf`, "-e", `${folder}/error.log`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const host = `127.0.0.1:${port}`;
    await untilItAnswers(host);
    return {
      host,
      [Symbol.asyncDispose]: async () => {
        child.kill("SIGTERM");
        await child.status;
        await Deno.remove(folder, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

async function untilItAnswers(host: string): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      const response = await fetch(`http://${host}/v2/`);
      return await response.body?.cancel();
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
