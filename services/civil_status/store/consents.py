"""Consents, answers to other administrations, and searches that found nothing."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from services.civil_status.domain.consent import MOST_MISSES, Consent
from services.civil_status.events.consent import (
    CONSENT,
    EXCHANGE,
    LOOKUP,
    ConsentGiven,
    ConsentRevoked,
    ExchangeEvent,
    LookupMissed,
)
from shared.db import Tx
from shared.errors import NotFound
from shared.time import civil_day

COLUMNS: Final = (
    "id, act, identifier, collectivity, giver, administration, purpose, given_at, ends_at,"
    " revoked_at, version"
)
NAMES: Final = COLUMNS.split(", ")
INSERT = text(
    f"INSERT INTO civil_status.consent ({COLUMNS}) VALUES ({', '.join(f':{name}' for name in NAMES)})"
)
REVOKE = text("UPDATE civil_status.consent SET revoked_at = :revoked_at, version = :version WHERE id = :id")
LOCK = text(f"SELECT {COLUMNS} FROM civil_status.consent WHERE id = :id FOR UPDATE")
MINE = text(f"""
    SELECT {COLUMNS} FROM civil_status.consent WHERE giver = :giver
      AND (CAST(:after_at AS timestamptz) IS NULL OR (given_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY given_at DESC, id DESC LIMIT :limit""")
CONSENTED = text(
    "SELECT consent, act FROM civil_status.consented(:identifier, :administration, :purpose, :now)"
)
ANSWER = text("""
    INSERT INTO civil_status.exchange (id, administration, purpose, asked_at, collectivity, act, consent,
    outcome) VALUES (:id, :administration, :purpose, :asked_at, :collectivity, :act, :consent, :outcome)""")
MISSED = text("""
    INSERT INTO civil_status.missed AS m VALUES (:reader, :day, 1)
    ON CONFLICT (reader, day) DO UPDATE SET misses = m.misses + 1 RETURNING misses""")
MISSES = text("SELECT misses FROM civil_status.missed WHERE reader = :reader AND day = :day")


async def locked(tx: Tx, consent_id: UUID) -> Consent:
    """Raises `NotFound`, also for what row-level security hides."""
    row = (await tx.execute(LOCK, {"id": consent_id})).one_or_none()
    if row is None:
        raise NotFound("consent_unknown", "There is no such consent of yours.")
    return from_row(row)


async def given_by(tx: Tx, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Consent]:
    """The caller's, the newest first."""
    values = {"giver": tx.actor.subject, "after_at": after and after[0], "after_id": after and after[1]}
    return [from_row(row) for row in await tx.execute(MINE, values | {"limit": limit})]


async def save(tx: Tx, consent: Consent, *, because: ConsentGiven | ConsentRevoked) -> None:
    sequence = await tx.emit(CONSENT, consent.id, consent.collectivity, because)
    assert sequence == consent.version  # the row was locked when it was loaded
    values = {name: getattr(consent, name) for name in NAMES}
    if consent.version == 1:
        await tx.execute(INSERT, values)
    else:
        await tx.execute(REVOKE, {name: values[name] for name in ("id", "revoked_at", "version")})


async def consented(tx: Tx, identifier: str, purpose: str) -> tuple[UUID, UUID] | None:
    """The consent in force and its act, which the caller sees from now on in this transaction; None
    without.
    """
    values = {"identifier": identifier, "administration": tx.actor.subject, "purpose": purpose, "now": tx.now}
    row = (await tx.execute(CONSENTED, values)).one_or_none()
    return None if row is None else (row.consent, row.act)


async def exchanged(
    tx: Tx, exchange: UUID, collectivity: str, *, because: ExchangeEvent, outcome: str
) -> None:
    """What was answered to another administration, or refused it, with its event."""
    values = {
        "id": exchange,
        "administration": because.administration,
        "purpose": because.purpose,
        "asked_at": tx.now,
        "collectivity": collectivity,
        "act": because.act,
        "consent": because.consent,
        "outcome": outcome,
    }
    await tx.execute(ANSWER, values)
    await tx.emit(EXCHANGE, exchange, collectivity, because)


async def suspended(tx: Tx) -> bool:
    """Whether the caller found nothing so often today that they search no more."""
    values = {"reader": tx.actor.subject, "day": civil_day(tx.now)}
    return ((await tx.execute(MISSES, values)).scalar_one_or_none() or 0) >= MOST_MISSES


async def missed(tx: Tx, purpose: str) -> None:
    """Counts and announces a search that found nothing. Call it last."""
    values = {"reader": tx.actor.subject, "day": civil_day(tx.now)}
    misses: int = (await tx.execute(MISSED, values)).scalar_one()
    event = LookupMissed(purpose=purpose, misses=misses, missed_at=tx.now, suspended=misses >= MOST_MISSES)
    where = min(tx.actor.communes | tx.actor.provinces, default="")
    await tx.emit(LOOKUP, tx.actor.subject, where, event)


async def searched_in_vain(tx: Tx, purpose: str) -> None:
    """Announces a search by name that found nothing. It does not count as a guess: whoever knows no number
    spells. Call it last.
    """
    values = {"reader": tx.actor.subject, "day": civil_day(tx.now)}
    misses: int = (await tx.execute(MISSES, values)).scalar_one_or_none() or 0
    event = LookupMissed(purpose=purpose, misses=misses, missed_at=tx.now, suspended=False)
    await tx.emit(LOOKUP, tx.actor.subject, min(tx.actor.communes | tx.actor.provinces, default=""), event)


def from_row(row: Row[*tuple[Any, ...]]) -> Consent:
    return Consent(**{name: getattr(row, name) for name in NAMES})
