"""Offices at which documents are asked for: closed, open again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

from shared.events import Event, Stream


class ClosureReason(StrEnum):
    WORKS = "works"
    STAFF = "staff"
    SYSTEM = "system"
    DISASTER = "disaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeEvent(Event):
    """The aggregate is the office, by its code."""

    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeClosed(OfficeEvent):
    """`until` is when it expects to open again, where it knows; nothing reopens by itself."""

    TYPE: ClassVar = "ma.jamaa.watiqa.office.closed.v1"
    closed_at: datetime
    reason: ClosureReason
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeReopened(OfficeEvent):
    TYPE: ClassVar = "ma.jamaa.watiqa.office.reopened.v1"
    reopened_at: datetime


OFFICE: Final = Stream("watiqa", "office", (OfficeClosed, OfficeReopened))
