import { beforeEach, describe, expect, test, vi } from "vitest";
import source from "../public/sw.js?raw";

const install = new Function("self", "caches", "fetch", source);
const ORIGIN = "https://grocery.test";
const PAGE = `<script src="/assets/index-1.js"></script><link rel="prefetch" href="/assets/later-1.js">`;

type Stored = Map<string, Response>;
type Waiting = { waitUntil(work: Promise<unknown>): void };
type Handler = (event: object) => void;

/** A worker in an empty browser: what it keeps, whom it asks, what it shows, and the windows there are. */
function worker() {
  const stored: Stored = new Map();
  const path = (asked: string | { url: string }) =>
    new URL(typeof asked === "string" ? asked : asked.url, ORIGIN).pathname;
  const network = vi.fn<(path: string) => Promise<Response>>(async () => new Response("", { status: 404 }));
  const ask = async (asked: string | { url: string }) => network(path(asked));
  const cache = {
    match: async (asked: string | { url: string }) => stored.get(path(asked))?.clone(),
    put: async (asked: string | { url: string }, response: Response) => void stored.set(path(asked), response),
    add: async (asked: string) => {
      const response = await ask(asked);
      if (!response.ok) throw new TypeError("Request failed");
      stored.set(path(asked), response);
    },
    keys: async () => [...stored.keys()].map((key) => ({ url: ORIGIN + key })),
    delete: async ({ url }: { url: string }) => stored.delete(path(url)),
  };
  const shown: { title: string; options: { body: string; tag?: string; data: { url: string } } }[] = [];
  const windows: { url: string; postMessage: (message: unknown) => void; focus: () => void }[] = [];
  const opened: string[] = [];
  const handlers = new Map<string, Handler>();
  const self = {
    location: { origin: ORIGIN },
    addEventListener: (name: string, handler: Handler) => handlers.set(name, handler),
    skipWaiting: () => undefined,
    clients: {
      matchAll: async () => windows,
      openWindow: async (to: string) => opened.push(to),
      claim: async () => undefined,
    },
    navigator: { locks: { request: async (_name: string, work: () => Promise<unknown>) => work() } },
    registration: { showNotification: async (title: string, options: never) => shown.push({ title, options }) },
  };
  install(self, { open: async () => cache, keys: async () => [] }, ask);

  const posts = () => network.mock.calls.map(([path]) => path).filter((path) => path.startsWith("/api/"));

  /** Lets an event happen and waits until the worker is done with it; what it answered, if anything. */
  async function happen(name: string, event: object): Promise<Response | undefined> {
    const works: Promise<unknown>[] = [];
    let answer: Promise<Response> | undefined;
    const waiting: Waiting = { waitUntil: (work) => works.push(work) };
    const respondWith = (given: Promise<Response>) => (answer = given);
    handlers.get(name)?.({ ...waiting, respondWith, ...event });
    const response = await answer;
    while (works.length > 0) await works.shift();
    return response;
  }
  const open = (to = "/") => happen("fetch", { request: { method: "GET", mode: "navigate", url: ORIGIN + to } });
  const load = (asset: string) => happen("fetch", { request: { method: "GET", mode: "cors", url: ORIGIN + asset } });
  return { stored, network, posts, shown, windows, opened, happen, open, load };
}

const online = async (path: string) =>
  path.startsWith("/assets/")
    ? new Response(`content of ${path}`)
    : new Response(PAGE, { headers: { "content-type": "text/html" } });
const offline = async (): Promise<Response> => {
  throw new TypeError("Failed to fetch");
};

let there: ReturnType<typeof worker>;
beforeEach(() => {
  there = worker();
});

describe("without a network", () => {
  test("any page of the application opens, with what is loaded later too", async () => {
    there.network.mockImplementation(online);
    await there.happen("install", {});
    there.network.mockImplementation(offline);
    expect(await (await there.open("/lists/1"))?.text()).toBe(PAGE);
    expect(await (await there.load("/assets/later-1.js"))?.text()).toBe("content of /assets/later-1.js");
  });

  test("a page that was never loaded fails as it would without a worker", async () => {
    there.network.mockImplementation(offline);
    await expect(there.open()).rejects.toThrow("Failed to fetch");
  });
});

