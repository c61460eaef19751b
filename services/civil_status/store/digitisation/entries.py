"""Acts in work in PostgreSQL, and who holds them: loaded to be changed, one is locked until the transaction
ends.
"""

import dataclasses
import json
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, Final, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain.digitisation.entry import Entry, Hold, Keying, held_by_another
from services.civil_status.domain.digitisation.states import WORK, EntryState
from services.civil_status.domain.digitisation.transcription import Transcription
from services.civil_status.domain.states import Action
from services.civil_status.domain.values import Blocks
from services.civil_status.events import ActKind
from services.civil_status.events.digitisation import ENTRY, EntryEvent
from shared.db import Tx
from shared.errors import Conflict, NotFound, Stale

IN_COLUMNS: Final = ("id", "volume", "number", "collectivity", "state", "version")
ELSEWHERE: Final = frozenset({*IN_COLUMNS, "keyings", "hold"})
SELECT: Final = """
    SELECT e.id, e.volume, e.number, e.collectivity, e.state, e.version, e.body, h.holder, h.until,
      coalesce((SELECT jsonb_agg(jsonb_build_object('ordinal', k.ordinal, 'operator', k.operator,
          'keyed_at', k.keyed_at, 'said', k.body) ORDER BY k.ordinal)
        FROM civil_status.keying k WHERE k.entry = e.id AND k.round = (e.body ->> 'round')::int), '[]')
      AS keyings
    FROM civil_status.entry e
    LEFT JOIN civil_status.hold h ON h.entry = e.id AND h.until > clock_timestamp()"""


def _read(sql: str) -> Any:
    return text(sql).columns(body=JSONB, keyings=JSONB)


ONE = _read(f"{SELECT} WHERE e.id = :id")
# A statement of its own: who waited for the row would else see it with the keyings of before the wait.
LOCK = text("SELECT FROM civil_status.entry WHERE id = :id FOR UPDATE")
LOCK_NUMBERS = text("""
    SELECT FROM civil_status.entry WHERE volume = :volume AND number = ANY(CAST(:numbers AS int[]))
    ORDER BY id FOR UPDATE""")
OF_VOLUME = _read(f"""{SELECT} WHERE e.volume = :volume
      AND (CAST(:states AS text[]) IS NULL OR e.state = ANY(CAST(:states AS text[])))
      AND (NOT CAST(:free AS boolean) OR h.holder IS NULL)
      AND e.number > :after ORDER BY e.number LIMIT :limit""")
NUMBERS = _read(f"""{SELECT} WHERE e.volume = :volume AND e.number = ANY(CAST(:numbers AS int[]))
      AND e.state = :state ORDER BY e.id""")
COUNTS = text("SELECT state, number FROM civil_status.entry WHERE volume = :volume ORDER BY number")
INSERT = text(
    f"INSERT INTO civil_status.entry ({', '.join(IN_COLUMNS)}, body)"
    f" VALUES ({', '.join(f':{name}' for name in IN_COLUMNS)}, CAST(:body AS jsonb))"
)
UPDATE = text(
    "UPDATE civil_status.entry SET state = :state, version = :version, body = CAST(:body AS jsonb)"
    " WHERE id = :id"
)
KEYED = text("""
    INSERT INTO civil_status.keying (entry, round, ordinal, collectivity, operator, keyed_at, body)
    VALUES (:entry, :round, :ordinal, :collectivity, :operator, :keyed_at, CAST(:body AS jsonb))
    ON CONFLICT (entry, round, ordinal) DO NOTHING""")
# By the real clock, in one statement: of two who ask at once, the second sees the first's row.
TAKE = text("""
    INSERT INTO civil_status.hold AS h (entry, collectivity, holder, until)
    VALUES (:entry, :collectivity, :holder, clock_timestamp() + CAST(:length AS interval))
    ON CONFLICT (entry) DO UPDATE SET holder = excluded.holder, until = excluded.until
      WHERE h.holder = excluded.holder OR h.until <= clock_timestamp()
    RETURNING holder, until""")
