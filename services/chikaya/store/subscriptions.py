"""Who follows what. Tokens are told in notices only: the role of the API writes them and reads none."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from services.chikaya.domain.subscription import Standing, Subscription, Target
from services.chikaya.domain.values import Point
from services.chikaya.events.subscription import SUBSCRIPTION, SubscriptionEvent
from services.chikaya.store.codes import digest
from shared.db import Tx
from shared.errors import NotFound

METRES: Final = 111_195  # of a degree of latitude, on the mean sphere
READ: Final = (
    "id, follower, address, report, collectivity, latitude, longitude, radius, category, standing, begun_at,"
    " version"
)
ONE = text(f"SELECT {READ} FROM chikaya.subscription WHERE id = :id FOR UPDATE")
OWN = text(f"""SELECT {READ} FROM chikaya.subscription
    WHERE follower = :follower AND standing <> 'ended'
      AND (CAST(:after_at AS timestamptz) IS NULL OR (begun_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY begun_at DESC, id DESC LIMIT :limit""")
SET = text("SELECT set_config('app.following', :id, true)")
BEGIN = text("""
    INSERT INTO chikaya.subscription (id, follower, address, report, collectivity, latitude, longitude,
      radius, category, standing, begun_at, version, token)
    VALUES (:id, :follower, :address, :report, :collectivity, :latitude, :longitude, :radius, :category,
      :standing, :begun_at, :version, :token)""")
CHANGE = text("""
    UPDATE chikaya.subscription SET address = :address, latitude = :latitude, longitude = :longitude,
      radius = :radius, standing = :standing, version = :version WHERE id = :id""")
CONFIRMING = text("SELECT chikaya.confirming(:id, :hash)")
UNFOLLOWING = text("SELECT chikaya.unfollowing(:token)")
ASKED = text("""
    UPDATE chikaya.subscription SET code_hash = :hash
    WHERE id = :id AND standing = 'pending' AND code_hash IS NULL RETURNING address""")
REACH: Final = 0.2  # degrees of latitude: more than the farthest radius


async def begin(tx: Tx, subscription: Subscription, *, because: SubscriptionEvent) -> None:
    await tx.execute(SET, {"id": str(subscription.id)})
    row = _row(subscription) | {"token": subscription.token}
    await tx.save(SUBSCRIPTION, subscription.id, because, subscription.version, BEGIN, row)


async def save(tx: Tx, subscription: Subscription, *, because: SubscriptionEvent) -> None:
    await tx.save(SUBSCRIPTION, subscription.id, because, subscription.version, CHANGE, _row(subscription))


async def locked(tx: Tx, subscription_id: UUID) -> Subscription:
    """One's own, or that which a code or a link opened. Raises NotFound."""
    row = (await tx.execute(ONE, {"id": subscription_id})).one_or_none()
    if row is None:
        raise subscription_unknown()
    return _read(row)


async def confirming(tx: Tx, subscription_id: UUID, code: str) -> bool:
    """Whether this is the code that was sent to its address; then this transaction sees it."""
    values = {"id": subscription_id, "hash": digest(code)}
    return bool((await tx.execute(CONFIRMING, values)).scalar_one_or_none())


async def unfollowing(tx: Tx, token: str) -> UUID | None:
    """That which a link ends; then this transaction sees it."""
    found: UUID | None = (await tx.execute(UNFOLLOWING, {"token": token})).scalar_one_or_none()
    return found


async def of_follower(
    tx: Tx, follower: str, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Subscription]:
    """The newest first, without those that ended."""
    values = {
        "follower": follower,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [_read(row) for row in await tx.execute(OWN, values)]


async def ask(tx: Tx, subscription_id: UUID, code: str) -> str | None:
    """The address that its code goes to; None where one went there already."""
    values = {"id": subscription_id, "hash": digest(code)}
    address: str | None = (await tx.execute(ASKED, values)).scalar_one_or_none()
    return address


def subscription_unknown() -> NotFound:
    return NotFound(
        "subscription_unknown",
        {
            "ar": "لا توجد متابعة بهذا المعرف.",
            "fr": "Aucun suivi de cet identifiant.",
            "en": "There is no such subscription.",
        },
    )


def _row(one: Subscription) -> dict[str, Any]:
    target = one.target
    return {
        "id": one.id,
        "follower": one.follower,
        "address": one.address,
        "report": target.report,
        "collectivity": target.collectivity,
        "latitude": target.point and target.point.latitude,
        "longitude": target.point and target.point.longitude,
        "radius": target.radius,
        "category": target.category,
        "standing": one.standing.value,
        "begun_at": one.begun_at,
        "version": one.version,
    }


def _read(row: Row[*tuple[Any, ...]]) -> Subscription:
    point = None if row.radius is None else Point(longitude=row.longitude, latitude=row.latitude)
    return Subscription(
        id=row.id,
        follower=row.follower,
        target=Target(
            collectivity=row.collectivity,
            report=row.report,
            point=point,
            radius=row.radius,
            category=row.category,
        ),
        token="",
        begun_at=row.begun_at,
        address=row.address,
        standing=Standing(row.standing),
        version=row.version,
    )
