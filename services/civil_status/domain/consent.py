"""What another administration may be told: with the person's consent, and no more than the purpose needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from services.civil_status.domain.act import Act
from services.civil_status.domain.outputs import Output, fold
from services.civil_status.domain.permissions import not_allowed
from services.civil_status.events import ActKind
from services.civil_status.events.consent import ConsentGiven, ConsentRevoked
from shared.auth import Actor
from shared.data import Names, Source
from shared.errors import Conflict, Invalid

FILE: Final = Path(__file__).resolve().parents[1] / "rules" / "exchanges.yaml"
DERIVED: Final = frozenset({"died_on", "alive"})
MOST_MISSES: Final = 20
"""Searches of one reader that may find nothing in a day. A choice of this platform: a clerk mistypes,
and guessing one of a billion identifiers takes more.
"""


class Confidence(StrEnum):
    """How a rule is known: text read, secondary source, general knowledge, uncertain."""

    READ = "C"
    SECONDARY = "P"
    BACKGROUND = "B"
    UNCERTAIN = "U"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    label: Names
    fields: tuple[str, ...]
    article: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    purposes: Mapping[str, Purpose]


@cache
def purposes() -> Mapping[str, Purpose]:
    """Raises `BadData` with file and line."""
    return Source(FILE, _File).value.purposes


def purpose(code: str) -> Purpose:
    """Raises Invalid `purpose_unknown`."""
    known = purposes()
    if code not in known:
        raise Invalid("purpose_unknown", "No such purpose.", purposes=sorted(known))
    return known[code]


def minimised(act: Act, code: str, died_on: date | None) -> dict[str, Any]:
    """What the purpose needs of the act as it now reads, by field, and nothing besides. `died_on` is what the
    register knows, by the margin or by an act of death.
    """
    extract = fold(act, Output.EXTRACT)
    said: dict[str, Any] = {}
    for field in purpose(code).fields:
        if field == "died_on":
            said[field] = None if died_on is None else died_on.isoformat()
        elif field == "alive":
            said[field] = act.kind is ActKind.BIRTH and died_on is None
        else:
            block, part = field.split(".")
            said[field] = (extract["blocks"][block] or {}).get(part)
    return said


@dataclass(kw_only=True)
class Consent:
    """By whose act it is, to one administration, for one purpose, until an instant."""

    id: UUID
    act: UUID
    identifier: str
    collectivity: str
    giver: str
    administration: str
    purpose: str
    given_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    version: int = 0

    @classmethod
    def give(
        cls,
        id: UUID,  # noqa: A002 - the aggregate's field has this name
        act: Act,
        *,
        administration: str,
        code: str,
        ends_at: datetime,
        by: Actor,
        now: datetime,
    ) -> tuple[Self, ConsentGiven]:
        """Raises Forbidden for whose act it is not, Invalid for a past end or an act without an
        identifier.
        """
        if by.subject not in act.parties:
            raise not_allowed()
        purpose(code)
        if act.identifier is None or act.kind is not ActKind.BIRTH:
            raise Invalid("no_identifier", "A consent is about the act of birth of who has an identifier.")
        if ends_at <= now:
            raise Invalid("consent_period", "The consent ends after now.")
        self = cls(
            id=id,
            act=act.id,
            identifier=act.identifier,
            collectivity=act.collectivity,
            giver=by.subject,
            administration=administration,
            purpose=code,
            given_at=now,
            ends_at=ends_at,
            version=1,
        )
        return self, ConsentGiven(**self._said, given_at=now, ends_at=ends_at)

    def revoke(self, *, by: Actor, now: datetime) -> ConsentRevoked:
        """At once; what was told before stays told, and stays in the register of reads."""
        if by.subject != self.giver:
            raise not_allowed()
        if self.revoked_at is not None:
            raise Conflict("consent_revoked", "It is revoked already.")
        self.revoked_at = now
        self.version += 1
        return ConsentRevoked(**self._said, revoked_at=now)

    @property
    def _said(self) -> dict[str, Any]:
        return {
            "collectivity": self.collectivity,
            "act": str(self.act),
            "administration": self.administration,
            "purpose": self.purpose,
        }
