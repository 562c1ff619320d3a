import type { Section } from "./mod.ts";

const MODELKIT = "Name a ModelKit or a ModelPack, as kit pack and kit push make them";
const SPACE = "Give the volume more space";
const WRITABLE = "Mount the volume writable";
const SHORTER = "Give a destination with a shorter path, or pack shorter names";
const WITHOUT_IT = "Pack the ModelKit without it";
const KIT_1_0 = "Use kit 1.0 or newer";

export const DESTINATION: Section = {
  outcome: "destination",
  about: "The folder that is to be filled cannot be. What was in it is still there.",
  who: "engineer",
  retry: "No, until the volume is changed.",
  example: {
    says:
      'Cannot unpack to "/mnt/models": 14200000000 bytes are needed and 10000000000 are free, 4200000000 are missing',
    hint: "Give the volume at least 4.2 GB more",
    uri: "kit://registry.example.com/models/llm:v1",
    seconds: 0.112,
  },
  groups: [
    {
      title: "Before anything is downloaded",
      entries: [
        {
          says:
            'Cannot unpack to "<folder>": <n> bytes are needed and <n> are free, <n> are missing',
          hint: "Give the volume at least <n> <GB> more",
          cause: "The layers together are larger than what is free.",
          remedy:
            "A ModelKit that is there already is replaced only when the new one is complete: for a moment both need space. `--filter` in `KIT_UNPACK_FLAGS` leaves parts out. Without a volume of its own it is the node's disk.",
          test: [
            "reliability/environments.ts",
            "the disk is too small: said before the first byte, and done when it is larger",
          ],
        },
        {
          says: 'Cannot unpack to "<folder>": "<file>" is there already and is not ours',
          hint: "Move it away, or set -o (replace files) or -i (keep them) in KIT_UNPACK_FLAGS",
          cause:
            "Somebody else put a file where the ModelKit has one. Files of an earlier run are known and are replaced.",
          remedy:
            "After a move from KitOps' own image its files count as somebody else's: `-o` once.",
          test: ["e2e/failure_test.ts", "a file of somebody else's in the way"],
        },
        {
          says: 'Cannot publish "<file>": the name is reserved for the initializer',
          hint: "Rename it in the ModelKit",
          cause: "The ModelKit has a file of this program's own names: `.kit-storage…`.",
          remedy:
            "Somebody packed a folder that this program had filled. Pack it without that file.",
          test: ["publish_test.ts", 'publish: a ModelKit with "${name}" in it is refused'],
        },
      ],
    },
    {
      title: "The file system refuses",
      says: 'Cannot write to "<folder>": <reason>',
      entries: [
        {
          hint: "Make it a folder that UID <n> can write to, for example with the pod's fsGroup",
          cause:
            "The volume belongs to another user. Istio gives the container another user id, too.",
          remedy:
            "Set `securityContext.fsGroup` of the pod. NFS and hostPath do not know it: change the folder's owner there.",
          test: ["destination_test.ts", "EACCES"],
        },
        {
          hint: SPACE,
          cause: "The disk was filled meanwhile, also by others.",
          test: ["destination_test.ts", "ENOSPC"],
        },
        {
          hint: "Raise the volume's quota",
          cause: "The volume has space, and this user or project may not have more of it.",
          test: ["destination_test.ts", "EDQUOT"],
        },
        {
          hint: WRITABLE,
          cause: "The volume is mounted read-only.",
          remedy: "`readOnly` in the volume, or a claim of the kind ReadOnlyMany.",
          test: ["destination_test.ts", "EROFS"],
        },
        {
          hint: "Give a folder: there is a file of that name",
          cause: "The destination is a file.",
          test: ["destination_test.ts", "EEXIST"],
        },
        {
          hint: "Give a folder: a part of the path is a file",
          cause: "Something above the destination is a file.",
          test: ["destination_test.ts", "ENOTDIR"],
        },
        {
          hint: SHORTER,
          cause: "The file system takes no name or path that long.",
          test: ["destination_test.ts", "ENAMETOOLONG"],
        },
        {
          hint: "Look at the volume: its disk or its server fails",
          cause: "The disk could not be read or written.",
          test: ["destination_test.ts", "EIO"],
        },
      ],
    },
    {
      title: "kit cannot write",
      says: "Cannot <do it>: <kit's words>",
      entries: [
        {
          hint: SPACE,
          cause: "The disk was filled meanwhile, also by others.",
          test: ["kit_errors_test.ts", "a full disk"],
        },
        {
          hint: "Make the destination writable, for example with the pod's fsGroup",
          cause: "The volume belongs to another user.",
          test: ["kit_errors_test.ts", "a folder that is not writable"],
        },
        {
          hint: WRITABLE,
          cause: "The volume is mounted read-only.",
          test: ["kit_errors_test.ts", "a read-only volume"],
        },
        {
          hint:
            "Pack shorter names: one may have 255 bytes, and a path with the destination's 4055",
          cause: "The file system takes no name or path that long.",
          test: ["kit_errors_test.ts", "a path that is too long"],
        },
      ],
    },
  ],
};