HELD = text("SELECT holder, until FROM civil_status.hold WHERE entry = :entry")
# What the caller holds comes first. A row that somebody is taking now is passed over.
NEXT = text("""
    SELECT e.id FROM civil_status.entry e JOIN civil_status.volume v ON v.id = e.volume
    LEFT JOIN civil_status.hold h ON h.entry = e.id AND h.until > clock_timestamp()
    WHERE v.state = 'keying' AND e.state = ANY(CAST(:states AS text[]))
      AND (h.holder IS NULL OR h.holder = :by)
      AND NOT EXISTS (SELECT FROM civil_status.keying k WHERE k.entry = e.id
        AND k.round = (e.body ->> 'round')::int AND k.operator = :by)
    ORDER BY h.holder IS NULL, v.opened_at, e.volume, e.number LIMIT 1 FOR UPDATE OF e SKIP LOCKED""")
RELEASE = text("DELETE FROM civil_status.hold WHERE entry = :entry AND holder = :holder")
END = text("DELETE FROM civil_status.hold WHERE entry = :entry")
ON_PAGE = text("""
    SELECT e.number, e.state, h.holder FROM civil_status.entry e
    LEFT JOIN civil_status.hold h ON h.entry = e.id AND h.until > clock_timestamp()
    WHERE e.volume = :volume AND e.body -> 'pages' @> to_jsonb(CAST(:page AS int))
    ORDER BY e.id FOR UPDATE OF e""")
UNREAD: Final = frozenset({EntryState.WAITING, EntryState.REJECTED})
RESEMBLING = text("SELECT id FROM civil_status.resembling(:kind, :on, :given, :mother)")
REFERENCES = text("""
    SELECT id, reference FROM civil_status.resembling(:kind, :on, :given, :mother)
    WHERE id = ANY(CAST(:ids AS uuid[]))""")


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    hints = get_type_hints(Entry)
    names = [field.name for field in dataclasses.fields(Entry)]
    return {name: TypeAdapter(hints[name]) for name in names if name not in ELSEWHERE}


@cache
def _keying() -> TypeAdapter[Keying]:
    return TypeAdapter(Keying)


@cache
def _said() -> TypeAdapter[Transcription]:
    return TypeAdapter(Transcription)


async def get(tx: Tx, entry_id: UUID) -> Entry:
    """To read. Raises `NotFound`, also for what row-level security hides."""
    return _found((await tx.execute(ONE, {"id": entry_id})).one_or_none())


async def locked(tx: Tx, entry_id: UUID, *, version: int | None = None) -> Entry:
    """To change. Raises `NotFound`, and `Stale` when the caller read another version than this one."""
    await tx.execute(LOCK, {"id": entry_id})
    found = await get(tx, entry_id)
    if version is not None and version != found.version:
        raise Stale("entry_changed", version=found.version)
    return found


async def of_volume(
    tx: Tx, volume: UUID, *, states: Sequence[EntryState] | None, free: bool, after: int, limit: int
) -> list[Entry]:
    """By number; `free` leaves out what somebody holds."""
    values = {
        "volume": volume,
        "states": None if states is None else [str(state) for state in states],
        "free": free,
        "after": after,
        "limit": limit,
    }
    return [from_row(row) for row in await tx.execute(OF_VOLUME, values)]


async def numbered(tx: Tx, volume: UUID, numbers: Sequence[int], state: EntryState) -> list[Entry]:
    """Those of these numbers that are in that state, each locked, in the order of their ids."""
    values: dict[str, Any] = {"volume": volume, "numbers": list(numbers)}
    await tx.execute(LOCK_NUMBERS, values)
    values["state"] = state.value
    return [from_row(row) for row in await tx.execute(NUMBERS, values)]


async def states(tx: Tx, volume: UUID) -> dict[int, EntryState]:
    """By number."""
    return {row.number: EntryState(row.state) for row in await tx.execute(COUNTS, {"volume": volume})}


async def reading(tx: Tx, volume: UUID, page: int) -> list[int]:
    """Acts that were read from this page, or that another than the caller holds; locked, so that nobody keys
    one meanwhile.
    """
    rows = await tx.execute(ON_PAGE, {"volume": volume, "page": page})
    return [
        row.number
        for row in rows
        if EntryState(row.state) not in UNREAD or row.holder not in {None, tx.actor.subject}
    ]