describe("with a network", () => {
  test("the page is the network's, and kept in place of the last one", async () => {
    there.network.mockImplementation(online);
    await there.open();
    const next = PAGE.replaceAll("-1.js", "-2.js");
    there.network.mockImplementation(async (path) => (path === "/" ? new Response(next) : online(path)));
    expect(await (await there.open())?.text()).toBe(next);
    there.network.mockImplementation(offline);
    expect(await (await there.open())?.text()).toBe(next);
    expect(
      await (await there.load("/assets/index-1.js"))?.text(),
      "tabs of the last release still have theirs",
    ).toContain("index-1");
  });

  test.each([429, 500, 503])("a server that answers %i gives way to the page that is kept", async (status) => {
    there.network.mockImplementation(online);
    await there.open();
    there.network.mockImplementation(async () => new Response("closed", { status }));
    expect(await (await there.open())?.text()).toBe(PAGE);
  });

  test("a page that is not the application's is shown, but takes no place", async () => {
    there.network.mockImplementation(online);
    await there.open();
    there.network.mockImplementation(async () => new Response("<h1>Log in to this network</h1>"));
    expect(await (await there.open())?.text()).toContain("this network");
    there.network.mockImplementation(offline);
    expect(await (await there.open())?.text()).toBe(PAGE);
  });

  test("a release whose assets cannot all be had does not replace one that is whole", async () => {
    there.network.mockImplementation(online);
    await there.open();
    const broken = PAGE.replaceAll("-1.js", "-2.js");
    there.network.mockImplementation(
      async (path) => new Response(path === "/" ? broken : "", { status: path === "/" ? 200 : 404 }),
    );
    await there.open();
    there.network.mockImplementation(offline);
    expect(await (await there.open())?.text()).toBe(PAGE);
  });

  test("what the server answers about data is never kept", async () => {
    there.network.mockImplementation(online);
    expect(await there.open("/api/account/export")).toBeUndefined();
    expect(await there.load("/api/auth/session")).toBeUndefined();
    expect(there.stored.size).toBe(0);
  });
});

describe("what is pushed", () => {
  const push = (told: unknown) => there.happen("push", { data: { json: () => told } });

  test("is shown once a list, and leads to it", async () => {
    await push({ v: 1, title: "Saturday", body: "Ada added 3 items", url: "/lists/1", tag: "list-1" });
    expect(there.shown).toMatchObject([
      {
        title: "Saturday",
        options: { body: "Ada added 3 items", tag: "list-1", renotify: true, data: { url: "/lists/1" } },
      },
    ]);
  });

  test("leads nowhere but into the application", async () => {
    await push({ v: 1, title: "Saturday", body: "", url: "https://elsewhere.example/lists/1" });
    expect(there.shown[0]?.options.data.url).toBe("/");
  });

  test.each([[{ v: 2, title: "?" }], [{}], [null]])(
    "is shown in general words when it is not understood: %j",
    async (told) => {
      await push(told);
      expect(there.shown).toMatchObject([{ title: "Grocery List", options: { data: { url: "/" } } }]);
    },
  );

  const click = () => {
    const close = vi.fn();
    return there.happen("notificationclick", { notification: { close, data: { url: "/lists/1" } } });
  };

  test("opens a window when clicked", async () => {
    await click();
    expect(there.opened).toEqual(["/lists/1"]);
  });

  test("goes there in a window that is open, without loading it anew", async () => {
    const window = { url: `${ORIGIN}/account`, postMessage: vi.fn(), focus: vi.fn() };
    there.windows.push(window);
    await click();
    expect(there.opened).toEqual([]);
    expect(window.postMessage).toHaveBeenCalledWith({ type: "open", path: "/lists/1" });
    expect(window.focus).toHaveBeenCalled();
  });
});

describe("a subscription the browser has changed", () => {
  const changed = {
    oldSubscription: { endpoint: "https://push.example/old", options: {} },
    newSubscription: { toJSON: () => ({ endpoint: "https://push.example/new", keys: {} }) },
  };

  test("is told in place of the old one", async () => {
    there.network.mockImplementation(async () => new Response(null, { status: 204 }));
    await there.happen("pushsubscriptionchange", changed);
    expect(there.posts()).toEqual(["/api/push/subscriptions", "/api/push/unsubscribe"]);
  });

  test("is told with new cookies when the old ones have run out", async () => {
    let refreshed = false;
    there.network.mockImplementation(async (path) => {
      refreshed ||= path === "/api/auth/refresh";
      return new Response(null, { status: refreshed ? 204 : 401 });
    });
    await there.happen("pushsubscriptionchange", changed);
    expect(there.posts().slice(0, 3)).toEqual([
      "/api/push/subscriptions",
      "/api/auth/refresh",
      "/api/push/subscriptions",
    ]);
  });
});
