// What the Dockerfile begins with: the real images, or stand-ins where no image can be pulled.
import { ROOT } from "../program.ts";
import { note } from "../steps.ts";
import { isAvailable } from "./engine.ts";
import { importImage } from "./rootfs.ts";

/** The Dockerfile's build arguments. */
export type BuildArguments = Record<"KIT_BASE_IMAGE" | "DENO_IMAGE" | "STD_SOURCE", string>;

const PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * For each base: the environment's choice, else the Dockerfile's own default where it can be pulled, else a
 * stand-in made here.
 *
 * @param kit path of a kit executable, for the stand-in
 */
export async function chooseBases(kit: string): Promise<BuildArguments> {
  const choose = async (name: "KIT_BASE_IMAGE" | "DENO_IMAGE", make: () => Promise<string>) => {
    const wish = Deno.env.get(name);
    if (wish) return wish;
    const standard = await defaultOf(name);
    if (await isAvailable(standard)) return standard;
    const image = await make();
    note(`${standard} cannot be pulled: ${image} stands in for it`);
    return image;
  };
  return {
    KIT_BASE_IMAGE: await choose("KIT_BASE_IMAGE", () => makeKitBase(kit)),
    DENO_IMAGE: await choose("DENO_IMAGE", makeDenoImage),
    STD_SOURCE: Deno.env.get("STD_SOURCE") || "jsr",
  };
}

async function defaultOf(name: string): Promise<string> {
  const dockerfile = await Deno.readTextFile(`${ROOT}/Dockerfile`);
  const value = dockerfile.match(new RegExp(`^ARG ${name}=(\\S+)$`, "m"))?.[1];
  if (!value) throw new Error(`Cannot find the default of ${name} in the Dockerfile`);
  return value;
}

/** As KitOps' image is: musl and busybox, kit in /usr/local/bin, user 1001 with a home folder. */
async function makeKitBase(kit: string): Promise<string> {
  return await importImage({
    name: "storage-initializer-test/kit-base",
    packages: ["musl", "busybox-static"],
    mergedUsr: false,
    files: { "/usr/local/bin/kit": kit, ...await certificates() },
    texts: {
      "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nkit:x:1001:1001::/home/user/:/bin/sh\n",
      "/etc/group": "root:x:0:\nkit:x:1001:\n",
    },
    links: { "/bin/sh": "busybox", "/bin/ls": "busybox", "/bin/cat": "busybox" },
    changes: [PATH, "ENV HOME=/home/user/", "USER 1001", 'ENTRYPOINT ["kit"]'],
  });
}

/** As Deno's image is: Debian with this Deno, and with DENORT_BIN where that is set here. */
async function makeDenoImage(): Promise<string> {
  const denort = Deno.env.get("DENORT_BIN");
  const trusted = await certificates();
  return await importImage({
    name: "storage-initializer-test/deno",
    packages: ["base-files", "bash", "coreutils", "dash", "grep", "libc-bin", "libgcc-s1"],
    mergedUsr: true,
    files: {
      "/usr/bin/deno": Deno.execPath(),
      ...(denort && { "/usr/local/lib/denort": denort }),
      ...trusted,
    },
    texts: { "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\n" },
    links: {},
    changes: [
      PATH,
      "ENV DENO_DIR=/deno-dir/",
      ...(denort ? ["ENV DENORT_BIN=/usr/local/lib/denort"] : []),
      // Where the network inspects TLS, its authority is among this machine's certificates.
      ...(trusted[CERTIFICATES]
        ? [`ENV DENO_TLS_CA_STORE=system`, `ENV SSL_CERT_FILE=${CERTIFICATES}`]
        : []),
    ],
  });
}

async function certificates(): Promise<Record<string, string>> {
  try {
    await Deno.stat(CERTIFICATES);
    return { [CERTIFICATES]: CERTIFICATES };
  } catch {
    return {};
  }
}