async def save(tx: Tx, entry: Entry, *, because: EntryEvent) -> None:
    """With its last keying; a hold that the entry no longer has is ended."""
    if entry.version == 1:
        await tx.execute(INSERT, to_row(entry))
    else:
        await tx.execute(UPDATE, to_row(entry))
        if entry.hold is None:
            await tx.execute(END, {"entry": entry.id})
    if entry.keyings:
        last = entry.keyings[-1]
        await tx.execute(
            KEYED,
            {
                "entry": entry.id,
                "round": entry.round,
                "ordinal": last.ordinal,
                "collectivity": entry.collectivity,
                "operator": last.operator,
                "keyed_at": last.keyed_at,
                "body": _said().dump_json(last.said).decode(),
            },
        )
    sequence = await tx.emit(ENTRY, entry.id, entry.collectivity, because)
    assert sequence == entry.version  # the row was locked when it was loaded


async def take(tx: Tx, entry: Entry, length: timedelta) -> Hold:
    """For the caller, or for longer when it is theirs. Raises Conflict `held_by_another`."""
    values = {
        "entry": entry.id,
        "collectivity": entry.collectivity,
        "holder": tx.actor.subject,
        "length": length,
    }
    row = (await tx.execute(TAKE, values)).one_or_none()
    if row is None:
        row = (await tx.execute(HELD, {"entry": entry.id})).one()
        raise held_by_another(Hold(holder=row.holder, until=row.until))
    return Hold(holder=row.holder, until=row.until)


async def take_next(tx: Tx, work: Action, length: timedelta) -> Entry | None:
    """The first act that waits for this work, in which the caller has no part yet and which nobody else
    holds; held for the caller.
    """
    states = [state.value for state, needed in WORK.items() if needed is work]
    while row := (await tx.execute(NEXT, {"states": states, "by": tx.actor.subject})).one_or_none():
        entry = await get(tx, row.id)
        try:
            entry.hold = await take(tx, entry, length)
        except Conflict:  # somebody took it between our look and our lock: the next look sees that
            continue
        return entry
    return None


async def release(tx: Tx, entry: Entry) -> None:
    """What the caller holds; nothing otherwise."""
    await tx.execute(RELEASE, {"entry": entry.id, "holder": tx.actor.subject})


async def resembling(tx: Tx, kind: ActKind, blocks: Blocks) -> list[UUID]:
    """Acts anywhere in the country that seem to say the same."""
    return [row.id for row in await tx.execute(RESEMBLING, _resemblance(kind, blocks))]


async def references(tx: Tx, kind: ActKind, blocks: Blocks, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Of those that resemble it: number, year and office, also where the caller sees no more."""
    values = _resemblance(kind, blocks) | {"ids": list(ids)}
    return {row.id: row.reference for row in await tx.execute(REFERENCES, values)}


def _resemblance(kind: ActKind, blocks: Blocks) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "on": blocks.event.on.first,
        "given": blocks.subject.given.ar,
        "mother": blocks.mother.given.ar if blocks.mother else None,
    }


def _found(row: Row[*tuple[Any, ...]] | None) -> Entry:
    if row is None:
        raise NotFound(
            "entry_unknown",
            {
                "ar": "لا يوجد رسم قيد الرقمنة بهذا المعرف ضمن ما يحق لكم الاطلاع عليه.",
                "fr": "Aucun acte en numérisation de cet identifiant parmi ceux que vous pouvez consulter.",
                "en": "There is no such act under digitisation among those that you may see.",
            },
        )
    return from_row(row)


def to_row(entry: Entry) -> dict[str, Any]:
    body = {
        name: adapter.dump_python(getattr(entry, name), mode="json") for name, adapter in _adapters().items()
    }
    row = {name: getattr(entry, name) for name in IN_COLUMNS}
    return row | {"state": entry.state.value, "body": json.dumps(body, ensure_ascii=False)}


def from_row(row: Row[*tuple[Any, ...]]) -> Entry:
    known = _adapters()
    body = {name: known[name].validate_python(value) for name, value in row.body.items() if name in known}
    columns = {name: getattr(row, name) for name in IN_COLUMNS}
    return Entry(
        **(columns | {"state": EntryState(row.state)} | body),
        keyings=[_keying().validate_python(one) for one in row.keyings],
        hold=None if row.holder is None else Hold(holder=row.holder, until=row.until),
    )
