// Keeps the page, the keys and the registers of withdrawn documents: the network first, for what it says is
// newer; the last copy when there is none, marked so.
const KEPT = "jamaa-verify-1";
const PAGE = ["", "/page.js", "/seal.js", "/jsqr-1.4.0.js", "/page.css", "/keys.json"];
const base = new URL(registration.scope).pathname.replace(/\/$/, "");

addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PAGE.map((path) => base + path))).then(() => skipWaiting()));
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const ours = url.origin === location.origin && event.request.method === "GET"
    && (url.pathname === base || url.pathname.startsWith(base + "/") || url.pathname.endsWith("/v1/withdrawn-documents"));
  if (ours) event.respondWith(answer(url.pathname));
});

async function answer(path) {
  const kept = await caches.open(KEPT);
  try {
    const fresh = await fetch(path, { cache: "no-cache" });
    if (fresh.ok) { await kept.put(path, fresh.clone()); return fresh; }
    return (await copy(kept, path)) ?? fresh;
  } catch {
    return (await copy(kept, path)) ?? Response.error();
  }
}

async function copy(kept, path) {
  const last = await kept.match(path);
  if (!last) return undefined;
  const headers = new Headers(last.headers);
  headers.set("X-Kept", "1");
  return new Response(last.body, { status: last.status, headers });
}
