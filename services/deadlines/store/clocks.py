"""Clocks in PostgreSQL. Whoever loads one to change it holds its row until the transaction ends; what became
of those of a transaction is written at its end, by `Clocks.write`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

from sqlalchemy import ARRAY, Row, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from services.deadlines.domain.calendar import Calendar
from services.deadlines.domain.clock import Clock, File, State
from services.deadlines.domain.counting import Extension, Interruption, Restart, Suspension
from services.deadlines.domain.loading import rulebook
from services.deadlines.domain.rules import Meaning, Warn
from services.deadlines.events import CLOCKS, ClockEvent
from services.deadlines.store import calendar
from shared.data import Names
from shared.db import Tx
from shared.errors import NotFound
from shared.outbox import Announcements
from shared.time import civil_day

COLUMNS: Final = (
    "id, service, aggregate, aggregate_id, procedure, collectivity, rule, rule_version, role, on_expiry,"
    " discriminator, ordinal, parent, started_at, month, state, interruptions, last_day, answer_by,"
    " remaining_days, provisional, settled_at, officer_safe_by, applicant_safe_from, first_half_until,"
    " not_before, warnings, warned, generation, elapsed_at, closed_at, outcome, in_time, version,"
    " calendar_revision, next_at"
)
JSON: Final = frozenset({"interruptions", "warnings"})
FIXED: Final = frozenset(
    {
        "id",
        "service",
        "aggregate",
        "aggregate_id",
        "procedure",
        "collectivity",
        "rule",
        "rule_version",
        "role",
    }
    | {"on_expiry", "discriminator", "ordinal", "parent", "started_at", "month"}
)


def _names() -> list[str]:
    return [name.strip() for name in COLUMNS.split(",")]


def _bound(name: str) -> str:
    return f"CAST(:{name} AS jsonb)" if name in JSON else f":{name}"


def _read(sql: str) -> Any:
    return text(sql).columns(interruptions=JSONB, warnings=JSONB, warned=ARRAY(Text))


SAVE = text(
    f"INSERT INTO deadlines.clock ({COLUMNS}) VALUES ({', '.join(_bound(name) for name in _names())})"
    " ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _names() if name not in FIXED)
    + ", failures = 0, last_error = NULL, next_try = '-infinity'"
)
BY_ID = _read(f"SELECT {COLUMNS} FROM deadlines.clock WHERE id = :id")
# Replicas find the same clocks in the same order, and would only wait for each other. Nothing is lost by what
# is skipped: a clock stays due until its row says otherwise, and no order between two clocks matters.
LOCK = _read(f"""
    SELECT {COLUMNS}, origin ->> 'correlation_id' AS correlation_id, origin ->> 'traceparent' AS traceparent
    FROM deadlines.clock c LEFT JOIN LATERAL (SELECT headers AS origin FROM msg.event_log e
        WHERE e.aggregatetype = 'clock' AND e.aggregateid = CAST(c.id AS text) ORDER BY seq DESC LIMIT 1
      ) AS o ON true
    WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE OF c SKIP LOCKED""")
LOCK_FILES = _read(f"""
    SELECT {COLUMNS} FROM deadlines.clock c JOIN (SELECT DISTINCT * FROM
      unnest(CAST(:services AS text[]), CAST(:aggregates AS text[]), CAST(:ids AS text[]))
        AS w (service, aggregate, aggregate_id)) w USING (service, aggregate, aggregate_id)
    ORDER BY id FOR UPDATE OF c""")
DUE = text("""
    SELECT id FROM deadlines.clock WHERE next_at <= :now AND next_try <= clock_timestamp()
    ORDER BY next_at, id LIMIT :limit""")
STALE = text("""
    SELECT id FROM deadlines.clock WHERE state = 'running' AND calendar_revision < :revision
      AND next_try <= clock_timestamp() ORDER BY calendar_revision, id LIMIT :limit""")
COUNTED = text("UPDATE deadlines.clock SET calendar_revision = :revision WHERE id = ANY(:ids)")
REST = text("UPDATE deadlines.clock SET next_at = :next_at, warned = :warned WHERE id = :id")
FAILED = text("""
    UPDATE deadlines.clock SET failures = failures + 1, last_error = :error,
      next_try = clock_timestamp() + make_interval(secs => least(3600, 2 ^ least(failures, 12)))
    WHERE id = :id RETURNING failures""")
MILESTONE = text("""
    INSERT INTO deadlines.milestone VALUES (:clock, :meaning, :at) ON CONFLICT DO NOTHING""")
LIST = _read(f"""
    SELECT {COLUMNS} FROM deadlines.clock
    WHERE (CAST(:collectivities AS text[]) IS NULL OR collectivity = ANY(CAST(:collectivities AS text[])))
      AND (CAST(:service AS text) IS NULL OR service = :service)
      AND (CAST(:aggregate_id AS text) IS NULL OR aggregate_id = :aggregate_id)
      AND (CAST(:procedure AS text) IS NULL OR procedure = :procedure)
      AND (CAST(:rule AS text) IS NULL OR rule = :rule)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY(CAST(:states AS text[])))
      AND (CAST(:due_before AS timestamptz) IS NULL OR answer_by < :due_before)
      AND (CAST(:due_from AS timestamptz) IS NULL OR answer_by >= :due_from)
      AND (CAST(:elapsed_from AS timestamptz) IS NULL
        OR (elapsed_at >= :elapsed_from AND in_time IS DISTINCT FROM true))
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (coalesce(answer_by, 'infinity'), id) > (:after_at, CAST(:after_id AS uuid)))
    ORDER BY coalesce(answer_by, 'infinity'), id LIMIT :limit""")
HISTORY = text("SELECT seq, type, payload, occurred_at FROM msg.history('clock', :id)")


class Origin(NamedTuple):
    """What a clock's last event said of where it came from: what happens to the clock now goes on from it, in
    the same correlation, in a trace linked to it. None where its part of the log has been archived.
    """

    correlation_id: str | None
    traceparent: str | None


class Clocks:
    """Clocks inside one transaction, any number of them. `revision` is the calendar's.

    Nothing is written before `write`: then every event and every row, each in one statement for all.
    """

    def __init__(self, tx: Tx, revision: int) -> None:
        self.tx = tx
        self.revision = revision
        self._counted: dict[UUID, int] = {}  # the revision under which each locked clock was counted
        self._files: dict[tuple[str, str, str], list[Clock]] = {}
        self._why: dict[int, tuple[Names, str, datetime] | None] = {}
        self._events = Announcements(tx)
        self._changed: list[Clock] = []  # one for each event
        self._unmoved: list[UUID] = []
        self._rested: list[dict[str, Any]] = []
        self._milestones: list[dict[str, Any]] = []

    def save(self, clock: Clock, *, because: ClockEvent) -> None:
        """The row and its event, in one transaction: neither exists without the other."""
        self._events.add(CLOCKS, clock.id, clock.file.collectivity, because)
        self._changed.append(clock)
        self._counted[clock.id] = self.revision

    async def write(self) -> int:
        """To be called once, at the end. Returns how many events there were."""
        for clock, sequence in zip(self._changed, await self._events.write(), strict=True):
            clock.version = sequence
        rows = {clock.id: to_row(clock) | {"calendar_revision": self.revision} for clock in self._changed}
        for statement, values in (
            (SAVE, list(rows.values())),
            (REST, self._rested),
            (MILESTONE, self._milestones),
        ):
            if values:
                await self.tx.execute(statement, values)
        if self._unmoved:
            await self.tx.execute(COUNTED, {"ids": self._unmoved, "revision": self.revision})
        return len(self._changed)

    def stale(self, clock: Clock) -> bool:
        """Whether the calendar changed since a clock that runs was counted."""
        return clock.state is State.RUNNING and self._counted.get(clock.id, self.revision) < self.revision

    async def recount(self, clock: Clock, days: Calendar) -> None:
        """Counts a stale clock again."""
        if not self.stale(clock):
            return
        since = self._counted[clock.id]
        if since not in self._why:
            self._why[since] = await calendar.changes(self.tx, since)
        why = self._why[since]
        if why and (moved := clock.recount(days, *why, self.tx.now)):
            self.save(clock, because=moved)
        else:
            self._unmoved.append(clock.id)
            self._counted[clock.id] = self.revision

    def rest(self, clock: Clock) -> None:
        """Nothing to announce after all, for instance a warning whose date has passed."""
        values = {"id": clock.id, "next_at": clock.next_at, "warned": sorted(map(str, clock.warned))}
        self._rested.append(values)

    async def get(self, clock_id: UUID) -> Clock:
        """Raises `NotFound`, also for what row-level security hides."""
        row = (await self.tx.execute(BY_ID, {"id": clock_id})).one_or_none()
        if row is None:
            raise NotFound("clock_unknown_id", "There is no such clock in your territory.")
        return from_row(row)

    async def locked(self, ids: Sequence[UUID]) -> list[tuple[Clock, Origin]]:
        """In this order; what was deleted meanwhile is left out, and what somebody else holds."""
        rows = {row.id: row for row in await self.tx.execute(LOCK, {"ids": list(ids)})}
        return [
            (self._locked(row), Origin(row.correlation_id, row.traceparent))
            for row in (rows[clock_id] for clock_id in ids if clock_id in rows)
        ]

    async def hold(self, files: Collection[File]) -> None:
        """Loads and locks the clocks of these files, in the order of their identifiers."""
        keys = list(dict.fromkeys(_key(file) for file in files))
        if not keys:
            return
        self._files |= {key: [] for key in keys}
        columns = dict(
            zip(("services", "aggregates", "ids"), map(list, zip(*keys, strict=True)), strict=True)
        )
        for row in await self.tx.execute(LOCK_FILES, columns):
            clock = self._locked(row)
            self._files[_key(clock.file)].append(clock)

    def of_file(self, file: File) -> list[Clock]:
        """All clocks of a file that was loaded; whoever opens one adds it here."""
        return self._files[_key(file)]

    def _locked(self, row: Row[*tuple[Any, ...]]) -> Clock:
        clock = from_row(row)
        self._counted[clock.id] = row.calendar_revision
        return clock

    def milestone(self, clock: Clock, meaning: Meaning, at: datetime) -> None:
        self._milestones.append({"clock": clock.id, "meaning": meaning, "at": at})


def _key(file: File) -> tuple[str, str, str]:
    return file.service, file.aggregate, file.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list of clocks is narrowed to; None leaves it open. Instants are UTC, `due_before` is excluded.
    `elapsed_from` leaves out what was answered in time and heard of after the expiry.
    """

    collectivities: Sequence[str] | None = None
    service: str | None = None
    aggregate_id: str | None = None
    procedure: str | None = None
    rule: str | None = None
    states: Sequence[State] | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    elapsed_from: datetime | None = None


