"""Administrations that answer: what every reply says of them (2-17-265 art. 10)."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationEvent(Event):
    """The aggregate is the collectivity, by its code."""

    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPublished(AdministrationEvent):
    """Its address, telephone, fax and site, which replies carry from now on."""

    TYPE: ClassVar = "ma.jamaa.chikaya.administration.contact_published.v1"
    published_at: datetime


ADMINISTRATION: Final = Stream("chikaya", "administration", (ContactPublished,))
