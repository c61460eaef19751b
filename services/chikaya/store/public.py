"""What everybody may see of reports: the view, which holds nothing else."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, TextClause, text

from services.chikaya.domain import State
from services.chikaya.events.report import Kind
from shared.db import Tx
from shared.errors import NotFound

COLUMNS: Final = """
    id, reference, kind, category, collectivity, state, received_at, escalated_at,
      longitude::float, latitude::float, text, reply, outcome, answered_at::timestamptz,
      photos"""
SELECT: Final = f"SELECT {COLUMNS} FROM chikaya.public_report"
ONE = text(f"{SELECT} WHERE id = :id")
LATEST: Final = "ORDER BY received_at DESC, id DESC"
FEW: Final = 20
"""Places of which each gives its page, from its index; more of them are met often enough among the newest."""
# Without a bound it is infinite: an index serves these, where `:since IS NULL OR …` says no plan what it is.
SINCE: Final = "received_at >= coalesce(CAST(:since AS timestamptz), '-infinity')"
UNTIL: Final = "coalesce(CAST(:until AS timestamptz), 'infinity')"
LIST: Final = f"""
      (CAST(:category AS text) IS NULL OR category = :category)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(:states)) AND {SINCE}
      AND (received_at, id)
        < (coalesce(CAST(:before_at AS timestamptz), 'infinity'), CAST(:before_id AS uuid))"""


def listed(columns: str, where: str, page: str, whole: str) -> dict[bool | None, TextClause]:
    """The newest first: of all places (None), of a few (True), or of many. `page` limits what is read of each
    of a few, `whole` all.
    """
    plain = f"{columns} WHERE {where}"
    of_each = f"{columns} WHERE collectivity = place.code AND {where} {LATEST} LIMIT {page}"
    return {
        None: text(f"{plain} {LATEST} {whole}"),
        False: text(f"{plain} AND collectivity = ANY(:collectivities) {LATEST} {whole}"),
        True: text(
            "SELECT each.* FROM unnest(CAST(:collectivities AS text[])) AS place (code)"
            f" CROSS JOIN LATERAL ({of_each}) AS each"
            f" ORDER BY each.received_at DESC, each.id DESC {whole}"
        ),
    }


LISTS: Final = listed(SELECT, LIST, ":limit", "LIMIT :limit")


def few(collectivities: Sequence[str] | None) -> bool | None:
    """Which of `listed` is asked."""
    return None if collectivities is None else len(collectivities) <= FEW


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicReport:
    """Longitude and latitude in degrees, to some hundred metres; texts, and photos by digest, as a person
    said that they are shown.
    """

    id: UUID
    reference: str
    kind: Kind
    category: str
    collectivity: str
    state: State
    received_at: datetime
    escalated_at: datetime | None
    longitude: float | None
    latitude: float | None
    text: str | None
    reply: str | None
    outcome: str | None
    answered_at: datetime | None
    photos: list[str]


def read(row: Row[*tuple[Any, ...]]) -> PublicReport:
    fields = {one.name: getattr(row, one.name) for one in dataclasses.fields(PublicReport)}
    return PublicReport(**(fields | {"kind": Kind(row.kind), "state": State(row.state)}))


async def get(tx: Tx, report_id: UUID) -> PublicReport:
    """Raises NotFound for what is not shown to everybody."""
    row = (await tx.execute(ONE, {"id": report_id})).one_or_none()
    if row is None:
        raise NotFound("report_unknown", "There is no such public report.")
    return read(row)


async def find(
    tx: Tx,
    *,
    collectivities: Sequence[str] | None,
    category: str | None,
    states: Sequence[State] | None,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[PublicReport]:
    """The newest first."""
    # One bound: of two, an index may begin at the wrong one.
    before = after if after and (until is None or after[0] < until) else (until, UUID(int=0))
    values = {
        "collectivities": None if collectivities is None else sorted(collectivities),
        "category": category,
        "states": None if states is None else [str(state) for state in states],
        "since": since,
        "before_at": before[0],
        "before_id": before[1],
        "limit": limit,
    }
    return [read(row) for row in await tx.execute(LISTS[few(collectivities)], values)]
