"""What the window asked, until it is answered; and the keys that it asks with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.civil_status.domain.act import Act
from services.civil_status.domain.matching import MOST, Criteria
from services.civil_status.domain.writing import Script
from services.civil_status.events.matching import (
    MATCHING,
    SEALING_KEY,
    KeyDestroyed,
    KeyPublished,
    MatchingEvent,
)
from services.civil_status.store.acts import SELECT, from_row, identified, numbered
from shared.db import Tx

LIFE: Final = timedelta(days=30)
"""For how long a key is sealed with."""
GRACE: Final = timedelta(days=21)
"""Between the last seal and the destruction of its key: longer than topics keep
(JAMAA_KAFKA_RETENTION_DAYS, 14), so that whatever can still arrive can still be read.
"""

ASK = text("""
    INSERT INTO civil_status.asked (request, collectivity, asked_at, sealed, reply_key, output)
    VALUES (:request, :collectivity, :asked_at, :sealed, CAST(:reply_key AS jsonb), :output)
    ON CONFLICT (request) DO UPDATE SET asked_at = excluded.asked_at, sealed = excluded.sealed,
      reply_key = excluded.reply_key, output = excluded.output, answered_at = NULL, outcome = NULL""")
NEXT = text("""
    SELECT request, collectivity, sealed, reply_key, output FROM civil_status.asked WHERE sealed IS NOT NULL
    ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED""").columns(reply_key=JSONB)
ANSWERED = text("""
    UPDATE civil_status.asked SET sealed = NULL, reply_key = NULL, answered_at = :at, outcome = :outcome
    WHERE request = :request""")


def _named(wanted: str, block: str, part: str) -> str:
    """Whether somebody of the act is called that, or was ever restated so, in any script."""
    asked = f"territory.fold(CAST(:{wanted} AS text))"
    written = (f"territory.fold(body #>> '{{{block},{part},{script}}}')" for script in Script)
    return f"""(CAST(:{wanted} AS text) IS NULL OR {asked} IN ({", ".join(written)})
        OR EXISTS (SELECT FROM civil_status.mention m, jsonb_each_text(m.body -> 'changes') AS c (field, said)
          WHERE m.act = act.id AND c.field LIKE '{block}.{part}.%' AND territory.fold(c.said) = {asked}))"""


BY_DAY = text(f"""{SELECT}
    WHERE (event_on = :on OR id = ANY (ARRAY(SELECT act FROM civil_status.renamed WHERE event_on = :on)))
      AND kind = :kind AND state <> 'annulled'
      AND (body #>> '{{event,on,day}}' IS NOT NULL
        OR EXISTS (SELECT FROM civil_status.mention m
          WHERE m.act = act.id AND jsonb_exists(m.body -> 'changes', 'event.on')))
      AND {_named("given", "subject", "given")}
      AND {_named("family", "subject", "family")}
      AND {_named("mother_given", "mother", "given")}
      AND {_named("father_given", "father", "given")}
    ORDER BY id LIMIT :most""").columns(body=JSONB, mentions=JSONB)
PRESENT = text("""
    SELECT kid, retires_at FROM civil_status.sealing_key WHERE destroyed_at IS NULL
    ORDER BY retires_at DESC LIMIT 1""")
PUBLISH = text("""
    INSERT INTO civil_status.sealing_key (kid, public, published_at, retires_at, version)
    VALUES (:kid, CAST(:public AS jsonb), :published_at, :retires_at, 1)""")
SPENT = text("""
    UPDATE civil_status.sealing_key SET destroyed_at = :now, version = version + 1
    WHERE destroyed_at IS NULL AND retires_at <= :before RETURNING kid""")
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('civil_status.sealing_key'))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Sealed, as it came. `output` is what is to be read of the act, for the holder of `reply_key`."""

    request: str
    collectivity: str
    sealed: str
    reply_key: Mapping[str, Any] | None
    output: str | None


async def ask(tx: Tx, question: Question) -> None:
    """Kept until it is answered. The same request again, asked otherwise, is a new question."""
    await tx.execute(
        ASK,
        {
            "request": question.request,
            "collectivity": question.collectivity,
            "asked_at": tx.now,
            "sealed": question.sealed,
            "reply_key": None if question.reply_key is None else json.dumps(question.reply_key),
            "output": question.output,
        },
    )


async def next_question(tx: Tx) -> Question | None:
    """The oldest that nobody else is answering, locked."""
    row = (await tx.execute(NEXT)).one_or_none()
    return (
        None
        if row is None
        else Question(
            request=row.request,
            collectivity=row.collectivity,
            sealed=row.sealed,
            reply_key=row.reply_key,
            output=row.output,
        )
    )


async def candidates(tx: Tx, wanted: Criteria) -> list[Act]:
    """Acts by identifier, by number, or by the day and all the names, in any script: one more than are looked
    at where there are more.
    """
    if wanted.identifier is not None:
        return await identified(tx, wanted.identifier)
    if wanted.office is not None and wanted.year is not None and wanted.number is not None:
        act = await numbered(tx, wanted.kind, wanted.office, wanted.year, wanted.number)
        return [] if act is None else [act]
    names = {name: getattr(wanted, name) for name in ("given", "family", "mother_given", "father_given")}
    values = names | {"on": wanted.event_on, "kind": wanted.kind.value, "most": MOST + 1}
    return [from_row(row) for row in await tx.execute(BY_DAY, values)]


async def answered(tx: Tx, question: Question, event: MatchingEvent) -> None:
    """The answer, and the question gone: only that it was asked, and how it ended, stays."""
    outcome = event.TYPE.split(".")[-2]
    await tx.execute(ANSWERED, {"request": question.request, "at": tx.now, "outcome": outcome})
    await tx.emit(MATCHING, question.request, question.collectivity, event)


async def present_key(tx: Tx) -> tuple[str, datetime] | None:
    """The key that others seal with, and until when. One transaction at a time changes keys."""
    await tx.execute(ONE_AT_A_TIME)
    row = (await tx.execute(PRESENT)).one_or_none()
    return None if row is None else (row.kid, row.retires_at)


async def publish(tx: Tx, kid: str, public: dict[str, str]) -> None:
    until = tx.now + LIFE
    values = {"kid": kid, "public": json.dumps(public), "published_at": tx.now, "retires_at": until}
    await tx.execute(PUBLISH, values)
    await tx.emit(SEALING_KEY, kid, "", KeyPublished(public=public, published_at=tx.now, retires_at=until))


async def spent(tx: Tx) -> list[str]:
    """Keys whose time is over, announced as destroyed: the caller has destroyed, or destroys, them."""
    rows = await tx.execute(SPENT, {"now": tx.now, "before": tx.now - GRACE})
    kids = sorted(row.kid for row in rows)
    for kid in kids:
        await tx.emit(SEALING_KEY, kid, "", KeyDestroyed(destroyed_at=tx.now))
    return kids
