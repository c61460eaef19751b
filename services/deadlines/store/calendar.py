"""The calendar in PostgreSQL: entries, and the revision that every clock was last counted under."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5
from weakref import WeakKeyDictionary

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.deadlines.domain.calendar import Calendar, CalendarDay, Kind, Status, load_fixed, load_seed
from services.deadlines.domain.clock import NAMESPACE
from services.deadlines.domain.entry import Entry, EntryState
from services.deadlines.events import CALENDAR_DAYS, CalendarDayEvent
from shared.data import Names
from shared.db import Tx
from shared.errors import NotFound
from shared.pool import Pool

SEEDER: Final = "seed"
NATIONWIDE: Final = "00"  # the collectivity of what concerns the whole country
COLUMNS: Final = (
    "id, date, kind, status, name, source, announced_at, scope, feast, earliest, latest, replaces, off,"
    " state, proposed_by, proposed_at, confirmed_by, confirmed_at, version"
)
NAMES: Final = [name.strip() for name in COLUMNS.split(",")]
CHANGING: Final = ("state", "confirmed_by", "confirmed_at", "version")
VALUES: Final = ", ".join("CAST(:name AS jsonb)" if name == "name" else f":{name}" for name in NAMES)


def _read(sql: str) -> Any:
    return text(sql).columns(name=JSONB)


SAVE = text(
    f"INSERT INTO deadlines.calendar_day ({COLUMNS}) VALUES ({VALUES}) ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in CHANGING)
)
SEED = text(f"INSERT INTO deadlines.calendar_day ({COLUMNS}) VALUES ({VALUES}) ON CONFLICT (id) DO NOTHING")
LOCK = _read(f"SELECT {COLUMNS} FROM deadlines.calendar_day WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
IN_FORCE = _read(f"SELECT {COLUMNS} FROM deadlines.calendar_day WHERE state = 'in_force' ORDER BY date, id")
RECORDED = text("""
    SELECT DISTINCT date FROM deadlines.calendar_day
    WHERE kind = 'national' AND scope IS NULL AND state IN ('in_force', 'replaced')""")
YEAR = _read(f"""
    SELECT {COLUMNS} FROM deadlines.calendar_day WHERE date BETWEEN :first AND :last
      AND state = ANY(CAST(:states AS text[])) ORDER BY date, id""")
ON = text("""
    SELECT id FROM deadlines.calendar_day
    WHERE date = :day AND state = 'in_force' AND scope IS NOT DISTINCT FROM CAST(:scope AS text)""")
REVISION = text("SELECT max(revision) FROM deadlines.calendar_revision")
SINCE = text("""
    SELECT reason, source, announced_at FROM deadlines.calendar_revision
    WHERE revision > :revision ORDER BY revision""").columns(reason=JSONB)
REVISE = text("""
    INSERT INTO deadlines.calendar_revision (revision, reason, source, announced_at, made_at)
    SELECT max(revision) + 1, CAST(:reason AS jsonb), :source, :announced_at, :made_at
    FROM deadlines.calendar_revision RETURNING revision""")

_calendars: WeakKeyDictionary[Pool, tuple[int, Calendar]] = WeakKeyDictionary()


async def current(tx: Tx) -> tuple[int, Calendar]:
    """The revision in force and its calendar, which is read again only when it has changed."""
    revision: int = (await tx.execute(REVISION)).scalar_one()
    known = _calendars.get(tx.session.pool)
    if known is None or known[0] != revision:
        days = [entry.day for entry in map(from_row, await tx.execute(IN_FORCE)) if entry.off]
        recorded = (await tx.execute(RECORDED)).scalars()
        known = _calendars[tx.session.pool] = (
            revision,
            Calendar(days, load_fixed(), recorded=recorded),
        )
    return known


async def changes(tx: Tx, since: int) -> tuple[Names, str, datetime] | None:
    """Why the calendar is no longer that of an older revision: reason, sources, last announcement."""
    rows = (await tx.execute(SINCE, {"revision": since})).all()
    if not rows:
        return None
    reason = {language: "؛ ".join(row.reason[language] for row in rows) for language in ("ar", "fr", "en")}
    return reason, "; ".join(row.source for row in rows), max(row.announced_at for row in rows)


async def revise(tx: Tx, reason: Names, source: str, announced_at: datetime) -> int:
    values = {
        "reason": json.dumps(reason, ensure_ascii=False),
        "source": source,
        "announced_at": announced_at,
        "made_at": tx.now,
    }
    revision: int = (await tx.execute(REVISE, values)).scalar_one()
    return revision


async def save(tx: Tx, entry: Entry, *, because: CalendarDayEvent) -> None:
    entry.version = await tx.emit(CALENDAR_DAYS, entry.id, entry.day.scope or NATIONWIDE, because)
    await tx.execute(SAVE, to_row(entry))


async def locked(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """Raises `NotFound` when one of them does not exist."""
    found = {row.id: from_row(row) for row in await tx.execute(LOCK, {"ids": list(ids)})}
    if missing := set(ids) - set(found):
        raise NotFound("calendar_day_unknown", f"No calendar entry {min(map(str, missing))}.")
    return found


async def on(tx: Tx, day: date, scope: str | None) -> list[UUID]:
    """The entries in force on a day. Raises `NotFound` when there is none."""
    found = [row.id for row in await tx.execute(ON, {"day": day, "scope": scope})]
    if not found:
        raise NotFound("calendar_day_unknown", f"No day off is recorded on {day}.")
    return found


async def year(tx: Tx, number: int, states: Sequence[EntryState]) -> list[Entry]:
    values = {"first": date(number, 1, 1), "last": date(number, 12, 31), "states": [str(s) for s in states]}
    return [from_row(row) for row in await tx.execute(YEAR, values)]


def seed_rows(now: datetime) -> list[dict[str, Any]]:
    """The seed of this release, under identifiers that do not change from one start to the next."""
    entries = [
        Entry(
            id=uuid5(NAMESPACE, f"calendar/{day.date}/{day.kind}/{day.feast or day.name['en']}"),
            day=day,
            proposed_by=SEEDER,
            proposed_at=now,
            state=EntryState.IN_FORCE,
        )
        for day in load_seed()
    ]
    return [to_row(entry) for entry in entries]


def to_row(entry: Entry) -> dict[str, Any]:
    day = entry.day
    return {
        "id": entry.id,
        "date": day.date,
        "kind": str(day.kind),
        "status": str(day.status),
        "name": json.dumps(day.name, ensure_ascii=False),
        "source": day.source,
        "announced_at": day.announced_at,
        "scope": day.scope,
        "feast": day.feast,
        "earliest": day.earliest,
        "latest": day.latest,
        "replaces": list(entry.replaces),
        "off": entry.off,
        "state": str(entry.state),
        "proposed_by": entry.proposed_by,
        "proposed_at": entry.proposed_at,
        "confirmed_by": entry.confirmed_by,
        "confirmed_at": entry.confirmed_at,
        "version": entry.version,
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Entry:
    return Entry(
        id=row.id,
        day=CalendarDay(
            date=row.date,
            kind=Kind(row.kind),
            status=Status(row.status),
            name=row.name,
            source=row.source,
            announced_at=row.announced_at,
            scope=row.scope,
            feast=row.feast,
            earliest=row.earliest,
            latest=row.latest,
        ),
        replaces=tuple(row.replaces),
        off=row.off,
        state=EntryState(row.state),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        version=row.version,
    )
