"""`GET /verify`: the public page that verifies any service's documents, and the published keys.

One page for all services, served by every process that runs one which issues documents: whichever answers,
it is the same page and the same key set. Nothing of a document is sent to it: the token stands behind `#`.
"""

import asyncio
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.documents.keys import jwks, published

PATH: Final = "/verify"
PAGE: Final = "verify.html"
TYPES: Final = {
    "verify.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "seal.js": "text/javascript",
    "jsqr-1.4.0.js": "text/javascript",
    "worker.js": "text/javascript",
}
HEADERS: Final = {
    # Nothing of anybody else's runs here, and nothing leaves: the page sees people's documents.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' blob:; media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
    "Service-Worker-Allowed": PATH,
}


def add_page(app: FastAPI, keys: Path) -> None:
    """`keys` is the directory of the certificates, `JAMAA_DOCUMENTS_KEYS`; it is read anew each time."""

    async def page(request: Request) -> Response:
        return _asset(PAGE)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        return _asset(name) if name in TYPES and name != PAGE else Response(status_code=404)

    async def key_set(request: Request) -> Response:
        return JSONResponse(jwks(await asyncio.to_thread(published, keys)), headers=HEADERS)

    app.add_route(PATH, page, include_in_schema=False)
    app.add_route(f"{PATH}/keys.json", key_set, include_in_schema=False)
    app.add_route(f"{PATH}/{{name}}", asset, include_in_schema=False)


@cache
def _content(name: str) -> bytes:
    return files("shared.documents").joinpath("page", name).read_bytes()


def _asset(name: str) -> Response:
    return Response(_content(name), headers=HEADERS, media_type=TYPES[name])
