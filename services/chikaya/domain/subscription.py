"""Following somebody else's public report, or what is reported in an area."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from services.chikaya.domain.forgetting import SUBSCRIPTION as UNCONFIRMED
from services.chikaya.domain.values import Contact, Point
from services.chikaya.events.subscription import Begun, Confirmed, Ended
from shared.errors import Conflict, Invalid

NEAREST: Final = 100
FARTHEST: Final = 20_000
"""Metres around a point: the place of a public report is known to some hundred metres only, and beyond
twenty kilometres one follows communes.
"""


class Standing(StrEnum):
    PENDING = "pending"  # nothing is sent to an address before its code came back, but that code
    ACTIVE = "active"
    ENDED = "ended"


NEXT: Final[dict[Standing, frozenset[Standing]]] = {
    Standing.PENDING: frozenset({Standing.ACTIVE, Standing.ENDED}),
    Standing.ACTIVE: frozenset({Standing.ENDED}),
    Standing.ENDED: frozenset(),
}


def follower_without_account(id: UUID) -> str:  # noqa: A002 -- the aggregate's field has this name
    """Their subject: no token's has a colon."""
    return f"subscription:{id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One report, or an area: `radius` metres around a point, or all of a commune (its arrondissements too),
    of one category or of all. `collectivity` is where the report or the point is.
    """

    collectivity: str
    report: UUID | None = None
    point: Point | None = None
    radius: int | None = None
    category: str | None = None

    def __post_init__(self) -> None:
        """Raises Invalid `radius_missing`, `radius_unsuitable`."""
        if (self.point is None) != (self.radius is None):
            raise Invalid("radius_missing", "An area is a commune, or a point and a radius.")
        if self.radius is not None and not NEAREST <= self.radius <= FARTHEST:
            raise Invalid(
                "radius_unsuitable", f"Between {NEAREST} and {FARTHEST} metres.", least=NEAREST, most=FARTHEST
            )


@dataclass(kw_only=True)
class Subscription:
    """`follower` is a subject, or one of this subscription alone for whoever has no account; `address` where
    these are written to; `token` what the link in each notice ends it by. An ended one forgets the address
    and the place. `version` is the sequence of its last event.
    """

    id: UUID
    follower: str
    target: Target
    token: str
    begun_at: datetime
    address: str | None = None
    standing: Standing = Standing.PENDING
    version: int = 0

    @property
    def collectivity(self) -> str:
        return self.target.collectivity

    @property
    def recipient(self) -> str:
        """Whom the notices are for."""
        return self.address or self.follower

    @classmethod
    def begin(
        cls,
        id: UUID,  # noqa: A002 -- the aggregate's field has this name
        target: Target,
        *,
        token: str,
        now: datetime,
        follower: str | None = None,
        contact: Contact | None = None,
    ) -> tuple[Self, Begun]:
        """With an account, or with an address that is to be confirmed. Raises Invalid `address_missing`, and
        what `Contact.checked` raises.
        """
        address = contact.checked().address if contact else None
        if follower is None and address is None:
            raise Invalid("address_missing", "An e-mail address, or a telephone number.")
        self = cls(
            id=id,
            follower=follower or follower_without_account(id),
            target=target,
            token=token,
            begun_at=now,
            address=None if follower else address,
            standing=Standing.ACTIVE if follower else Standing.PENDING,
            version=1,
        )
        return self, Begun(collectivity=self.collectivity, begun_at=now, account=follower is not None)

    def confirm(self, now: datetime) -> Confirmed | None:
        """By whoever holds the code that was sent; again changes nothing. Raises Conflict `ended`."""
        if self.standing is Standing.ACTIVE:
            return None
        self._become(Standing.ACTIVE)
        return Confirmed(collectivity=self.collectivity, confirmed_at=now)

    def end(self, now: datetime) -> Ended | None:
        """Again changes nothing."""
        if self.standing is Standing.ENDED:
            return None
        self._become(Standing.ENDED)
        self.address = None
        if self.target.point is not None:
            self.target = Target(collectivity=self.collectivity, category=self.target.category)
        return Ended(collectivity=self.collectivity, ended_at=now)

    def lapse(self, now: datetime) -> Ended | None:
        """Of one that nobody confirmed in time; else nothing changes."""
        if self.standing is not Standing.PENDING or now < self.begun_at + UNCONFIRMED:
            return None
        return self.end(now)

    def _become(self, standing: Standing) -> None:
        if standing not in NEXT[self.standing]:
            raise Conflict(
                "subscription_ended",
                {
                    "ar": "أنهيت هذه المتابعة.",
                    "fr": "Ce suivi a pris fin.",
                    "en": "This subscription has ended.",
                },
            )
        self.standing = standing
        self.version += 1
