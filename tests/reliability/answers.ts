// What a registry answers instead of what it has: statuses at each kind of request, redirects, pages of a proxy.
import assert from "node:assert/strict";
import { type Fault, FaultProxy, type Seen } from "../support/fault_proxy.ts";
import type { Case, CaseWorld, StartOptions } from "./cases.ts";

const MIB = 1024 * 1024;
const TOKEN = "token-of-the-answers-4721";

type Rule = (seen: Seen) => Fault | undefined;

interface Place {
  name: string;
  is(seen: Seen): boolean;
}

const isBlob = ({ path }: Seen) => path.includes("/blobs/");
const isRange = ({ range }: Seen) => range !== null;

/** The requests of a run, in their order. */
const MANIFEST: Place = { name: "the manifest", is: ({ path }) => path.includes("/manifests/") };
const KITFILE: Place = { name: "the Kitfile", is: (seen) => isBlob(seen) && !isRange(seen) };
const FIRST_RANGE: Place = {
  name: "the first range",
  is: (seen) => isRange(seen) && seen.range!.startsWith("bytes=0-"),
};
const THIRD_RANGE: Place = {
  name: "the third range",
  is: (seen) => isRange(seen) && seen.range!.startsWith(`bytes=${8 * MIB}-`),
};
const TOKEN_SERVER: Place = { name: "the token", is: ({ path }) => path.startsWith("/token") };
const PLACES = [MANIFEST, KITFILE, FIRST_RANGE, THIRD_RANGE, TOKEN_SERVER];

/** Starts once through a proxy that answers by a rule, which must have had something to answer. */
export async function through(
  world: CaseWorld,
  rule: Rule,
  options: StartOptions = {},
): Promise<FaultProxy> {
  const pushed = await world.push({ "model.bin": world.model(9 * MIB), "data/x.csv": world.name });
  let hits = 0;
  const proxy: FaultProxy = world.use(
    new FaultProxy(world.host, (seen) => {
      const fault = rule(seen);
      if (fault !== undefined) hits++;
      return fault ?? signIn(seen, proxy);
    }),
  );
  await world.start({ pairs: [[world.via(pushed, proxy.host), world.destination]], ...options });
  assert.ok(hits > 0, "there was nothing to disturb");
  return proxy;
}

/** The registry asks for a token that anybody gets. */
function signIn({ path, authorization }: Seen, proxy: FaultProxy): Fault | undefined {
  if (path.startsWith("/token")) {
    return { respond: Response.json({ token: TOKEN, expires_in: 300 }) };
  }
  if (authorization === `Bearer ${TOKEN}`) return undefined;
  return { respond: challenge(`http://${proxy.host}/token`) };
}

function challenge(realm: string): Response {
  const value = `Bearer realm="${realm}",service="test"`;
  return new Response("{}", { status: 401, headers: { "WWW-Authenticate": value } });
}

/** True for the first so many times that it is asked. */
export function times(count: number): () => boolean {
  return () => count-- > 0;
}

/** A fault at a place, the first so many times. */
function at(place: Place, fault: () => Fault, count = Infinity): Rule {
  const again = times(count);
  return (seen) => place.is(seen) && seen.method === "GET" && again() ? fault() : undefined;
}

const status = (status: number, headers?: HeadersInit) => () => ({
  respond: new Response(`{"errors":[{"code":"TEST","message":"status ${status}"}]}`, {
    status,
    headers,
  }),
});

/** Rows of each status at each of its places. */
function rows(
  codes: [status: number, exit: number, places: Place[]][],
  row: (code: number, place: Place, exit: number) => Case,
): Case[] {
  return codes.flatMap(([code, exit, places]) => places.map((place) => row(code, place, exit)));
}

const SOME = [MANIFEST, THIRD_RANGE];

const PASSING = rows([[408, 0, SOME], [429, 0, PLACES], [500, 0, SOME], [502, 0, SOME], [
  503,
  0,
  PLACES,
], [504, 0, SOME]], (code, place) => ({
  name: `${place.name} is answered with ${code} once`,
  promise: "passing",
  exits: [0],
  left: "the ModelKit",
  run: async (world) => {
    await through(world, at(place, status(code), 1));
  },
}));

const LASTING = rows([[400, 5, SOME], [401, 3, PLACES], [403, 3, PLACES], [404, 4, PLACES], [
  429,
  5,
  SOME,
], [503, 5, PLACES]], (code, place, exit) => ({
  name: `${place.name} is answered with ${code} each time`,
  promise: "lasting",
  exits: [place === TOKEN_SERVER && code === 404 ? 3 : exit],
  left: "nothing",
  run: async (world) => {
    await through(world, at(place, status(code)), { env: { KIT_RETRIES: "2" } });
  },
}));

const redirect = (Location: string) => ({
  respond: new Response(null, { status: 307, headers: { Location } }),
});
const page = () => ({
  respond: new Response("<html>Please sign in to the network</html>", {
    headers: { "Content-Type": "text/html" },
  }),
});