async def find(tx: Tx, where: Filter, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Clock]:
    """In the order of legal urgency: what is due first comes first, what is suspended last."""
    values = {
        "collectivities": None if where.collectivities is None else list(where.collectivities),
        "service": where.service,
        "aggregate_id": where.aggregate_id,
        "procedure": where.procedure,
        "rule": where.rule,
        "states": None if where.states is None else [str(state) for state in where.states],
        "due_from": where.due_from,
        "due_before": where.due_before,
        "elapsed_from": where.elapsed_from,
        "after_at": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(LIST, values)]


async def due(tx: Tx, limit: int) -> list[UUID]:
    """Clocks that have something to announce now by legal time, the most urgent first; none is locked."""
    return [row.id for row in await tx.execute(DUE, {"now": tx.now, "limit": limit})]


async def stale(tx: Tx, revision: int, limit: int) -> list[UUID]:
    """Running clocks that were last counted under an older calendar."""
    return [row.id for row in await tx.execute(STALE, {"revision": revision, "limit": limit})]


async def failed(tx: Tx, clock_id: UUID, error: str) -> int:
    """Puts a clock that cannot be announced out of the others' way; returns how often it failed."""
    failures: int = (await tx.execute(FAILED, {"id": clock_id, "error": error})).scalar_one()
    return failures


