// Lets the application open without a network, and shows what is pushed to it. Pages come from the network whenever it
// answers, so a new release is seen at once; hashed assets never change, so a copy of one is never stale. For the same
// reasons this worker may take over from an older one at any time. Nothing here reloads a page.
const CACHE = "grocery-2";
const KEPT_ASSETS = 60;
// On a connection that is there in name only, a copy now is better than the page some day.
const PAGE_PATIENCE_MS = 4_000;

const isAsset = (url) => url.pathname.startsWith("/assets/");

// --- opening without a network ---

/** Keeps a page, and everything of its release with it: index.html names even what is loaded later. */
async function keepPage(cache, response) {
  const html = await response.clone().text();
  const assets = [...new Set(html.match(/\/assets\/[\w.-]+/g))];
  // Only a page: what a proxy in between answers with names nothing of ours.
  if (assets.length === 0) return;
  await Promise.all(assets.map(async (asset) => (await cache.match(asset)) ?? cache.add(asset)));
  await cache.put("/", response);
  const others = (await cache.keys()).filter(({ url }) => {
    const { pathname } = new URL(url);
    return pathname.startsWith("/assets/") && !assets.includes(pathname);
  });
  await Promise.all(others.slice(0, -KEPT_ASSETS).map((request) => cache.delete(request)));
}

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then(async (cache) => keepPage(cache, await fetch("/", { cache: "no-cache" })))
      .catch(() => undefined)
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

async function page(event) {
  const cache = await caches.open(CACHE);
  const asked = fetch(event.request).then((response) => {
    if (response.ok) event.waitUntil(keepPage(cache, response.clone()).catch(() => undefined));
    return response;
  });
  asked.catch(() => undefined);
  const kept = await cache.match("/");
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, PAGE_PATIENCE_MS));
  const response = await Promise.race([asked, late]).catch(() => undefined);
  // An edge that is closed, overrun or without an application behind it is no better than no network.
  return !response || response.status >= 500 || response.status === 429 ? kept : response;
}

async function asset(event) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(event.request);
  if (kept) return kept;
  const response = await fetch(event.request);
  if (response.ok) event.waitUntil(cache.put(event.request, response.clone()));
  return response;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && !/^\/(api|zero|health)(\/|$)/.test(url.pathname))
    event.respondWith(page(event));
  else if (isAsset(url)) event.respondWith(asset(event));
});

// --- notifications ---

/** What to show of a push. Browsers insist that something is shown for each, even for one that cannot be read. */
function shownOf(data) {
  let told;
  try {
    told = data?.json();
  } catch {
    told = undefined;
  }
  if (told?.v !== 1 || typeof told.title !== "string")
    return { title: "Grocery List", options: { body: "Something has changed on your lists.", data: { url: "/" } } };
  const url = new URL(String(told.url ?? "/"), self.location.origin);
  const tag = typeof told.tag === "string" ? told.tag : undefined;
  return {
    title: told.title,
    options: {
      body: String(told.body ?? ""),
      // One notification a list: a newer one takes the place of the last, and is heard all the same.
      ...(tag ? { tag, renotify: true } : {}),
      data: { url: url.origin === self.location.origin ? url.pathname : "/" },
    },
  };
}

self.addEventListener("push", (event) => {
  const { title, options } = shownOf(event.data);
  event.waitUntil(
    self.registration.showNotification(title, {
      icon: "/icons/icon-192.png",
      badge: "/icons/badge-96.png",
      lang: "en",
      ...options,
    }),
  );
});

async function open(path) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((client) => new URL(client.url).pathname === path) ?? windows[0];
  if (!there) return self.clients.openWindow(path);
  // The page goes there itself: loading it anew would lose what it has not sent yet.
  there.postMessage({ type: "open", path });
  return there.focus();
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? "/"));
});

const post = (path, body) =>
  fetch(path, {
    method: "POST",
    credentials: "same-origin",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

/** As whoever is logged in; with new cookies if need be, for which only one tab or worker asks at a time. */
async function postAs(path, body) {
  const answer = await post(path, body);
  if (answer.status !== 401) return answer;
  await self.navigator.locks.request("grocery.refresh", () => post("/api/auth/refresh", {}));
  return post(path, body);
}

/** A browser that changed a subscription tells of it here, not in the page; the page finds out when it is opened. */
async function resubscribe(event) {
  const old = event.oldSubscription;
  const fresh =
    event.newSubscription ??
    (await self.registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: old?.options.applicationServerKey,
    }));
  const { endpoint, keys } = fresh.toJSON();
  await postAs("/api/push/subscriptions", { endpoint, keys, label: "A browser" });
  if (old && old.endpoint !== endpoint) await postAs("/api/push/unsubscribe", { endpoint: old.endpoint });
}

self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(resubscribe(event));
});
