"""The event envelope: CloudEvents 1.0 in Kafka's binary content mode. Knows no event by name.

A service declares its events as frozen dataclasses below `Event` and groups them in one `Stream` per
aggregate; the stream's topic carries all of them, so that the sequence of an aggregate has no gap.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Final, Self, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from shared.errors import Malformed
from shared.time import parse_instant

SEQUENCE_WIDTH = 19  # the CloudEvents `sequence` extension orders as text
MOST: Final = 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact that a service announces. Fields are only ever added, with a default.

    `TYPE` is the wire name and carries the version: `ma.jamaa.<service>.<aggregate>.<what>.v1`.
    """

    TYPE: ClassVar[str]

    def payload(self) -> bytes:
        return _adapter(type(self)).dump_json(self)

    @classmethod
    def read(cls, payload: bytes) -> Self:
        event: Self = _adapter(cls).validate_json(payload)
        return event


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(model: Any) -> TypeAdapter[Any]:
    """Built once per model: building costs a thousand readings."""
    if model not in _adapters:
        _adapters[model] = TypeAdapter(model)
    return _adapters[model]


@dataclass(frozen=True, slots=True)
class Stream:
    """All events of one aggregate type: one topic, keyed by aggregate id, contiguous per aggregate."""

    service: str
    aggregate: str
    events: tuple[type[Event], ...]
    types: Mapping[str, type[Event]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        prefix = f"ma.jamaa.{self.service}.{self.aggregate}."
        for event in self.events:
            if not event.TYPE.startswith(prefix):
                raise ValueError(f"{event.__name__}.TYPE is {event.TYPE!r}, expected {prefix}<what>.v<n>")
        object.__setattr__(self, "types", {event.TYPE: event for event in self.events})

    @property
    def topic(self) -> str:
        return topic_of(self.service, self.aggregate)

    @property
    def source(self) -> str:
        return f"/{self.service}"


def topic_of(service: str, aggregate: str) -> str:
    """The one place where topics get their names."""
    return f"jamaa.{service}.{aggregate}.events"


def parts_of(topic: str) -> tuple[str, str]:
    """The service and the aggregate whose events this topic carries. Raises ValueError for another topic."""
    match topic.split("."):
        case ["jamaa", service, aggregate, "events"]:
            return service, aggregate
    raise ValueError(f"{topic} is no topic of events")


def repair_topic_of(service: str) -> str:
    """Where consumers ask a producer to send again what they miss."""
    return f"jamaa.{service}.repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One event as it travels. `sequence` counts 1, 2, 3… per (source, aggregate, subject)."""

    id: UUID
    source: str
    type: str
    aggregate: str
    subject: str
    sequence: int
    time: datetime
    collectivity: str
    data: bytes
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None

    def read(self, model: Callable[..., T]) -> T:
        """The fields that a consumer declares; others are ignored. Raises pydantic's ValidationError."""
        value: T = _adapter(model).validate_json(self.data)
        return value

    def headers(self) -> list[tuple[str, bytes]]:
        """CloudEvents attributes as Kafka headers, `ce_` before each; absent ones are left out."""
        varying = (
            ("ce_id", str(self.id)),
            ("ce_subject", self.subject),
            ("ce_time", self.time.astimezone(UTC).isoformat().replace("+00:00", "Z")),
            ("ce_partitionkey", self.subject),
            ("ce_sequence", str(self.sequence).zfill(SEQUENCE_WIDTH)),
            ("ce_collectivity", self.collectivity),
            ("ce_correlationid", self.correlation_id),
            ("ce_causationid", self.causation_id),
            ("ce_traceparent", self.traceparent),
            ("ce_tracestate", self.tracestate),
        )
        own = [(name, value.encode()) for name, value in varying if value is not None]
        return [*_common(self.source, self.type, self.aggregate), *own]

    @classmethod
    def parse(cls, headers: Iterable[tuple[str, bytes]], value: bytes) -> Self:
        """Raises `Undecodable` when the record is no event of ours."""
        try:
            h = _decoded(headers)
            return cls(
                id=UUID(h["ce_id"]),
                source=h["ce_source"],
                type=h["ce_type"],
                aggregate=h["ce_aggregate"],
                subject=h["ce_subject"],
                sequence=_sequence(h["ce_sequence"]),
                time=parse_instant(h["ce_time"]),
                collectivity=h.get("ce_collectivity", ""),
                data=value,
                correlation_id=h.get("ce_correlationid"),
                causation_id=h.get("ce_causationid"),
                traceparent=h.get("ce_traceparent"),
                tracestate=h.get("ce_tracestate"),
            )
        except KeyError as missing:
            raise Undecodable(f"header {missing} is absent") from missing
        except (ValueError, AttributeError, Malformed) as bad:
            raise Undecodable(f"{type(bad).__name__}: {bad}") from bad


@lru_cache(maxsize=1024)
def _common(source: str, type_: str, aggregate: str) -> tuple[tuple[str, bytes], ...]:
    """The headers that all events of one type share, encoded once."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_source": source,
        "ce_type": type_,
        "ce_dataschema": f"/contracts/{type_}.json",
        "content-type": "application/json",
        "ce_aggregate": aggregate,
    }
    return tuple((name, value.encode()) for name, value in attributes.items())


def _decoded(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    decoded = {}
    for name, raw in headers:
        decoded[name] = text = raw.decode()
        if "\0" in text:
            raise ValueError("a header holds NUL, which no text column takes")
    if (version := decoded["ce_specversion"]) != "1.0":
        raise ValueError(f"CloudEvents {version!r} is not 1.0")
    return decoded


def _sequence(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_WIDTH):
        raise ValueError(f"{text[:40]!r} is no sequence")
    if not 1 <= (sequence := int(text)) <= MOST:
        raise ValueError(f"the sequence {sequence} is out of range")
    return sequence


class Undecodable(Exception):
    """These bytes are no event: they go to the dead letters, never through a handler."""
