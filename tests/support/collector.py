"""A collector of traces and a gateway of notices, as others run them: both plain HTTP, on one free port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """As the collector received it; identifiers in hexadecimal."""

    service: str
    trace: str
    id: str
    parent: str
    name: str
    kind: str
    links: tuple[str, ...]
    """The traces that it is linked to."""
    attributes: dict[str, object]


@dataclass(slots=True)
class Collector:
    spans: list[Span] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    """The headers of what was sent to the gateway."""
    url: str = ""

    def story(self, trace: str) -> list[Span]:
        """The spans of a trace and of all that follow from it by links, in no order."""
        known = {trace}
        while True:
            more = {span.trace for span in list(self.spans) if known & set(span.links)} - known
            if not more:
                return [span for span in list(self.spans) if span.trace in known]
            known |= more

    def receive(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            about = {a.key: a.value.string_value for a in resource.resource.attributes}
            self.spans += [
                Span(
                    service=about["service.name"],
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    name=span.name,
                    kind=span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    links=tuple(link.trace_id.hex() for link in span.links),
                    attributes={
                        a.key: getattr(a.value, a.value.WhichOneof("value") or "string_value")
                        for a in span.attributes
                    },
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]


@contextmanager
def collector() -> Iterator[Collector]:
    found = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/v1/traces":
                found.receive(body)
            else:
                found.requests.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is for what fails."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield found
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
