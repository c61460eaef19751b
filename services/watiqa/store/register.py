"""What the register told the window: the keys to ask it with, and which acts have changed; and the keys that
it answers to.
"""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB

from services.watiqa.domain import Request
from shared.db import Tx
from shared.sealing import Damaged, Keys

PUBLISHED = text("""
    INSERT INTO watiqa.register_key (kid, public, retires_at)
    VALUES (:kid, CAST(:public AS jsonb), :retires_at) ON CONFLICT (kid) DO NOTHING""")
DESTROYED = text("UPDATE watiqa.register_key SET destroyed_at = :at WHERE kid = :kid")
PRESENT = text("""
    SELECT public FROM watiqa.register_key WHERE destroyed_at IS NULL AND retires_at > :now
    ORDER BY retires_at DESC LIMIT 10""").columns(public=JSONB)
CHANGED = text("""
    INSERT INTO watiqa.act_version AS known (act, version) VALUES (CAST(:act AS uuid), :version)
    ON CONFLICT (act) DO UPDATE SET version = greatest(known.version, excluded.version)""")
NEWEST = text("""
    INSERT INTO watiqa.act_version AS known (act, version) VALUES (CAST(:act AS uuid), 0)
    ON CONFLICT (act) DO UPDATE SET version = known.version RETURNING version""")
MADE = text("""
    INSERT INTO watiqa.reply_key (kid, request, made_at) VALUES (:kid, :request, :at)
    ON CONFLICT DO NOTHING""")
SPENT = text("""
    SELECT k.kid FROM watiqa.reply_key k JOIN watiqa.request r ON r.id = k.request
    WHERE k.destroyed_at IS NULL AND k.kid IS DISTINCT FROM r.reply_key
    ORDER BY k.kid LIMIT 500 FOR UPDATE OF k SKIP LOCKED""")
GONE = text("UPDATE watiqa.reply_key SET destroyed_at = :at WHERE kid = ANY(:kids)")


async def published(tx: Tx, kid: str, public: dict[str, str], retires_at: datetime) -> None:
    await tx.execute(PUBLISHED, {"kid": kid, "public": json.dumps(public), "retires_at": retires_at})


async def destroyed(tx: Tx, kid: str) -> None:
    await tx.execute(DESTROYED, {"kid": kid, "at": tx.now})


async def present_keys(tx: Tx) -> list[dict[str, Any]]:
    """The keys to seal a question with, the newest first; none before the register has published one."""
    return [row.public for row in await tx.execute(PRESENT, {"now": tx.now})]


async def changed(tx: Tx, act: str, version: int) -> None:
    await tx.execute(CHANGED, {"act": act, "version": version})


async def newest(tx: Tx, act: str) -> int:
    """The version of an act whose change was heard of; 0 for one that has not changed. No change of it is
    heard until this transaction ends: one that is being heard is waited for, and the next one finds what this
    one has written.
    """
    version: int = (await tx.execute(NEWEST, {"act": act})).scalar_one()
    return version


async def made(tx: Tx, kid: str, request: UUID) -> None:
    """Put down in the transaction that asks: a key that nobody knows of would never be destroyed."""
    await tx.execute(MADE, {"kid": kid, "request": request, "at": tx.now})


async def spent(tx: Tx) -> list[str]:
    """Keys that no answer waits for any more, locked."""
    return [row.kid for row in await tx.execute(SPENT)]


async def gone(tx: Tx, kids: list[str]) -> None:
    await tx.execute(GONE, {"kids": kids, "at": tx.now})


def opened(request: Request, keys: Keys) -> dict[str, Any]:
    """What the register says of the act. Raises KeyGone, Damaged."""
    if request.answer is None:
        raise Damaged("there is no answer")
    try:
        said: dict[str, Any] = json.loads(keys.unseal(request.answer))
    except ValueError as bad:
        raise Damaged("what is under the seal is no JSON") from bad
    return said