export const KIT: Section = {
  outcome: "kit",
  about: "`kit` could not be run, or could not unpack what it was given.",
  who: "both",
  retry: "No. With the hint about memory it may pass, if the limit is raised.",
  example: {
    says: 'Cannot unpack "registry.example.com/images/nginx:1": it is not a ModelKit',
    hint: MODELKIT,
    uri: "kit://registry.example.com/images/nginx:1",
    host: "registry.example.com",
    seconds: 0.052,
  },
  groups: [
    {
      title: "What is to be unpacked",
      entries: [
        {
          says: 'Cannot unpack "<reference>": it is not a ModelKit',
          hint: MODELKIT,
          cause: "There is something else under that name, such as a container image.",
          test: [
            "transfer/resolve_test.ts",
            "resolve: what is no ModelKit is a failure of kit, before any layer is read",
          ],
        },
        {
          says: 'Cannot unpack "<reference>": it is an index without a ModelKit',
          hint: MODELKIT,
          cause: "It is a list, such as that of an image for several processors.",
          test: ["transfer/resolve_test.ts", "resolve: an index ${name} has no ModelKit"],
        },
        {
          says: 'Cannot read the Kitfile of "<reference>": it is not JSON',
          hint: "Pack and push the ModelKit again",
          cause: "The ModelKit was not made by `kit`, or is damaged.",
          test: [
            "transfer/resolve_test.ts",
            "resolve: a Kitfile that is no JSON is a failure of kit",
          ],
        },
        {
          says: "<kit's words, as those of a broken connection>",
          hint: "Pack and push the ModelKit again: kit cannot read what is in its layers",
          cause:
            "All bytes came as the digests say, and `kit` cannot read them: a layer is no tar, or ends too early.",
          test: ["reliability/hostile.ts", "a file that is longer than the tar"],
        },
        {
          says: 'Cannot publish "<file>": kit made something that is neither a file nor a folder',
          hint: WITHOUT_IT,
          cause: "There is a link or a device in the ModelKit.",
          test: ["tree_test.ts", "tree: ${name} is a failure of kit that names it"],
        },
        {
          says: 'Cannot publish "<file>": its name is not UTF-8',
          hint: WITHOUT_IT,
          cause: "A file's name has bytes that are no text.",
          remedy: "Rename it, then pack again.",
          test: ["tree_test.ts", "tree: a name that is not UTF-8 is a failure of kit"],
        },
      ],
    },
    {
      title: "kit itself",
      entries: [
        {
          says: 'Cannot run "<kit>": <reason>',
          hint: "Set KIT_BIN to the path of the kit executable, or put kit on PATH",
          cause: "The image has no `kit` there, or it is for another processor.",
          remedy: "The image brings it: take `KIT_BIN` and `PATH` out of the `env`.",
          test: ["process_test.ts", "is not executable"],
        },
        {
          says: "Cannot <do it>: this kit does not know <flag>",
          hint: "Take kit 1.15.0 or later, or look where KIT_BIN and PATH lead",
          cause: "The image's `kit` is older than what this program needs for verified transfer.",
          test: [
            "kit_errors_test.ts",
            "kit errors: a flag of ours that kit does not know is not the user's mistake",
          ],
        },
        {
          says: 'Cannot publish "<uri>": kit ended well and unpacked nothing',
          hint: "Look where KIT_BIN and PATH lead: it may not be kit",
          cause: "A program of that name did nothing.",
          test: [
            "publish_test.ts",
            "publish: a kit that ended well and made nothing is a failure of kit",
          ],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint: "Build the image on a newer kit: this one does not know ModelPacks (1.15.0 does)",
          cause: "What the registry has is a ModelPack.",
          test: ["kit_errors_test.ts", "a ModelPack"],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint: "Raise the container's limit of open files above the number of files in a layer",
          cause: "`kit` keeps the files of a layer open until it has unpacked all of them.",
          test: ["kit_errors_test.ts", "a layer of more files than can be open"],
        },
        {
          says: 'Cannot unpack "<reference>": kit left out <n> of <n> layers, such as <digest>',
          hint:
            "Take kit 1.15.0 or later, which knows all parts of a Kitfile, or look where KIT_BIN and PATH lead",
          cause: "The image's `kit` is older than the ModelKit.",
          test: [
            "reliability/environments.ts",
            "kit says that all is well and has left the datasets out",
          ],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint: "Raise the memory limit of the container if it was killed for it",
          cause: "Somebody sent SIGKILL to `kit`: almost always the kernel, for memory.",
          remedy: "The limit is in the `ClusterStorageContainer`, under `resources`.",
          test: ["kit_errors_test.ts", "SIGKILL"],
        },
        {
          says: "Cannot <do it>: <kit's words>",
          hint:
            "Look at the container's log for kit's own words; KIT_LOG_LEVEL=debug shows the command too",
          cause: "`kit` failed for a reason that is none of the above.",
          test: ["kit_errors_test.ts", "a code"],
        },
      ],
    },
    {
      title: "kit inspect",
      about: "With direct transfer `kit inspect` tells what the registry has.",
      prefix: "Cannot read what kit inspect says: ",
      entries: ([
        [
          "it is not JSON",
          "cut JSON",
          "It was cut, or a wrapper around `kit` prints something else.",
        ],
        ["it has no digest", "no digest", "The same."],
        ["it has no layers", "layers that are no list", "The same."],
        [
          "a layer has no digest",
          "a layer without a digest",
          "The manifest was not made by `kit`.",
        ],
      ] as const).map(([says, test, cause]) => ({
        says,
        hint: KIT_1_0,
        cause,
        test: ["modelkit_test.ts", test] as const,
      })),
    },
  ],
};