const OTHERS: Case[] = [
  {
    name: "the registry asks for a pause of a second and gets it",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const asked: number[] = [];
      let layer: string | undefined;
      await through(world, (seen) => {
        if (!FIRST_RANGE.is(seen)) return undefined;
        layer ??= seen.path;
        if (seen.path !== layer) return undefined;
        asked.push(performance.now());
        return asked.length === 1 ? status(429, { "Retry-After": "1" })() : undefined;
      });
      assert.ok(asked[1] - asked[0] >= 1000, "it waited");
    },
  },
  {
    name: "the registry asks for a pause until a date",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      const soon = () => ({ "Retry-After": new Date(Date.now() + 1000).toUTCString() });
      await through(world, at(MANIFEST, () => status(503, soon())(), 1));
    },
  },
  {
    name: "the registry asks for a pause of a day, and the run has a second",
    promise: "lasting",
    exits: [9],
    left: "nothing",
    within: 4,
    run: async (world) => {
      await through(world, at(MANIFEST, status(503, { "Retry-After": "86400" })), {
        env: { KIT_TIMEOUT: "1s" },
      });
    },
  },
  {
    name: "tokens are refused after two requests each",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      let count = 0;
      let uses = 0;
      await through(world, ({ path, authorization }) => {
        if (path.startsWith("/token")) {
          uses = 0;
          return { respond: Response.json({ token: `token-4722-${++count}` }) };
        }
        const isValid = authorization === `Bearer token-4722-${count}` && ++uses <= 2;
        // An empty fault passes the request on.
        return isValid ? {} : undefined;
      });
      assert.ok(count >= 3, `${count} tokens`);
    },
  },
  {
    name: "each token is refused",
    promise: "lasting",
    exits: [3],
    left: "nothing",
    run: async (world) => {
      const proxy = await through(
        world,
        ({ path }) =>
          path.startsWith("/token")
            ? { respond: Response.json({ token: "token-4723-useless" }) }
            : undefined,
      );
      assert.ok(proxy.seen.length < 10, "it does not go on asking");
    },
  },
  {
    name: "the token server answers with a page of HTML",
    promise: "lasting",
    exits: [3],
    left: "nothing",
    run: async (world) => {
      await through(world, at(TOKEN_SERVER, page));
    },
  },
  ...[MANIFEST, KITFILE, THIRD_RANGE].map((place): Case => ({
    name: `${place.name} is answered with a page of HTML and 200`,
    promise: "lasting",
    exits: [6],
    left: "nothing",
    run: async (world) => {
      await through(world, at(place, page));
    },
  })),
  ...[MANIFEST, FIRST_RANGE].map((place): Case => ({
    name: `${place.name} is redirected in a circle`,
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      const proxy = await through(
        world,
        (seen) => place.is(seen) ? redirect(seen.path) : undefined,
      );
      assert.ok(proxy.seen.length < 30, "it does not go round for long");
    },
  })),
  ...([[5, 0], [6, 5]] as const).map(([hops, exit]): Case => ({
    name: `a range is redirected ${hops} times on the way to its bytes`,
    promise: exit === 0 ? "passing" : "lasting",
    exits: [exit],
    left: exit === 0 ? "the ModelKit" : "nothing",
    run: async (world) => {
      await through(world, (seen) => {
        const hop = Number(/\?hop=(\d+)$/.exec(seen.path)?.[1] ?? 0);
        if (!FIRST_RANGE.is(seen) || hop === hops) return undefined;
        return redirect(`${seen.path.replace(/\?.*/, "")}?hop=${hop + 1}`);
      });
    },
  })),
  {
    name: "a redirect without a Location",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await through(
        world,
        at(FIRST_RANGE, () => ({ respond: new Response(null, { status: 307 }) })),
      );
    },
  },
  {
    name: "a redirect to what is no URL",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await through(world, at(FIRST_RANGE, () => redirect("http://[::1")));
    },
  },
  {
    name: "another range is sent than was asked for, once",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await through(
        world,
        at(THIRD_RANGE, () => ({ headers: { "Content-Range": "bytes 0-99/*" } }), 1),
      );
    },
  },
  {
    name: "another range is sent than was asked for, each time",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await through(
        world,
        at(THIRD_RANGE, () => ({ headers: { "Content-Range": "bytes 0-99/*" } })),
        { env: { KIT_RETRIES: "2" } },
      );
    },
  },
  {
    name: "an answer to a range that is no Content-Range at all",
    promise: "lasting",
    exits: [5],
    left: "nothing",
    run: async (world) => {
      await through(
        world,
        at(THIRD_RANGE, () => ({ headers: { "Content-Range": "bytes nonsense" } })),
        { env: { KIT_RETRIES: "2" } },
      );
    },
  },
  {
    name: "a registry that ignores Range",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await through(world, at(FIRST_RANGE, () => ({ withoutHeader: "Range" })));
    },
  },
  {
    name: "a registry that ignores Range for the third range alone",
    promise: "passing",
    exits: [0],
    left: "the ModelKit",
    run: async (world) => {
      await through(world, at(THIRD_RANGE, () => ({ withoutHeader: "Range" }), 1));
    },
  },
];

export const ANSWERS: Case[] = [...PASSING, ...LASTING, ...OTHERS];
