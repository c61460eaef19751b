"""Following somebody else's public report, or an area: with an account, or by a confirmed address."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID, uuid4

from fastapi import Query
from pydantic import BaseModel, Field

from services.chikaya.api.common import Code, ContactIn, Nothing, authorize
from services.chikaya.domain import Action
from services.chikaya.domain.catalogue import catalogue
from services.chikaya.domain.place import located
from services.chikaya.domain.subscription import FARTHEST, NEAREST, Standing, Subscription, Target
from services.chikaya.domain.values import Point
from services.chikaya.store import codes, public, subscriptions
from shared.db import Tx
from shared.errors import Forbidden, Invalid
from shared.http import PUBLIC, Body, Collectivity, Instant, Listing, Page, Router
from shared.territory import territory

router = Router(prefix="")

WHOLE: Final = frozenset({"commune", "arrondissement"})


class SubscriptionIn(Body):
    """One of: a public `report`; a `collectivity` (a commune or an arrondissement); a point (WGS 84 degrees)
    with a `radius` in metres. Of an area, all categories or one.
    """

    report: UUID | None = None
    collectivity: Collectivity | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, examples=[-7.62])] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, examples=[33.59])] | None = None
    radius: Annotated[int, Field(ge=NEAREST, le=FARTHEST, examples=[500])] | None = None
    category: Code | None = None

    async def target(self, tx: Tx) -> Target:
        """Raises Invalid `target_unclear`, `not_a_commune`, `category_hidden` and what a point may raise;
        NotFound for a report that is not public.
        """
        point = (self.longitude, self.latitude, self.radius)
        whole = None not in point
        if (any(point_part is not None for point_part in point) and not whole) or (
            sum((self.report is not None, self.collectivity is not None, whole)) != 1
        ):
            raise Invalid(
                "target_unclear",
                {
                    "ar": "اختاروا واحدا: تبليغا، أو جماعة، أو نقطة مع مسافة.",
                    "fr": "Choisissez : un signalement, une commune, ou un point et un rayon.",
                    "en": "Choose one: a report, a commune, or a point and a radius.",
                },
            )
        if self.report is not None:
            return Target(report=self.report, collectivity=(await public.get(tx, self.report)).collectivity)
        if self.category is not None and not catalogue().category(self.category).public:
            raise Invalid("category_hidden", "What is reported in this category is not public.")
        if self.collectivity is not None:
            if territory().get(self.collectivity).kind not in WHOLE:
                raise Invalid("not_a_commune", "A commune, or an arrondissement.")
            return Target(collectivity=self.collectivity, category=self.category)
        assert self.longitude is not None  # as `whole` says
        assert self.latitude is not None
        centre = Point(longitude=self.longitude, latitude=self.latitude)
        collectivity, _ = located(centre)
        return Target(collectivity=collectivity, point=centre, radius=self.radius, category=self.category)


class AnonymousSubscriptionIn(SubscriptionIn):
    """An e-mail address or a telephone number: it is sent a code, and nothing else before that came back."""

    contact: ContactIn


class SubscriptionOut(BaseModel):
    """`pending` until the code that was sent came back."""

    id: UUID
    standing: Standing
    begun_at: Instant
    collectivity: str
    report: UUID | None
    longitude: float | None
    latitude: float | None
    radius: int | None
    category: str | None

    @classmethod
    def of(cls, one: Subscription) -> "SubscriptionOut":
        return cls(
            id=one.id,
            standing=one.standing,
            begun_at=one.begun_at,
            collectivity=one.collectivity,
            report=one.target.report,
            longitude=one.target.point and one.target.point.longitude,
            latitude=one.target.point and one.target.point.latitude,
            radius=one.target.radius,
            category=one.target.category,
        )


class CodeIn(Body):
    """The code that was sent to the address."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


@router.post("/subscriptions", status_code=201)
async def follow(
    tx: Annotated[Tx, authorize(Action.FOLLOW, limit="60/minute")], body: SubscriptionIn
) -> SubscriptionOut:
    """Each notice has the link that ends it. Who follows is told to nobody."""
    made, begun = Subscription.begin(
        uuid4(), await body.target(tx), token=codes.drawn(), now=tx.now, follower=tx.actor.subject
    )
    await subscriptions.begin(tx, made, because=begun)
    return SubscriptionOut.of(made)


@router.post("/anonymous-subscriptions", status_code=201)
async def follow_anonymously(
    tx: Annotated[Tx, authorize(PUBLIC, limit="10/minute")], body: AnonymousSubscriptionIn
) -> SubscriptionOut:
    made, begun = Subscription.begin(
        uuid4(), await body.target(tx), token=codes.drawn(), now=tx.now, contact=body.contact.value()
    )
    await subscriptions.begin(tx, made, because=begun)
    return SubscriptionOut.of(made)


@router.post("/subscriptions/{subscription_id}/confirmation")
async def confirm(
    tx: Annotated[Tx, authorize(PUBLIC, limit="60/minute")], subscription_id: UUID, body: CodeIn
) -> SubscriptionOut:
    if not await subscriptions.confirming(tx, subscription_id, body.code):
        raise Forbidden(
            "code_wrong",
            {
                "ar": "هذا الرمز غير صحيح.",
                "fr": "Ce code n'est pas le bon.",
                "en": "This is not the code.",
            },
        )
    found = await subscriptions.locked(tx, subscription_id)
    if event := found.confirm(tx.now):
        await subscriptions.save(tx, found, because=event)
    return SubscriptionOut.of(found)


@router.get("/subscriptions")
async def list_own(tx: Annotated[Tx, authorize(Action.FOLLOW)], paging: Listing) -> Page[SubscriptionOut]:
    """One's own, the newest first, without those that ended."""
    after = paging.after(datetime, UUID)
    found = await subscriptions.of_follower(
        tx, tx.actor.subject, after=after and (after[0], after[1]), limit=paging.fetch
    )
    return paging.page(found, key=lambda one: (one.begun_at, one.id), to=SubscriptionOut.of)


@router.post("/subscriptions/{subscription_id}/end")
async def end(
    tx: Annotated[Tx, authorize(Action.FOLLOW)], subscription_id: UUID, body: Nothing
) -> SubscriptionOut:
    return await _ended(tx, subscription_id)


@router.post("/unsubscriptions")
async def unfollow(
    tx: Annotated[Tx, authorize(PUBLIC, idempotent=False, limit="60/minute")],
    token: Annotated[str, Query(max_length=64)],
) -> SubscriptionOut:
    """What the link in a notice does, without a token or a key (as RFC 8058 asks of one click); again it
    changes nothing. A POST: whoever scans mail for harmful links ends nothing.
    """
    found = await subscriptions.unfollowing(tx, token)
    if found is None:
        raise subscriptions.subscription_unknown()
    return await _ended(tx, found)


async def _ended(tx: Tx, subscription_id: UUID) -> SubscriptionOut:
    found = await subscriptions.locked(tx, subscription_id)
    if event := found.end(tx.now):
        await subscriptions.save(tx, found, because=event)
    return SubscriptionOut.of(found)