async def history(tx: Tx, clock_id: UUID, as_of: datetime) -> list[tuple[ClockEvent, datetime]]:
    """What a clock announced up to an instant, in order, and when."""
    rows = await tx.execute(HISTORY, {"id": str(clock_id)})
    return [
        (cast("ClockEvent", CLOCKS.types[row.type].read(row.payload)), row.occurred_at)
        for row in rows
        if row.occurred_at <= as_of
    ]


def to_row(clock: Clock) -> dict[str, Any]:
    return {
        "id": clock.id,
        "service": clock.file.service,
        "aggregate": clock.file.aggregate,
        "aggregate_id": clock.file.id,
        "procedure": clock.file.procedure,
        "collectivity": clock.file.collectivity,
        "rule": clock.rule.code,
        "rule_version": clock.rule.version,
        "role": str(clock.rule.role),
        "on_expiry": str(clock.rule.on_expiry),
        "discriminator": clock.discriminator,
        "ordinal": clock.ordinal,
        "parent": clock.parent,
        "started_at": clock.started_at,
        "month": f"{civil_day(clock.started_at):%Y-%m}",
        "state": str(clock.state),
        "interruptions": json.dumps([_dump(one) for one in clock.interruptions]),
        "last_day": clock.last_day,
        "answer_by": clock.answer_by,
        "remaining_days": clock.remaining_days,
        "provisional": clock.provisional,
        "settled_at": clock.settled_at,
        "officer_safe_by": clock.officer_safe_by,
        "applicant_safe_from": clock.applicant_safe_from,
        "first_half_until": clock.first_half_until,
        "not_before": clock.not_before,
        "warnings": json.dumps({str(name): at.isoformat() for name, at in clock.warnings.items()}),
        "warned": sorted(map(str, clock.warned)),
        "generation": clock.generation,
        "elapsed_at": clock.elapsed_at,
        "closed_at": clock.closed_at,
        "outcome": clock.outcome,
        "in_time": clock.in_time,
        "version": clock.version,
        "next_at": clock.next_at,
    }


