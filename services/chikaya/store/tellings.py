"""What followers are still to be told: kept until the last of them was, page by page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.chikaya.domain.values import Point
from services.chikaya.store.subscriptions import METRES, REACH
from shared.db import Tx

LATER: Final = 60  # seconds until what failed has its turn again

KEEP = text("""
    INSERT INTO chikaya.telling (id, notice, report, kind, content, said_at, collectivities, category,
      latitude, longitude, origin)
    VALUES (:id, :notice, :report, :kind, CAST(:content AS jsonb), :said_at, :collectivities, :category,
      :latitude, :longitude, CAST(:origin AS jsonb))
    ON CONFLICT DO NOTHING""")
TURN = text("""
    SELECT id, notice, report, kind, content, said_at, collectivities, category, latitude, longitude, origin,
      after
    FROM chikaya.telling WHERE next_turn <= clock_timestamp()
    ORDER BY next_turn LIMIT 1 FOR UPDATE SKIP LOCKED""").columns(content=JSONB, origin=JSONB)
WAITING = text("""
    SELECT count(*) FROM (SELECT FROM msg.notice WHERE sent_at IS NULL AND next_try <= clock_timestamp()
      LIMIT :most) AS waiting""")
TOLD = text("UPDATE chikaya.telling SET after = :after, next_turn = clock_timestamp() WHERE id = :id")
DONE = text("DELETE FROM chikaya.telling WHERE id = :id")
FAILED = text("""
    UPDATE chikaya.telling SET next_turn = clock_timestamp() + make_interval(secs => :later)
    WHERE id = :id""")
NEXT: Final = """standing = 'active' AND begun_at <= :said_at
      AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid))"""
WHO: Final = "SELECT id, coalesce(address, follower) AS recipient, token FROM chikaya.subscription"
OF_REPORT = text(f"{WHO} WHERE report = :report AND {NEXT} ORDER BY id LIMIT :limit")
OF_PLACE = text(f"""
    SELECT page.* FROM unnest(CAST(:collectivities AS text[])) AS place (code) CROSS JOIN LATERAL (
      {WHO} WHERE collectivity = place.code AND report IS NULL AND radius IS NULL
        AND (category IS NULL OR category = :category) AND {NEXT} ORDER BY id LIMIT :limit) AS page
    UNION ALL
    ({WHO}
    WHERE radius IS NOT NULL AND (category IS NULL OR category = :category) AND {NEXT}
      AND latitude BETWEEN CAST(:latitude AS float) - :reach AND CAST(:latitude AS float) + :reach
      AND {METRES} * sqrt(power(latitude - :latitude, 2)
        + power((longitude - :longitude) * cos(radians(CAST(:latitude AS float))), 2)) <= radius
    ORDER BY id LIMIT :limit)
    ORDER BY id LIMIT :limit""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """`notice` is the same for all that nobody is told twice; `said_at` the instant up to which somebody has
    begun to follow. Without `collectivities` those who follow the report are told, else those who follow
    what is reported there, at `point` as everybody sees it. `origin` is
    the correlation and trace of what gave rise to it, `after` who was told last.
    """

    id: UUID
    notice: UUID
    report: UUID
    kind: str
    content: dict[str, Any]
    said_at: datetime
    collectivities: Sequence[str] | None = None
    category: str | None = None
    point: Point | None = None
    origin: tuple[str | None, str | None]
    after: UUID | None = None


async def keep(tx: Tx, telling: Telling) -> None:
    """The same one again is kept once."""
    values = {
        "id": telling.id,
        "notice": telling.notice,
        "report": telling.report,
        "kind": telling.kind,
        "content": json.dumps(telling.content, ensure_ascii=False),
        "said_at": telling.said_at,
        "collectivities": telling.collectivities,
        "category": telling.category,
        "latitude": telling.point and telling.point.latitude,
        "longitude": telling.point and telling.point.longitude,
        "origin": json.dumps(telling.origin),
    }
    await tx.execute(KEEP, values)


async def next_turn(tx: Tx) -> Telling | None:
    """The one that has waited longest, locked: another worker takes the next."""
    row = (await tx.execute(TURN)).one_or_none()
    if row is None:
        return None
    return Telling(
        id=row.id,
        notice=row.notice,
        report=row.report,
        kind=row.kind,
        content=row.content,
        said_at=row.said_at,
        collectivities=row.collectivities,
        category=row.category,
        point=None if row.latitude is None else Point(longitude=row.longitude, latitude=row.latitude),
        origin=(row.origin[0], row.origin[1]),
        after=row.after,
    )


async def waiting(tx: Tx, most: int) -> int:
    """How many notices of this service wait to be sent, up to `most`."""
    found: int = (await tx.execute(WAITING, {"most": most})).scalar_one()
    return found


async def page(tx: Tx, telling: Telling, *, limit: int) -> Sequence[Row[Any]]:
    """Who is told next, in the order of their subscriptions: `id`, `recipient`, the `token` of their link.
    Without a point, of the places those who follow a commune.
    """
    values = {"said_at": telling.said_at, "after": telling.after, "limit": limit}
    if telling.collectivities is None:
        return (await tx.execute(OF_REPORT, values | {"report": telling.report})).all()
    place = {
        "collectivities": list(telling.collectivities),
        "category": telling.category,
        "latitude": telling.point and telling.point.latitude,
        "longitude": telling.point and telling.point.longitude,
        "reach": REACH,
    }
    return (await tx.execute(OF_PLACE, values | place)).all()


async def told(tx: Tx, telling: UUID, after: UUID) -> None:
    await tx.execute(TOLD, {"id": telling, "after": after})


async def done(tx: Tx, telling: UUID) -> None:
    await tx.execute(DONE, {"id": telling})


async def failed(tx: Tx, telling: UUID) -> None:
    await tx.execute(FAILED, {"id": telling, "later": LATER})
