"""What a process measures, for Prometheus. Every metric that belongs to a service has the label `service`."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.routing import Route
from starlette.types import Scope

REQUESTS: Final = Counter(
    "jamaa_http_requests", "HTTP requests answered", ("service", "method", "route", "status")
)
FAILED: Final = Counter("jamaa_http_failures", "Requests answered 5xx", ["service"])
SECONDS: Final = Histogram(
    "jamaa_http_request_seconds",
    "Time until the answer was sent, in seconds",
    ("service", "method", "route"),
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds, for ever
NO_ROUTE: Final = "(none)"  # one value for every unknown path: labels come from a closed set


def observe_request(scope: Scope, status: int, seconds: float) -> str:
    """Counts under the route's template, and returns it; never under the path, which holds identifiers."""
    service = scope.get("root_path", "").strip("/") or "-"
    matched = scope.get("route")
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    route = matched.path if isinstance(matched, Route) else path if path in PROBES else NO_ROUTE
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    counted, timed = _series(service, method, route, str(status))
    counted.inc()
    timed.observe(seconds)
    if status >= 500:
        FAILED.labels(service).inc()
    return route


@cache
def _series(service: str, method: str, route: str, status: str) -> tuple[Counter, Histogram]:
    """Labels come from closed sets, so these are few."""
    return REQUESTS.labels(service, method, route, status), SECONDS.labels(service, method, route)


class _OfService(Collector):
    """What concerns one service and what concerns its process; other services have their own page."""

    def __init__(self, service: str) -> None:
        self.service = service

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            kept = Metric(family.name, family.documentation, family.type, family.unit)
            kept.samples = [
                s for s in family.samples if s.labels.get("service", self.service) == self.service
            ]
            if kept.samples:
                yield kept


def exposition(service: str) -> bytes:
    """The text that Prometheus scrapes under `/<service>/metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_OfService(service))
    return generate_latest(registry)
