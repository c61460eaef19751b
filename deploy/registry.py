"""The one list of services. Topics, consumers, databases and roles follow from it."""

from typing import Final

from services.chikaya.app import SERVICE as CHIKAYA
from services.civil_status.app import SERVICE as CIVIL_STATUS
from services.deadlines.app import SERVICE as DEADLINES
from services.rokhas.app import SERVICE as ROKHAS
from services.watiqa.app import SERVICE as WATIQA
from shared.service import Service

SERVICES: Final[tuple[Service, ...]] = (ROKHAS, DEADLINES, CIVIL_STATUS, WATIQA, CHIKAYA)


class UnknownService(Exception):
    """The message names the services that there are."""


def service(name: str) -> Service:
    """Raises UnknownService."""
    for known in SERVICES:
        if known.name == name:
            return known
    raise UnknownService(f"no service is called {name!r}; there are {', '.join(s.name for s in SERVICES)}")
