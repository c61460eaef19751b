"""One or several services behind one port, each under `/<service>` as if it were alone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from jinja2 import Environment
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Lifespan

from shared import metrics
from shared.db import Database
from shared.documents.page import add_page
from shared.errors import Problem
from shared.http import problems
from shared.http.directory import Directory
from shared.http.edge import Edge, Mounted
from shared.http.openapi import describe
from shared.http.route import Route, Site, authorization_of
from shared.service import Service
from shared.settings import Settings
from shared.tokens import Tokens

CHECK_SECONDS: Final = 2.0
UNTRACED: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""The framework's own telemetry would look for its providers at each request: `shared.trace` has ours."""
DOCS: Final = Environment(autoescape=True).from_string(
    files("shared.http").joinpath("docs.html").read_text(encoding="utf-8")
)

Check = Callable[[], Awaitable[None]]
"""Raises when the service should get no traffic; two seconds at most."""


def create_app(
    services: Sequence[Service],
    databases: Mapping[str, Database],
    tokens: Tokens,
    *,
    settings: Mapping[str, Settings] | None = None,
    checks: Mapping[str, Mapping[str, Check]] | None = None,
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """`databases` maps a service's name to the pool of its API role; `checks` adds named readiness checks
    (relay, consumers) to the database's; `settings` are what routes get by `Configured`. The caller opens
    and closes what it passes.
    """
    mounted: dict[str, Mounted] = {}
    root = _Root(
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        exception_handlers=_handlers(),
        telemetry=UNTRACED,
    )
    root.state.mounted = mounted
    root.state.follow = any(each.traces_follow for each in (settings or {}).values())
    for service in services:
        app = _application(service, databases[service.name], tokens, (checks or {}).get(service.name, {}))
        app.state.settings = (settings or {}).get(service.name)
        mounted[f"/{service.name}"] = Mounted(app, Directory(iter_route_contexts(service.router.routes)))
        root.mount(f"/{service.name}", app, name=service.name)
    issuing = [s.name for s in services if any(stream.aggregate == "document" for stream in s.streams)]
    if own := next(filter(None, map((settings or {}).get, issuing)), None):
        add_page(root, own.documents_keys)
    return root


class _Root(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """The edge comes first of all: what it answers costs nothing of the framework's own layers."""
        return Edge(super().build_middleware_stack(), self.state.mounted)


def _handlers() -> dict[Any, Any]:
    return {
        Problem: problems.on_problem,
        RequestValidationError: problems.on_invalid,
        HTTPException: problems.on_http,
        Exception: problems.on_exception,
    }


def _application(
    service: Service, database: Database, tokens: Tokens, checks: Mapping[str, Check]
) -> FastAPI:
    app = FastAPI(
        title=f"Jamaa: {service.title['en']}",
        description=f"{service.title['ar']} · {service.title['fr']}",
        version="1",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=_handlers(),
        telemetry=UNTRACED,
    )
    metrics.FAILED.labels(service.name)  # from zero on: a rate does not see a series that begins at eight
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    app.state.site = Site(database, tokens, SlidingWindowCounterRateLimiter(MemoryStorage()))
    app.router.routes.extend(service.router.routes)  # as they are: including would make each anew

    async def database_answers() -> None:
        async with database.transaction():
            pass

    async def livez(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        named = {"database": database_answers} | dict(checks)
        found = dict(zip(named, await asyncio.gather(*map(_outcome, named.values())), strict=True))
        ready = all(outcome == "ok" for outcome in found.values())
        return JSONResponse(
            {"status": "ready" if ready else "not_ready", "checks": found}, 200 if ready else 503
        )

    async def prometheus(request: Request) -> Response:
        return Response(metrics.exposition(service.name), media_type=metrics.CONTENT_TYPE)

    async def docs(request: Request) -> Response:
        page = DOCS.render(document=app.openapi(), service=service, prefix=request.scope.get("root_path", ""))
        return HTMLResponse(page)

    for path, endpoint in (("/livez", livez), ("/readyz", readyz), ("/metrics", prometheus), ("/docs", docs)):
        app.add_route(path, endpoint, include_in_schema=False)
    return app


async def _outcome(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 -- whatever it is, the service is not ready
        return type(error).__name__
    return "ok"


def unguarded(services: Sequence[Service]) -> list[str]:
    """Routes that nobody authorises, or that bypass the transaction: for the test that requires none."""
    found = []
    for service in services:
        for context in iter_route_contexts(service.router.routes):
            route = context.original_route
            if not isinstance(route, Route):
                found.append(f"{service.name} {context.path}: {type(route).__name__} is no shared.http.Route")
            elif authorization_of(route) is None:
                found.append(f"{service.name} {sorted(route.methods or ())} {context.path}: no authorize")
    return found
