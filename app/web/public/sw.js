// Lets the application open without a network. Pages come from the network whenever it answers, so a new release is
// seen at once; hashed assets never change, so a copy of one is never stale. Nothing here reloads a page.
const CACHE = "grocery-1";
const KEPT_ASSETS = 40;

const isAsset = (url) => url.pathname.startsWith("/assets/") || url.pathname.startsWith("/icons/");

async function keepPage(cache, response) {
  await cache.put("/", response.clone());
  const html = await response.text();
  const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
  await Promise.all(assets.map(async (asset) => (await cache.match(asset)) ?? cache.add(asset)));
}

async function prune(cache) {
  const kept = (await cache.keys()).filter((request) => isAsset(new URL(request.url)));
  await Promise.all(kept.slice(0, -KEPT_ASSETS).map((request) => cache.delete(request)));
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
  try {
    const response = await fetch(event.request);
    if (response.ok) event.waitUntil(keepPage(cache, response.clone()).catch(() => undefined));
    // An edge that answers without an application behind it is no better than no network.
    return response.status < 500 ? response : ((await cache.match("/")) ?? response);
  } catch (error) {
    const kept = await cache.match("/");
    if (kept) return kept;
    throw error;
  }
}

async function asset(event) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(event.request);
  if (kept) return kept;
  const response = await fetch(event.request);
  if (response.ok) event.waitUntil(cache.put(event.request, response.clone()).then(() => prune(cache)));
  return response;
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && !/^\/(api|zero)\//.test(url.pathname)) event.respondWith(page(event));
  else if (isAsset(url)) event.respondWith(asset(event));
});
