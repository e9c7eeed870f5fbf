// Keeps the page so that it works without a network: the network first, what was kept when there is none.

// Another number with every change of these files, so that a browser drops what it kept of the page before.
const KEPT = "uhd-page-6";
const FILES = [
  "./", "index.html", "style.css", "app.js", "detector.js", "sources.js", "draw.js", "rows.js", "track.js",
  "model.wasm", "model.bin", "example.jpg", "icon.svg", "manifest.webmanifest",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name.startsWith("uhd-page") && name !== KEPT));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET" || new URL(event.request.url).origin !== location.origin) return;
  event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(KEPT);
  try {
    const fresh = await fetch(request);
    if (fresh.ok && (await cache.match(request, { ignoreSearch: true }))) await cache.put(plain(request), fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

// The address without its question, so that ?image=... does not become an entry of its own.
function plain(request) {
  const url = new URL(request.url);
  url.search = "";
  return url.href;
}
