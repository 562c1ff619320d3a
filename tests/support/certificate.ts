/** A certificate for `localhost`, 127.0.0.1 and other names, with the authority that signed it, all in PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
  ca: string;
}

/** Makes an authority of its own and a certificate with `openssl`, valid for one day. */
export async function makeCertificate(names: string[] = []): Promise<TestCertificate> {
  const folder = await Deno.makeTempDir({ prefix: "certificate-" });
  const file = (name: string) => `${folder}/${name}`;
  try {
    const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    await openssl([
      ...[...request, "-nodes", "-days", "1", "-subj", "/CN=Test authority"],
      ...["-keyout", file("ca.key"), "-out", file("ca.pem")],
      ...["-addext", "keyUsage=critical,keyCertSign"],
    ]);
    const kinds = names.map((name) => `${name.includes(":") ? "IP" : "DNS"}:${name}`);
    const san = ["DNS:localhost", "IP:127.0.0.1", ...kinds].join(",");
    await openssl([
      ...[...request, "-nodes", "-days", "1", "-subj", "/CN=localhost"],
      ...["-CA", file("ca.pem"), "-CAkey", file("ca.key")],
      ...["-keyout", file("key.pem"), "-out", file("cert.pem")],
      ...["-addext", `subjectAltName=${san}`, "-addext", "basicConstraints=critical,CA:FALSE"],
    ]);
    const [cert, key, ca] = await Promise.all(
      ["cert.pem", "key.pem", "ca.pem"].map((name) => Deno.readTextFile(file(name))),
    );
    return { cert, key, ca };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Makes a certificate that is its own authority, for `localhost` and 127.0.0.1, in a folder of the caller's. */
export async function makeOwnAuthority(folder: string): Promise<{ cert: string; key: string }> {
  const [cert, key] = [`${folder}/own.pem`, `${folder}/own.key`];
  await openssl([
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-days", "1", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
  ]);
  return { cert, key };
}

async function openssl(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) {
    const said = new TextDecoder().decode(stderr);
    throw new Error(`This test needs openssl 3 ("apt-get install openssl"): ${said}`);
  }
}
