/** A certificate for `localhost`, 127.0.0.1 and other names, with the authority that signed it, all in PEM. */
export interface TestCertificate {
  cert: string;
  key: string;
  ca: string;
}

export interface CertificateOptions {
  /** When it begins and ends to be valid. Default: from an hour ago, for a day. */
  from?: Date;
  to?: Date;
  /** The only names that it is for, as `DNS:NAME` or `IP:ADDRESS`. */
  only?: string[];
}

const HOUR_MS = 60 * 60 * 1000;

/** Makes an authority of its own and a certificate with `openssl`. */
export async function makeCertificate(
  names: string[] = [],
  options: CertificateOptions = {},
): Promise<TestCertificate> {
  const folder = await Deno.makeTempDir({ prefix: "certificate-" });
  const file = (name: string) => `${folder}/${name}`;
  const now = Date.now();
  const { from = new Date(now - HOUR_MS), to = new Date(now + 24 * HOUR_MS) } = options;
  const { only = ["DNS:localhost", "IP:127.0.0.1", ...names.map(nameOf)] } = options;
  try {
    const request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    await openssl([
      ...[...request, "-x509", "-days", "1", "-subj", "/CN=Test authority"],
      ...["-keyout", file("ca.key"), "-out", file("ca.pem")],
      ...["-addext", "keyUsage=critical,keyCertSign"],
    ]);
    const [subject, csr] = [["-subj", "/CN=localhost"], file("request.pem")];
    await openssl([...request, ...subject, "-keyout", file("key.pem"), "-out", csr]);
    // Of openssl's ways to sign only this one knows dates, and it insists on a database.
    await Deno.writeTextFile(file("index"), "");
    await Deno.writeTextFile(file("ca.conf"), configOf(folder, only));
    await openssl([
      ...["ca", "-batch", "-notext", "-config", file("ca.conf"), "-in", csr],
      ...["-cert", file("ca.pem"), "-keyfile", file("ca.key"), "-out", file("cert.pem")],
      ...["-startdate", dateOf(from), "-enddate", dateOf(to)],
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

function configOf(folder: string, names: string[]): string {
  return `[ca]
default_ca = test
[test]
database = ${folder}/index
new_certs_dir = ${folder}
default_md = sha256
rand_serial = yes
policy = any
x509_extensions = server
[any]
commonName = supplied
[server]
subjectAltName = ${names.join(",")}
basicConstraints = critical,CA:FALSE
`;
}

/** As `YYYYMMDDHHMMSSZ`. */
function dateOf(date: Date): string {
  return date.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
}

/** A name or an IP address, as a certificate says it. */
function nameOf(name: string): string {
  return `${name.includes(":") ? "IP" : "DNS"}:${name}`;
}

async function openssl(args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) {
    const said = new TextDecoder().decode(stderr);
    throw new Error(`This test needs openssl 3 ("apt-get install openssl"): ${said}`);
  }
}