def from_row(row: Row[*tuple[Any, ...]]) -> Clock:
    return Clock(
        id=row.id,
        file=File(
            service=row.service,
            aggregate=row.aggregate,
            id=row.aggregate_id,
            procedure=row.procedure,
            collectivity=row.collectivity,
        ),
        rule=rulebook().version(row.rule, row.rule_version),
        discriminator=row.discriminator,
        ordinal=row.ordinal,
        parent=row.parent,
        started_at=row.started_at,
        state=State(row.state),
        interruptions=tuple(_load(one) for one in row.interruptions),
        last_day=row.last_day,
        answer_by=row.answer_by,
        remaining_days=row.remaining_days,
        provisional=row.provisional,
        settled_at=row.settled_at,
        officer_safe_by=row.officer_safe_by,
        applicant_safe_from=row.applicant_safe_from,
        first_half_until=row.first_half_until,
        not_before=row.not_before,
        warnings={Warn(name): datetime.fromisoformat(at) for name, at in row.warnings.items()},
        warned=frozenset(Warn(name) for name in row.warned),
        generation=row.generation,
        elapsed_at=row.elapsed_at,
        closed_at=row.closed_at,
        outcome=row.outcome,
        in_time=row.in_time,
        version=row.version,
    )


def _dump(one: Interruption) -> dict[str, Any]:
    match one:
        case Suspension(since, to):
            return {"kind": "suspension", "from": since.isoformat(), "to": to and to.isoformat()}
        case Restart(to):
            return {"kind": "restart", "to": to.isoformat()}
        case Extension(days):
            return {"kind": "extension", "days": days}


def _load(one: Mapping[str, Any]) -> Interruption:
    match one["kind"]:
        case "suspension":
            to = one["to"]
            return Suspension(date.fromisoformat(one["from"]), to and date.fromisoformat(to))
        case "restart":
            return Restart(date.fromisoformat(one["to"]))
        case _:
            return Extension(one["days"])
