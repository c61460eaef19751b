"""What a service that issues documents announces of them: references only."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TypeVar

from shared.events import Event, Stream

E = TypeVar("E", bound="DocumentEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEvent(Event):
    """`about` is the aggregate that the document was issued on; `kind` what it is."""

    about: str
    kind: str
    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIssued(DocumentEvent):
    """Sealed, and kept under the digest `file`. `issued_at` is the instant that it is dated by."""

    file: str
    issued_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSuperseded(DocumentEvent):
    """True when it was issued, overtaken since: `reason` is a code."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRevoked(DocumentEvent):
    """It no longer gives any right: `reason` is a code."""

    at: datetime
    reason: str


@cache
def document_stream(service: str) -> Stream:
    """The topic `jamaa.<service>.document.events`; its aggregate is the document."""
    kinds = {"issued": DocumentIssued, "superseded": DocumentSuperseded, "revoked": DocumentRevoked}
    return Stream(service, "document", tuple(_of(service, what, kind) for what, kind in kinds.items()))


def event_of(service: str, kind: type[E]) -> type[E]:
    """The service's own class of the event."""
    return next(event for event in document_stream(service).events if issubclass(event, kind))


def _of(service: str, what: str, kind: type[DocumentEvent]) -> type[DocumentEvent]:
    name = f"ma.jamaa.{service}.document.{what}.v1"
    event = type(kind.__name__, (kind,), {"TYPE": name, "__slots__": (), "__doc__": kind.__doc__})
    return dataclass(frozen=True, kw_only=True)(event)
