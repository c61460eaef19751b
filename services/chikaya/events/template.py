"""Texts that an office keeps for its replies."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateEvent(Event):
    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(TemplateEvent):
    """New, or in other words than before; replies that left keep what they said."""

    TYPE: ClassVar = "ma.jamaa.chikaya.template.written.v1"
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(TemplateEvent):
    """No reply is drawn up by it any more."""

    TYPE: ClassVar = "ma.jamaa.chikaya.template.withdrawn.v1"
    withdrawn_at: datetime


TEMPLATE: Final = Stream("chikaya", "template", (Written, Withdrawn))
