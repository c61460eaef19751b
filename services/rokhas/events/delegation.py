"""Who acts for whom in a commune: an aggregate of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationGiven(Event):
    """The president's signature delegated, or an absence covered, inside one commune (113-14 art. 103)."""

    TYPE: ClassVar = "ma.jamaa.rokhas.delegation.given.v1"
    collectivity: str
    kind: str
    giver: str
    holder: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationRevoked(Event):
    TYPE: ClassVar = "ma.jamaa.rokhas.delegation.revoked.v1"
    collectivity: str
    revoked_at: datetime


DELEGATION: Final = Stream("rokhas", "delegation", (DelegationGiven, DelegationRevoked))
