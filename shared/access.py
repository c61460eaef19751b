"""The register of reads of personal data: who, what, why. It is an event stream of each service.

Law 09-08 on personal data asks the controller to know who consulted what; the register holds references
only, never the data.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from shared.db import Tx
from shared.events import Event, Stream

PURPOSE: Final[ContextVar[str]] = ContextVar("purpose", default="unstated")
"""The caller's stated reason (header `Access-Purpose`, a code) or, by default, the action's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataRead(Event):
    """Somebody other than the person concerned read this. `ids` are aggregates of type `aggregate`."""

    aggregate: str
    ids: tuple[str, ...]
    action: str
    purpose: str
    at: datetime


@cache
def access_stream(service: str) -> Stream:
    """The topic `jamaa.<service>.access.events`; its aggregate is the reader, by subject."""
    name = f"ma.jamaa.{service}.access.read.v1"
    event = type("PersonalDataRead", (PersonalDataRead,), {"TYPE": name, "__slots__": ()})
    return Stream(service, "access", (dataclass(frozen=True, kw_only=True)(event),))


async def recorded(
    tx: Tx, service: str, *, action: str, aggregate: str, owners: Mapping[str, str], collectivity: str
) -> None:
    """Announce that the caller read these aggregates (id → subject of the person concerned).

    One's own data is left out; nothing is announced when nothing remains. Call it last in a route: it
    locks the reader's register until the commit. `collectivity` is where the data belongs.
    """
    ids = tuple(sorted(i for i, owner in owners.items() if owner != tx.actor.subject))
    if not ids:
        return
    stream = access_stream(service)
    event = stream.events[0](  # type: ignore[call-arg]  # the class that access_stream derived
        aggregate=aggregate, ids=ids, action=action, purpose=PURPOSE.get(), at=tx.now
    )
    await tx.emit(stream, tx.actor.subject, collectivity, event)
