"""Where traces go: to a collector by OTLP over HTTP, to standard output, or nowhere, which is the default."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from shared import trace
from shared.settings import Settings

CONSOLE: Final = "console"


class WholeStories(Sampler):
    """A share of the stories, each from its request to the last consumer: what is linked to something that
    is recorded is recorded as well, though it begins a trace of its own.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._alone = ParentBased(TraceIdRatioBased(ratio))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        follows = get_current_span(parent_context).get_span_context().is_valid
        recorded = any(link.context.trace_flags.sampled for link in links or ())
        chosen = ALWAYS_ON if recorded and not follows else self._alone
        return chosen.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"WholeStories{{{self._ratio}}}"


@contextmanager
def tracing(settings: Settings, service: str) -> Iterator[None]:
    """Records while the block runs, and sends what is left when it ends. `service` is `service.name`."""
    assert settings.traces is not None
    exporter: SpanExporter = (
        ConsoleSpanExporter() if settings.traces == CONSOLE else OTLPSpanExporter(endpoint=settings.traces)
    )
    provider = TracerProvider(
        sampler=WholeStories(settings.traces_ratio),
        resource=Resource.create({"service.name": service, "service.namespace": "jamaa"}),
        shutdown_on_exit=False,  # the block's end does it
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.use(provider.get_tracer("jamaa"))
    try:
        yield
    finally:
        trace.use(None)
        provider.shutdown()
