"""Who follows a public report, or an area: that somebody began, confirmed, ended; never who, nor what."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from shared.events import Event, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvent(Event):
    """`collectivity` is where the report or the area is."""

    collectivity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(SubscriptionEvent):
    """`account`: whoever follows has one, and nothing needs to be confirmed."""

    TYPE: ClassVar = "ma.jamaa.chikaya.subscription.begun.v1"
    begun_at: datetime
    account: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed(SubscriptionEvent):
    """Whoever follows without an account reads what is sent to the address that they gave."""

    TYPE: ClassVar = "ma.jamaa.chikaya.subscription.confirmed.v1"
    confirmed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended(SubscriptionEvent):
    TYPE: ClassVar = "ma.jamaa.chikaya.subscription.ended.v1"
    ended_at: datetime


SUBSCRIPTION: Final = Stream("chikaya", "subscription", (Begun, Confirmed, Ended))
