"""Codes by which a report without an account is followed: people have them, only their digests are kept."""

import hashlib
import secrets
from typing import Final
from uuid import UUID

from sqlalchemy import text

from services.chikaya.domain.report.filing import ALPHABET
from shared.db import Tx

LETTERS: Final = 20  # of 32 each: a hundred bits, that nobody tries out
SPOKEN: Final = 8  # of the code that a contact is sent, which is tried by whoever holds the other one
SET = text("SELECT set_config('app.following', :id, true)")
KEEP = text("INSERT INTO chikaya.follow_up (report, code_hash) VALUES (:report, :hash)")
FOLLOW = text("SELECT chikaya.follow(:reference, :hash)")
CONTACT = text("SELECT chikaya.contact_code(:report, :hash)")
SEND = text("""
    UPDATE chikaya.follow_up SET contact_hash = :hash WHERE report = :report AND contact_hash IS NULL""")


def drawn(letters: int = LETTERS) -> str:
    """In groups of four, to be written down."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(letters))
    return "-".join(code[at : at + 4] for at in range(0, letters, 4))


def digest(code: str) -> bytes:
    """However it was typed."""
    return hashlib.sha256("".join(code.upper().split()).replace("-", "").encode()).digest()


async def become_reporter(tx: Tx, report_id: UUID) -> None:
    """Of a report that is about to be written by somebody without an account."""
    await tx.execute(SET, {"id": str(report_id)})


async def keep(tx: Tx, report_id: UUID, code: str) -> None:
    await tx.execute(KEEP, {"report": report_id, "hash": digest(code)})


async def follow(tx: Tx, reference: str, code: str) -> UUID | None:
    """From now on this transaction sees that one report; None where the code is not its own."""
    found: UUID | None = (
        await tx.execute(FOLLOW, {"reference": reference.upper(), "hash": digest(code)})
    ).scalar_one()
    return found


async def contact_confirmed(tx: Tx, report_id: UUID, code: str) -> bool:
    """Whether this is the code that was sent to the contact."""
    return bool((await tx.execute(CONTACT, {"report": report_id, "hash": digest(code)})).scalar_one())


async def send(tx: Tx, report_id: UUID, code: str) -> bool:
    """The code that goes to the contact; False where one went there already."""
    return (await tx.execute(SEND, {"report": report_id, "hash": digest(code)})).rowcount == 1
