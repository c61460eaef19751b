"""The one ASGI layer around everything."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import structlog
from fastapi import FastAPI
from opentelemetry.trace import INVALID_SPAN, Span
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from shared import metrics, trace
from shared.errors import Problem
from shared.http.context import ARRIVAL, Arrival
from shared.http.directory import Directory
from shared.http.problems import logged, on_http, rendered, unexpected
from shared.http.route import Route

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Mounted(NamedTuple):
    """A service: its routes are called from here, what is none goes to its application (0037)."""

    app: FastAPI
    directory: Directory


class Edge:
    """Correlation, metrics, the request's log line, the answers to what routes raise, and the net under
    exceptions that nothing caught.

    Pure ASGI: Starlette's middleware base class costs a task per request and breaks context variables.
    """

    def __init__(self, app: ASGIApp, mounted: Mapping[str, Mounted]) -> None:
        """`mounted` are the services by their prefix."""
        self.app = app
        self.mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        arrival = Arrival.of(Headers(scope=scope), follow=scope["app"].state.follow)
        probe = scope["path"].endswith(tuple(metrics.PROBES))  # asked every few seconds, for ever
        if probe or not trace.recording():
            await self._answer(scope, receive, send, arrival, INVALID_SPAN)
            return
        parent, correlation = arrival.traceparent, arrival.correlation_id
        with trace.span(scope["method"], trace.SERVER, parent=parent, correlation_id=correlation) as span:
            known = replace(arrival, traceparent=trace.traceparent(span) or arrival.traceparent)
            await self._answer(scope, receive, send, known, span)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The scope is told as `starlette.routing.Mount` would."""
        end = scope["path"].find("/", 1)
        service = self.mounted.get(scope["path"][:end]) if end > 0 and not scope.get("root_path") else None
        if service is None:
            await self.app(scope, receive, send)
            return
        scope.update(app=service.app, app_root_path="", root_path=scope["path"][:end])
        found = service.directory.find(scope["method"], scope["path"][end:])
        if found is None:
            await service.app(scope, receive, send)
            return
        route, parameters = found
        scope.update(route=route, endpoint=route.endpoint, path_params=parameters)
        response = await _response(route, Request(scope, receive))
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, arrival: Arrival, span: Span) -> None:
        token = ARRIVAL.set(arrival)
        status = 500
        started = False

        async def sender(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message["headers"].append((b"x-correlation-id", arrival.correlation_id.encode()))
            await send(message)

        before = time.perf_counter()
        bound = bind_contextvars(correlation_id=arrival.correlation_id, traceparent=arrival.traceparent)
        try:
            await self._within(scope, receive, sender)
        except Exception as error:  # noqa: BLE001 -- the last net
            logged(error)
            if not started:
                await unexpected(arrival.language)(scope, receive, sender)
        finally:
            route = metrics.observe_request(scope, status, time.perf_counter() - before)
            trace.answered(span, scope["method"], route, status)
            if route not in metrics.PROBES:
                elapsed = round((time.perf_counter() - before) * 1000, 1)
                log.info("http.answered", method=scope["method"], route=route, status=status, ms=elapsed)
            reset_contextvars(**bound)
            ARRIVAL.reset(token)


async def _response(route: Route, request: Request) -> Response:
    try:
        return await route.answer(request)
    except Problem as problem:
        return rendered(problem)
    except HTTPException as refused:
        return await on_http(request, refused)
