"""What everybody may see of reports: the view, which holds nothing else."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from services.chikaya.domain import State
from services.chikaya.events.report import Kind
from shared.db import Tx
from shared.errors import NotFound

SELECT: Final = """
    SELECT id, reference, kind, category, collectivity, state, received_at, escalated_at,
      longitude::float, latitude::float, text, reply, outcome, answered_at::timestamptz,
      photos
    FROM chikaya.public_report"""
ONE = text(f"{SELECT} WHERE id = :id")
LIST = text(f"""{SELECT}
    WHERE (CAST(:collectivities AS text[]) IS NULL OR collectivity = ANY(:collectivities))
      AND (CAST(:category AS text) IS NULL OR category = :category)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(:states))
      AND (CAST(:since AS timestamptz) IS NULL OR received_at >= :since)
      AND (CAST(:until AS timestamptz) IS NULL OR received_at < :until)
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (received_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY received_at DESC, id DESC LIMIT :limit""")


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
    values = {
        "collectivities": None if collectivities is None else sorted(collectivities),
        "category": category,
        "states": None if states is None else [str(state) for state in states],
        "since": since,
        "until": until,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [read(row) for row in await tx.execute(LIST, values)]
