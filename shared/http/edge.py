"""The one ASGI layer around everything."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import structlog
from opentelemetry.trace import INVALID_SPAN, Span
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics, trace
from shared.http.context import ARRIVAL, Arrival
from shared.http.problems import logged, unexpected
from shared.log import context

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Edge:
    """Correlation, metrics, the request's log line, and the net under exceptions that nothing caught.

    Pure ASGI: Starlette's middleware base class costs a task per request and breaks context variables.
    """

    def __init__(self, app: ASGIApp, mounted: Mapping[str, ASGIApp]) -> None:
        """`mounted` are the services by their prefix: what is theirs passes the root's router by."""
        self.app = app
        self.mounted = mounted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        arrival = Arrival.of(Headers(scope=scope), follow=scope["app"].state.follow)
        probe = scope["path"].endswith(tuple(metrics.PROBES))  # asked every few seconds, for ever
        opened: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)
        if not probe:
            opened = trace.span(
                scope["method"],
                trace.SERVER,
                parent=arrival.traceparent,
                correlation_id=arrival.correlation_id,
            )
        with opened as span:
            known = replace(arrival, traceparent=trace.traceparent(span) or arrival.traceparent)
            await self._answer(scope, receive, send, known, span)

    def _within(self, scope: Scope) -> ASGIApp:
        """Who answers, the scope being told as `starlette.routing.Mount` would."""
        end = scope["path"].find("/", 1)
        prefix = scope["path"][:end]
        if end < 0 or prefix not in self.mounted or scope.get("root_path"):
            return self.app
        scope.update(app_root_path="", root_path=prefix)
        return self.mounted[prefix]

    async def _answer(self, scope: Scope, receive: Receive, send: Send, arrival: Arrival, span: Span) -> None:
        token = ARRIVAL.set(arrival)
        status = 500
        started = False

        async def sender(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                MutableHeaders(scope=message)["X-Correlation-ID"] = arrival.correlation_id
            await send(message)

        before = time.perf_counter()
        with context(correlation_id=arrival.correlation_id, traceparent=arrival.traceparent):
            try:
                await self._within(scope)(scope, receive, sender)
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
                ARRIVAL.reset(token)
