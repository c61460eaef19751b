"""Distributed traces, by OpenTelemetry's API. Until somebody gives a tracer, nothing is recorded or spent.

An event carries the context of the span that announced it, its creation context. The relay that sends it
and the consumer that handles it begin traces of their own, linked to it, and never change it (OpenTelemetry,
semantic conventions for messaging spans); so does a timer, linked to what scheduled it.

Spans hold references only, as logs do (law 09-08): no path, no query, no address, no message of an exception.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Status, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from shared.db import Tx
from shared.events import Envelope, topic_of
from shared.log import context as log_context

FORMAT: Final = TraceContextTextMapPropagator()
MOST_LINKS: Final = 128  # what OpenTelemetry keeps of a span's links
SERVER, CLIENT, CONSUMER, INTERNAL = SpanKind.SERVER, SpanKind.CLIENT, SpanKind.CONSUMER, SpanKind.INTERNAL

_tracer: Tracer | None = None


def use(tracer: Tracer | None) -> None:
    """Records with `tracer` from now on, or not at all. Not OpenTelemetry's global provider: the web
    framework would write spans of its own there, with paths, which hold identifiers.
    """
    global _tracer  # noqa: PLW0603  # one per process, as log.configure
    _tracer = tracer


def recording() -> bool:
    return _tracer is not None


@contextmanager
def span(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue | None] | None = None,
    *,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    correlation_id: str | None = None,
) -> Iterator[Span]:
    """A span around the block. `parent` and `links` are W3C traceparents; with links, it begins a new trace.

    An exception that leaves the block makes it an error, by its type alone.
    """
    if _tracer is None:
        yield INVALID_SPAN
        return
    linked = _links(links)
    new = trace.set_span_in_context(INVALID_SPAN) if linked else None
    known = {key: value for key, value in (attributes or {}).items() if value is not None}
    if correlation_id is not None:
        known["jamaa.correlation_id"] = correlation_id
    within = FORMAT.extract({"traceparent": parent}) if parent else new
    begun = _tracer.start_span(name, within, kind, known, linked)
    with trace.use_span(begun, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield begun
        except Exception as error:
            failed(begun, type(error).__name__)
            raise


def messaging(operation: str, topic: str | None) -> dict[str, AttributeValue | None]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }


def handling(event: Envelope, consumer: str) -> AbstractContextManager[Span]:
    """A consumer at work on one event."""
    if _tracer is None:
        return nullcontext(INVALID_SPAN)
    topic = topic_of(event.source.removeprefix("/"), event.aggregate)
    about = {
        "messaging.consumer.group.name": consumer,
        "cloudevents.event_id": str(event.id),
        "cloudevents.event_source": event.source,
        "cloudevents.event_type": event.type,
        "cloudevents.event_subject": event.subject,
    }
    return span(
        f"process {topic}",
        CONSUMER,
        messaging("process", topic) | about,
        links=[event.traceparent],
        correlation_id=event.correlation_id,
    )


@contextmanager
def continued(tx: Tx, name: str) -> Iterator[Span]:
    """Work that time brings about, for an aggregate whose last event said where it came from."""
    with span(name, INTERNAL, links=[tx.traceparent], correlation_id=tx.correlation_id) as begun:
        tx.traceparent = traceparent(begun) or tx.traceparent
        with log_context(correlation_id=tx.correlation_id, traceparent=tx.traceparent):
            yield begun


@contextmanager
def outgoing(method: str, url: str, origin: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A request to somebody else: yields the headers by which it is followed. `origin` is what the event that
    led to it said: `traceparent`, `correlation_id`.
    """
    about = {"http.request.method": method, "server.address": urlsplit(url).hostname}
    correlation = origin.get("correlation_id")
    links = [origin.get("traceparent")]
    with span(method, CLIENT, about, links=links, correlation_id=correlation) as begun:
        headers = {"traceparent": traceparent(begun), "X-Correlation-ID": correlation}
        yield {name: value for name, value in headers.items() if value}


def failed(of: Span, kind: str) -> None:
    of.set_status(Status(StatusCode.ERROR))
    of.set_attribute("error.type", kind)


def answered(of: Span, method: str, route: str, status: int) -> None:
    """A request is named by its route, never by its path."""
    of.update_name(f"{method} {route}")
    of.set_attributes(
        {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    )
    if status >= 500:
        failed(of, str(status))


def traceparent(of: Span) -> str | None:
    """The W3C traceparent by which others continue or link to this span; None when nothing is recorded."""
    if of is INVALID_SPAN:
        return None
    carrier: dict[str, str] = {}
    FORMAT.inject(carrier, trace.set_span_in_context(of))
    return carrier.get("traceparent")


def sampled(traceparents: Iterable[str | None]) -> list[str]:
    """Those that somebody records, each once; none while this process records nothing."""
    if _tracer is None:
        return []
    recorded = (found for found in traceparents if found and int(found[-2:], 16) & TraceFlags.SAMPLED)
    return list(dict.fromkeys(recorded))[:MOST_LINKS]


def _links(traceparents: Iterable[str | None]) -> list[Link]:
    contexts = (
        trace.get_current_span(FORMAT.extract({"traceparent": found})).get_span_context()
        for found in traceparents
        if found
    )
    return [Link(context) for context in contexts if context.is_valid]