const NETWORK = "Check the network to the registry, or raise KIT_STALL_TIMEOUT";

export const TIMEOUT: Section = {
  outcome: "timeout",
  about: "It took longer than a limit that you can set.",
  who: "operator",
  retry: "Yes, where the network was slow for a while. A restart begins the download anew.",
  example: {
    says: "Cannot finish within KIT_TIMEOUT (10m)",
    hint: "Raise KIT_TIMEOUT, or look for what is slow",
    uri: "kit://registry.example.com/models/llm:v1",
    seconds: 600.004,
  },
  groups: [{
    entries: [
      {
        says: "Cannot finish within KIT_TIMEOUT (<duration>)",
        hint: "Raise KIT_TIMEOUT, or look for what is slow",
        cause: "`KIT_TIMEOUT` is for all pairs of a run together.",
        remedy:
          "The log says every 10 s how far it is and how fast, and the last line of a run that ended well says whether network or disk was the limit.",
        test: ["e2e/failure_test.ts", "the time is over"],
      },
      {
        says: "Cannot <do it>: <no byte for n s, or only n bytes in it>",
        hint: NETWORK,
        cause:
          "A connection stays open and nothing comes, several times in a row. Often a firewall dropped it without a word.",
        test: [
          "registry/stall_guard_test.ts",
          "stall guard: ends the request when no byte came for the limit, as a timeout",
        ],
      },
      {
        says: "Cannot <do it>: no progress for <n> s",
        hint: NETWORK,
        cause: "`kit` neither says nor writes anything, though it has all that it asked for.",
        remedy: "With verified transfer it is `kit` or the disk that hangs, not the network.",
        test: ["reliability/environments.ts", "kit hangs"],
      },
    ],
  }],
};

export const BUG: Section = {
  outcome: "bug",
  about: "A mistake in this program. Its log has a stack.",
  who: "developers",
  retry: "Hardly.",
  example: {
    says: "An error that was not foreseen: Cannot read properties of undefined (reading 'size')",
    hint: "Please report it with the stack in the container's log",
    uri: "kit://registry.example.com/models/iris:v1",
    seconds: 0.2,
  },
  groups: [{
    entries: [{
      says: "An error that was not foreseen: <error>",
      hint: "Please report it with the stack in the container's log",
      cause: "Nobody thought of this case.",
      remedy:
        "The log has no passwords and tokens in it, and can be sent as it is. Say the version, too: `--version`.",
      test: ["errors_test.ts", "errors: what nobody foresaw is a bug that keeps its cause"],
    }],
  }],
};

const stopped = (outcome: "interrupt" | "terminated", about: string): Section => {
  const name = outcome === "interrupt" ? "SIGINT" : "SIGTERM";
  const hint = "The next start begins again";
  return {
    outcome,
    about,
    who: "nobody",
    retry: "Yes: it cleaned up, and the next start does it all.",
    example: {
      says: `Stopped by ${name}`,
      hint,
      uri: "kit://registry.example.com/models/llm:v1",
      seconds: 12.5,
    },
    groups: [{
      entries: [{
        says: `Stopped by <${name}>`,
        hint,
        cause: outcome === "interrupt"
          ? "Somebody pressed Ctrl-C."
          : "The pod was deleted, drained from its node, or replaced by a new revision.",
        remedy: outcome === "interrupt"
          ? undefined
          : "If nobody did that, look at `kubectl get events` for an eviction.",
        test: ["e2e/crash_test.ts", "SIGTERM and SIGINT: cleaned up, and gone within 2 s"],
      }],
    }],
  };
};

export const INTERRUPT = stopped("interrupt", "It was stopped from a terminal.");
export const TERMINATED = stopped("terminated", "Kubernetes stopped the pod.");
